#include "remote/remote_spawn.h"

#include <memory>
#include <utility>

#include "core/actor_system.h"
#include "remote/activation_messages.h"

namespace nexus::remote {
namespace {

using core::Answer;
using core::Errc;
using core::Error;

// Of one call: the first question, and the second where nobody has the first name.
class Spawn : public std::enable_shared_from_this<Spawn> {
 public:
  Spawn(core::ActorSystem& system, std::string address, ActorPidRequest request,
        core::Instant deadline, core::UniqueFunction<void(const core::Result<SpawnedAt>&)> done)
      : system_(system),
        address_(std::move(address)),
        request_(std::move(request)),
        deadline_(deadline),
        done_(std::move(done)) {}

  void ask(ActivatorOf family) {
    const core::Pid target = system_.registry().resolve(address_, activator_name(family));
    const core::Pid sender = system_.futures().open(
        deadline_,
        [self = shared_from_this(), family](Answer answer) {
          self->on_answer(family, std::move(answer));
        },
        false, target);
    if (sender.empty()) return;
    auto envelope = core::make_envelope(request_);
    envelope->set_sender(sender);
    (void)system_.registry().send_user(target, std::move(envelope));
  }

 private:
  void on_answer(ActivatorOf family, Answer answer) {
    switch (answer.outcome) {
      case Answer::Outcome::answered:
        return on_response(family, answer.message->get<ActorPidResponse>());
      case Answer::Outcome::no_such_actor:
        if (family == ActivatorOf::go) return ask(ActivatorOf::dotnet);
        return done_(Error{Errc::unavailable,
                           "the node " + address_ + " has no activator: it spawns for nobody"});
      case Answer::Outcome::deadline:
        return done_(Error{Errc::deadline_exceeded,
                           "the node " + address_ + " did not say in time what it has spawned"});
      case Answer::Outcome::overloaded:
        return done_(Error{Errc::resource_exhausted, "too many requests are open on this node"});
      default:
        return done_(
            Error{Errc::unavailable, "the node " + address_ + " could not be asked for an actor" +
                                         (answer.detail.empty() ? "" : ": ") + answer.detail});
    }
  }

  void on_response(ActivatorOf family, const ActorPidResponse* response) {
    if (response == nullptr) {
      return done_(
          Error{Errc::internal, "the activator of " + address_ + " answered with another message"});
    }
    const bool is_go = family == ActivatorOf::go;
    const bool exists = response->status == (is_go ? ActivationStatus::name_exists
                                                   : ActivationStatus::dotnet_name_exists);
    if (response->status != ActivationStatus::ok && !exists) {
      return done_(
          Error{Errc::failed_precondition,
                "the node " + address_ + " does not spawn an actor of kind \"" + request_.kind +
                    "\" (status " + std::to_string(static_cast<std::int32_t>(response->status)) +
                    "): it has no such kind, or could not make one; its log may say more"});
    }
    if (response->pid.empty()) {
      return done_(Error{Errc::internal, "the activator of " + address_ + " named no actor"});
    }
    done_(SpawnedAt{.pid = response->pid, .created = !exists});
  }

  core::ActorSystem& system_;
  const std::string address_;
  const ActorPidRequest request_;
  const core::Instant deadline_;
  core::UniqueFunction<void(const core::Result<SpawnedAt>&)> done_;
};

}  // namespace

void spawn_at(core::ActorSystem& system, const std::string& address, const std::string& kind,
              const std::string& name, core::Duration timeout,
              core::UniqueFunction<void(const core::Result<SpawnedAt>&)> done) {
  std::make_shared<Spawn>(system, address, ActorPidRequest{.name = name, .kind = kind},
                          core::deadline_after(system.clock().now(), timeout), std::move(done))
      ->ask(ActivatorOf::go);
}

}  // namespace nexus::remote
