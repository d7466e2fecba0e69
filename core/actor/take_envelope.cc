#include "core/actor/take_envelope.h"

#include <string>
#include <utility>

#include "core/actor_system.h"
#include "core/process/process.h"

namespace nexus::core {
namespace {

// Keeps the one envelope that it gets. Nobody holds a Pid of it for longer than the call to forward().
class Hand final : public Process {
 public:
  explicit Hand(const ActorSystem& system) : system_(system) {}

  void deliver(const Pid&, EnvelopePtr envelope, Lane) override { held_ = std::move(envelope); }
  const std::string& address() const override { return system_.address(); }
  const std::string& id() const override {
    static const std::string id = "$hand";
    return id;
  }
  EnvelopePtr take() { return std::move(held_); }

 private:
  const ActorSystem& system_;
  EnvelopePtr held_;
};

}  // namespace

EnvelopePtr take_envelope(Context& context) {
  Hand hand(context.system());
  context.forward(Pid::of_process(hand));
  return hand.take();
}

void refuse(Context& context) {
  context.system().dead_letters().take(context.self(), take_envelope(context), Lane::user,
                                       DeadLetterReason::unreadable);
}

}  // namespace nexus::core
