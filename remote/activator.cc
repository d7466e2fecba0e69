#include "remote/activator.h"

#include "core/actor/context.h"
#include "remote/activation_messages.h"

namespace nexus::remote {
namespace {

class Activator final : public core::Actor {
 public:
  explicit Activator(Remote::SpawnKind spawn) : spawn_(std::move(spawn)) {}

  void receive(core::Context& context) override {
    const auto* request = context.message<ActorPidRequest>();
    if (request == nullptr) return;
    core::Result<core::Pid> spawned = spawn_(request->kind, request->name);
    ActorPidResponse response;
    if (spawned.ok()) {
      response.pid = *spawned;
    } else if (spawned.error().code == core::Errc::already_exists) {
      response.pid = context.system().registry().find(request->name);
      response.status = ActivationStatus::name_exists;
    } else {
      response.status = ActivationStatus::error;
      context.system().log().warn("a peer asked for an actor that cannot be spawned",
                                  {{"kind", request->kind},
                                   {"name", request->name},
                                   {"asker", context.sender().to_string()},
                                   {"detail", spawned.error().detail}});
    }
    context.respond(std::move(response));
  }

 private:
  const Remote::SpawnKind spawn_;
};

}  // namespace

core::PropsPtr activator_props(Remote::SpawnKind spawn) {
  auto props = core::props<Activator>(std::move(spawn));
  props.system = true;
  return core::share(std::move(props));
}

}  // namespace nexus::remote
