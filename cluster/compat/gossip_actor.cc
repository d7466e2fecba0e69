#include "cluster/compat/gossip_actor.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "cluster/compat/family_gossip.h"
#include "cluster/compat/gossip_codec.h"
#include "cluster/compat/polled_members.h"
#include "cluster/compat/protoactor_family.h"
#include "core/actor/context.h"
#include "core/actor_system.h"

namespace nexus::cluster {
namespace {

// As the family has it.
constexpr core::Duration kBeatInterval = std::chrono::milliseconds(300);
constexpr core::Duration kAnswerPatience = std::chrono::milliseconds(500);
constexpr const char* kGoActor = "gossip";

struct Beat {};

core::Payload payload(std::string_view type, std::string data) {
  return {std::string(type), core::Payload::kProtobuf, std::move(data)};
}

FamilyEvent::What what_of(PolledMembers::WhyGone why) {
  switch (why) {
    case PolledMembers::WhyGone::silent:
      return FamilyEvent::What::silent;
    case PolledMembers::WhyGone::replaced:
      return FamilyEvent::What::replaced;
    case PolledMembers::WhyGone::left:
      return FamilyEvent::What::left;
  }
  return FamilyEvent::What::left;
}

const char* words_of(FamilyEvent::What what) {
  switch (what) {
    case FamilyEvent::What::joined:
      return "a Proto.Actor node has joined";
    case FamilyEvent::What::silent:
      return "a Proto.Actor node is gone: it does not answer any more";
    case FamilyEvent::What::replaced:
      return "a Proto.Actor node is gone: another has its place";
    case FamilyEvent::What::left:
      return "a Proto.Actor node has left";
  }
  return "";
}

class GossipActor final : public core::Actor {
 public:
  GossipActor(const NodeHealth& self, std::vector<std::string> hosts)
      : self_id_(self.id),
        polled_({.self_id = self.id, .cluster = self.cluster}, std::move(hosts)),
        gossip_({.self_id = self.id}) {}

  void receive(core::Context& context) override {
    if (context.message<core::Started>() != nullptr) {
      context.schedule_repeatedly(kBeatInterval, kBeatInterval, context.self(), Beat{});
    } else if (context.message<Beat>() != nullptr) {
      send(context, gossip_.on_beat(now(context)));
    } else if (const auto* round = context.message<PollRound>()) {
      take(context, polled_.on_round(round->answers));
    } else if (const auto* received = context.message<core::Payload>()) {
      on_payload(context, *received);
    } else if (context.message<LeaveFamily>() != nullptr) {
      leaver_ = context.sender();
      send(context, gossip_.leave());
      answer_leaver(context);
    }
  }

 private:
  static core::Instant now(core::Context& context) { return context.system().clock().now(); }

  void on_payload(core::Context& context, const core::Payload& received) {
    const bool is_go = received.type == gossip_name::kGoRequest;
    const bool is_request = received.content_type == core::Payload::kProtobuf &&
                            (is_go || received.type == gossip_name::kDotnetRequest);
    const std::optional<GossipState> state =
        is_request ? decode_gossip(received.data) : std::nullopt;
    if (!state) return context.refuse();
    // By its address: the id in a Go node's request is that of who gets it.
    const std::string address = context.sender() ? context.sender().address() : "";
    merge(context, address, *state);
    if (!context.sender()) return;
    context.respond(
        payload(is_go ? gossip_name::kGoResponse : gossip_name::kDotnetResponse, std::string()));
  }

  void merge(core::Context& context, const std::string& address, const GossipState& state) {
    for (const GossipTable::Change& change : gossip_.on_state(address, state, now(context))) {
      if (change.key == gossip_key::kLeft || change.key == gossip_key::kDotnetLeft) {
        take(context, polled_.on_left(change.member));
      } else if (change.key == gossip_key::kTopology) {
        look_at_topology(context, change.member);
      }
    }
  }

