#include "daemon/builtin_kinds.h"

#include "core/actor/context.h"
#include "nexus/v1/types.pb.h"

namespace nexus::daemon {
namespace {

class Echo final : public core::Actor {
 public:
  void receive(core::Context& context) override {
    // A tell has nobody to echo to.
    if (context.sender().empty()) return;
    if (auto* payload = context.message<core::Payload>()) {
      context.respond(std::move(*payload));
      return;
    }
    // What comes from a peer in a type that a kind of this node accepts is read already.
    const core::MessageType& type = context.envelope().type();
    if (type.remotable() && type.copy != nullptr) {
      context.respond_envelope(type.copy(context.envelope().message()));
    }
  }
};

class Counter final : public core::Actor {
 public:
  void receive(core::Context& context) override {
    const auto* request = context.message<v1::CounterRequest>();
    if (request == nullptr) return;
    // Unsigned: a counter wraps, it has no overflow.
    value_ += static_cast<std::uint64_t>(request->add());
    if (context.sender().empty()) return;
    v1::CounterReply reply;
    reply.set_value(static_cast<std::int64_t>(value_));
    context.respond(std::move(reply));
  }

 private:
  std::uint64_t value_ = 0;
};

}  // namespace

void add_builtin_kinds(Kinds& kinds) {
  kinds.add("echo", core::props<Echo>(), "answers each message with the same message");
  kinds
      .add("counter", core::props<Counter>(),
           "adds up nexus.v1.CounterRequest.add, answers with nexus.v1.CounterReply")
      .accepts<v1::CounterRequest>();
}

}  // namespace nexus::daemon
