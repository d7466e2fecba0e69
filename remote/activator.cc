#include "remote/activator.h"

#include "core/actor/context.h"
#include "core/actor/throttler.h"
#include "remote/activation_messages.h"

namespace nexus::remote {
namespace {

class Activator final : public core::Actor {
 public:
  Activator(Remote::SpawnKind spawn, ActivatorOf family)
      : spawn_(std::move(spawn)), is_go_(family == ActivatorOf::go) {}

  void receive(core::Context& context) override {
    const auto* request = context.message<ActorPidRequest>();
    if (request == nullptr) return;
    core::Result<core::Pid> spawned = spawn_(request->kind, request->name);
    ActorPidResponse response;
    if (spawned.ok()) {
      response.pid = *spawned;
    } else if (spawned.error().code == core::Errc::already_exists) {
      response.pid = context.system().registry().find(request->name);
      response.status =
          is_go_ ? ActivationStatus::name_exists : ActivationStatus::dotnet_name_exists;
    } else {
      response.status = is_go_ ? ActivationStatus::error : ActivationStatus::dotnet_error;
      log_refusal(context, *request, spawned.error().detail);
    }
    context.respond(std::move(response));
  }

 private:
  // Peers may ask as often as they like.
  void log_refusal(core::Context& context, const ActorPidRequest& request,
                   const std::string& detail) {
    const core::Log& log = context.system().log();
    const core::Throttle::Verdict verdict = throttle_.on_event(context.system().clock().now());
    if (verdict.valve == core::Throttle::Valve::closed) return;
    if (verdict.suppressed_count > 0) {
      log.warn("refused spawns not logged", {{"count", verdict.suppressed_count}});
    }
    log.warn("a peer asked for an actor that cannot be spawned",
             {{"kind", request.kind},
              {"name", request.name},
              {"asker", context.sender().to_string()},
              {"detail", detail}});
  }

  const Remote::SpawnKind spawn_;
  const bool is_go_;
  core::Throttle throttle_{core::Throttle::Options{}};
};

}  // namespace

core::PropsPtr activator_props(Remote::SpawnKind spawn, ActivatorOf family) {
  auto props = core::props<Activator>(std::move(spawn), family);
  props.system = true;
  return core::share(std::move(props));
}

}  // namespace nexus::remote