  // Whether a member lists this node. A Go node that has missed it once, or seen it leave, never lists its id again.
  void look_at_topology(core::Context& context, const std::string& member) {
    const GossipContent* topology = gossip_.table().find(member, gossip_key::kTopology);
    if (topology == nullptr || !polled_.contains(member)) return;
    const auto ids = topology_members(*topology);
    if (!ids) return;
    const bool lists_us = std::find(ids->begin(), ids->end(), self_id_) != ids->end();
    const bool did = std::exchange(lists_us_[member], lists_us);
    if (lists_us == did) return;
    if (lists_us) {
      context.system().log().info("a Proto.Actor node lists this one", {{"member", member}});
    } else if (!leaver_) {
      context.system().log().warn(
          "a Proto.Actor node does not list this one any more, and will not until this one has "
          "started again",
          {{"member", member}});
    }
  }

  void take(core::Context& context, const std::vector<PolledMembers::Event>& events) {
    gossip_.on_members(polled_.members(), now(context));
    for (const PolledMembers::Event& event : events) {
      if (const auto* joined = std::get_if<PolledMembers::Joined>(&event)) {
        tell(context, FamilyEvent::What::joined, joined->member);
        // It may have told it before.
        look_at_topology(context, joined->member.id);
      } else if (const auto* gone = std::get_if<PolledMembers::Gone>(&event)) {
        lists_us_.erase(gone->member.id);
        tell(context, what_of(gone->why), gone->member);
      } else {
        tell(context, std::get<PolledMembers::HostTrouble>(event));
      }
    }
  }

  void tell(core::Context& context, FamilyEvent::What what, const FamilyMember& member) {
    const FamilyEvent event{.what = what, .member = member, .members = polled_.members()};
    std::string kinds;
    for (const std::string& kind : member.kinds) kinds += (kinds.empty() ? "" : " ") + kind;
    context.system().log().info(words_of(what), {{"peer", member.address},
                                                 {"member", member.id},
                                                 {"kinds", kinds},
                                                 {"members", event.members.size()}});
    context.system().events().publish(event);
  }

  static void tell(core::Context& context, const PolledMembers::HostTrouble& trouble) {
    const core::Log& log = context.system().log();
    const std::initializer_list<core::LogField> fields = {{"host", trouble.host},
                                                          {"detail", trouble.detail}};
    if (trouble.trouble == PolledMembers::Trouble::no_answer) {
      log.info("a Proto.Actor host does not answer /_health", fields);
    } else {
      log.warn("what a Proto.Actor host answers to /_health is ignored", fields);
    }
  }

  void send(core::Context& context, std::vector<FamilyGossip::Send> sends) {
    for (FamilyGossip::Send& send : sends) {
      const core::Pid target = context.system().registry().resolve(send.address, kGoActor);
      std::string bytes = encode_gossip(std::exchange(send.state, {}), send.member);
      context.ask(target, payload(gossip_name::kGoRequest, std::move(bytes)), kAnswerPatience,
                  [this, sent = std::move(send)](core::Context& turn, core::Answer answer) {
                    on_answer(turn, sent, answer);
                  });
    }
  }

  void on_answer(core::Context& context, const FamilyGossip::Send& sent,
                 const core::Answer& answer) {
    const core::Payload* response =
        answer.message == nullptr ? nullptr : answer.message->get<core::Payload>();
    const bool answered = response != nullptr && response->type == gossip_name::kGoResponse;
    gossip_.on_outcome(sent, answered);
    if (answered) {
      if (const auto state = decode_gossip(response->data)) merge(context, sent.address, *state);
    }
    answer_leaver(context);
  }

  void answer_leaver(core::Context& context) {
    if (!leaver_ || is_leaver_told_ || !gossip_.all_answered()) return;
    is_leaver_told_ = true;
    context.send(leaver_, FamilyLeft{gossip_.all_told()});
  }

  const std::string self_id_;
  PolledMembers polled_;
  FamilyGossip gossip_;
  // Of the members' topologies, the last that each told.
  std::map<std::string, bool> lists_us_;
  core::Pid leaver_;
  bool is_leaver_told_ = false;
};

}  // namespace

core::PropsPtr gossip_actor_props(const NodeHealth& self, std::vector<std::string> hosts) {
  auto props = core::props<GossipActor>(self, std::move(hosts));
  props.system = true;
  return core::share(std::move(props));
}

}  // namespace nexus::cluster
