#include "cluster/compat/protoactor_family.h"

#include <utility>

#include "cluster/compat/gossip_actor.h"

namespace nexus::cluster {
namespace {

core::PropsPtr sink_props() {
  auto props = core::props_of([](core::Context&) {});
  props.system = true;
  return core::share(std::move(props));
}

// One actor under the names of both families.
core::Result<core::Pid> spawn_alias(core::ActorSystem& system, core::PropsPtr props,
                                    const std::string& name) {
  auto spawned = system.spawn_system(std::move(props), name);
  if (spawned.ok() && !system.registry().add("$" + name, *spawned)) {
    return core::Error{core::Errc::already_exists, "the name $" + name + " is taken"};
  }
  return spawned;
}

}  // namespace

ProtoactorFamily::ProtoactorFamily(Options options, core::ActorSystem& system)
    : options_(std::move(options)), system_(system) {}

core::Status ProtoactorFamily::start() {
  const auto gossip =
      spawn_alias(system_, gossip_actor_props(options_.self, options_.hosts), "gossip");
  if (!gossip.ok()) return gossip.error();
  const auto sink = spawn_alias(system_, sink_props(), "eventstream");
  if (!sink.ok()) return sink.error();
  gossip_ = *gossip;
  return core::Nothing{};
}

void ProtoactorFamily::on_polled(const std::vector<core::Result<std::string>>& bodies) {
  PollRound round;
  for (const core::Result<std::string>& body : bodies) {
    if (body.ok()) {
      round.answers.push_back(parse_node_health(*body));
    } else {
      round.answers.emplace_back(body.error());
    }
  }
  (void)system_.send(gossip_, std::move(round));
}

void ProtoactorFamily::begin_leave(core::Duration patience) {
  leaving_ = system_.request(gossip_, LeaveFamily{}, patience);
}

bool ProtoactorFamily::await_left() {
  const core::Answer answer = std::move(*leaving_).wait();
  if (answer.message == nullptr) return false;
  const auto* left = answer.message->get<FamilyLeft>();
  return left != nullptr && left->all_told;
}

}  // namespace nexus::cluster
