#include "cluster/control_codec.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <algorithm>
#include <map>
#include <utility>

#include "core/base/check.h"
#include "nexus/internal/v1/control.pb.h"
#include "remote/protobuf_wire.h"

namespace nexus::cluster {
namespace {

namespace pb = nexus::internal::v1;

// What the messages inside a message may take in memory, at least and for each of its bytes. What members write takes up to fourteen
// times its bytes: kinds of actors with names of one letter.
constexpr std::size_t kMemoryBytesBase = 2048;
constexpr std::size_t kMemoryBytesPerByte = 16;

// --- to protobuf

void to(const MemberId& id, pb::MemberId* out) {
  out->set_high(id.high());
  out->set_low(id.low());
}

void to(const Member& member, pb::Member* out) {
  to(member.id, out->mutable_id());
  if (member.process != member.id) to(member.process, out->mutable_process());
  out->set_address(member.address);
  out->set_version(member.version);
  out->set_zone(member.zone);
  for (const std::string& kind : member.kinds) out->add_kinds(kind);
  for (const auto& [name, value] : member.labels) (*out->mutable_labels())[name] = value;
}

void to(const std::vector<MemberPtr>& members, pb::Members* out) {
  for (const MemberPtr& member : members) to(*member, out->add_members());
}

void to(Round round, pb::Round* out) {
  out->set_attempt(round.attempt);
  out->set_coordinator(round.coordinator);
}

void to(const Cut& cut, pb::Cut* out) {
  out->set_base(cut.base);
  for (const Cut::Removal& removal : cut.removed) {
    pb::Cut::Removal* const removed = out->add_removed();
    removed->set_member(removal.member);
    removed->set_why(static_cast<std::uint32_t>(removal.why));
  }
  for (const MemberPtr& member : cut.joined) to(*member, out->add_joined());
}

void to(const Proposal& proposal, pb::Proposal* out) {
  to(proposal.round, out->mutable_round());
  to(*proposal.cut, out->mutable_cut());
}

void to(const StateEntry& entry, pb::StateEntry* out) {
  to(entry.owner, out->mutable_owner());
  out->set_key(entry.key);
  out->set_sequence(entry.sequence);
  out->set_value(entry.value);
}

void to(const std::vector<StateVersion>& versions, pb::StateVersions* out) {
  for (const StateVersion& version : versions) {
    pb::StateEntry* const entry = out->add_versions();
    to(version.owner, entry->mutable_owner());
    entry->set_key(version.key);
    entry->set_sequence(version.sequence);
  }
}

std::int64_t to_wire(core::Instant instant) { return instant.time_since_epoch().count(); }
core::Instant from_wire(std::int64_t nanoseconds) {
  return core::Instant(core::Duration(nanoseconds));
}

void to(const Probe& probe, pb::Control* out) {
  out->mutable_probe()->set_sent(to_wire(probe.sent));
}
void to(const ProbeAck& ack, pb::Control* out) {
  out->mutable_probe_ack()->set_sent(to_wire(ack.sent));
}
void to(const IndirectProbe& probe, pb::Control* out) {
  to(probe.subject, out->mutable_indirect_probe()->mutable_subject());
  out->mutable_indirect_probe()->set_sent(to_wire(probe.sent));
}
void to(const IndirectAck& ack, pb::Control* out) {
  to(ack.subject, out->mutable_indirect_ack()->mutable_subject());
  out->mutable_indirect_ack()->set_sent(to_wire(ack.sent));
  out->mutable_indirect_ack()->set_heard(ack.heard);
}
void to(const Gossip& gossip, pb::Control* out) {
  pb::Gossip* const body = out->mutable_gossip();
  for (const Alert& alert : gossip.alerts) {
    pb::Alert* const a = body->add_alerts();
    a->set_subject(alert.subject);
    a->set_observer(alert.observer);
    a->set_sequence(alert.sequence);
    a->set_down(alert.down);
  }
  for (const Proposal& proposal : gossip.proposals) to(proposal, body->add_proposals());
  for (const Tally& tally : gossip.tallies) {
    pb::Tally* const t = body->add_tallies();
    to(tally.round, t->mutable_round());
    t->set_cut(tally.cut);
    t->set_members(static_cast<std::uint32_t>(tally.voters.view_size()));
    for (const std::uint64_t word : tally.voters.words()) t->add_voters(word);
  }
  for (const Prepare& prepare : gossip.prepares) to(prepare.round, body->add_prepares());
  for (const StateEntry& entry : gossip.entries) to(entry, body->add_entries());
}
void to(const Promise& promise, pb::Control* out) {
  to(promise.round, out->mutable_promise()->mutable_round());
  if (promise.voted) to(*promise.voted, out->mutable_promise()->mutable_voted());
}
void to(const CatchUp&, pb::Control* out) { out->mutable_catch_up(); }
void to(const ViewDelta& delta, pb::Control* out) {
  pb::ViewDelta* const body = out->mutable_view_delta();
  for (const CutPtr& cut : delta.cuts) to(*cut, body->add_cuts());
}
void to(const Snapshot& snapshot, pb::Control* out) {
  pb::Snapshot* const body = out->mutable_snapshot();
  body->set_lineage(snapshot.view->lineage());
  body->set_epoch(snapshot.view->epoch());
  for (MemberIndex i = 0; i < snapshot.view->size(); ++i) {
    to(snapshot.view->member(i), body->add_members());
    body->add_since(snapshot.view->since(i));
  }
  for (const StateEntry& entry : snapshot.state) to(entry, body->add_state());
  for (const MemberId& id : snapshot.removed) to(id, body->add_removed());
}
void to(const Compatibility& compatibility, pb::Compatibility* out) {
  out->set_cluster(compatibility.cluster);
  out->set_protocol_min(compatibility.protocol_min);
  out->set_protocol_max(compatibility.protocol_max);
  out->set_settings(compatibility.settings);
}
void to(const NotMember& other, pb::Control* out) {
  pb::NotMember* const body = out->mutable_not_member();
  to(other.about, body->mutable_about());
  body->set_lineage(other.lineage);
  body->set_size(other.size);
  to(other.lowest, body->mutable_lowest());
  to(other.compatibility, body->mutable_compatibility());
}
void to(const Join& join, pb::Control* out) {
  pb::Join* const body = out->mutable_join();
  to(*join.member, body->mutable_member());
  to(join.compatibility, body->mutable_compatibility());
  body->set_again(join.again);
}
void to(const JoinRefused& refused, pb::Control* out) {
  out->mutable_join_refused()->set_why(refused.why);
  out->mutable_join_refused()->set_removed(refused.removed);
  to(refused.joiner, out->mutable_join_refused()->mutable_joiner());
}
void to(const JoinCheck& check, pb::Control* out) {
  to(check.joiner, out->mutable_join_check()->mutable_joiner());
  out->mutable_join_check()->set_sent(to_wire(check.sent));
}
void to(const JoinConfirm& confirm, pb::Control* out) {
  to(confirm.joiner, out->mutable_join_confirm()->mutable_joiner());
  out->mutable_join_confirm()->set_sent(to_wire(confirm.sent));
}
void to(const JoinOffer& offer, pb::Control* out) { to(offer.joiners, out->mutable_join_offer()); }
void to(const Found& found, pb::Control* out) { to(found.members, out->mutable_found()); }
void to(const FoundAck& ack, pb::Control* out) {
  out->mutable_found_ack()->set_lineage(ack.lineage);
}
void to(const StateDigests& digests, pb::Control* out) {
  for (const std::uint64_t bucket : digests.buckets)
    out->mutable_state_digests()->add_buckets(bucket);
}
void to(const StateVersions& versions, pb::Control* out) {
  out->mutable_state_versions()->set_buckets(versions.buckets);
  to(versions.versions, out->mutable_state_versions());
}
void to(const StateWanted& wanted, pb::Control* out) {
  out->mutable_state_wanted();
  to(wanted.versions, out->mutable_state_wanted());
}

pb::Control to_protobuf(const ControlMessage& message) {
  pb::Control control;
  control.set_epoch(message.epoch);
  control.set_view(message.view);
  control.set_state(message.state);
  control.set_frozen(message.frozen);
  std::visit([&control](const auto& body) { to(body, &control); }, message.body);
  return control;
}

// --- from protobuf

enum class Weight : std::uint8_t { fits, too_much, no_protobuf };

// What protobuf's parser would take for the messages and texts inside a message, from the bytes alone. An empty member is two bytes there
// and some two hundred in memory, so a few megabytes could ask for gigabytes; and for a text that says that it is long the parser
// takes that much before it looks whether it is there.
class Weigher {
 public:
  [[nodiscard]] static Weight weigh(std::string_view bytes, std::size_t memory_bytes_max) {
    static const Weights weights = weights_of(*pb::Control::descriptor());
    return Weigher(weights, memory_bytes_max).weigh(bytes, *pb::Control::descriptor(), 0);
  }

 private:
  using Descriptor = google::protobuf::Descriptor;
  using Field = google::protobuf::FieldDescriptor;
  using Weights = std::map<const Descriptor*, std::size_t>;

  // A text of its own on the heap, or the place of a message there, with the pointer to it.
  static constexpr std::size_t kTextBytes = sizeof(std::string) + 16;
  static constexpr std::size_t kPlaceBytes = 24;
  static constexpr std::uint32_t kLengthDelimited = 2;

  Weigher(const Weights& weights, std::size_t left) : weights_(weights), left_(left) {}

  // Of this kind of message and of each that may be in it.
  static Weights weights_of(const Descriptor& type) {
    Weights weights;
    add(type, weights);
    return weights;
  }
  static void add(const Descriptor& type, Weights& weights) {
    const auto* const empty =
        google::protobuf::MessageFactory::generated_factory()->GetPrototype(&type);
    if (!weights.emplace(&type, empty->SpaceUsedLong() + kPlaceBytes).second) return;
    for (int i = 0; i < type.field_count(); ++i) {
      if (const Descriptor* const inner = type.field(i)->message_type()) add(*inner, weights);
    }
  }

  Weight take(std::size_t bytes) {
    if (bytes > left_) return Weight::too_much;
    left_ -= bytes;
    return Weight::fits;
  }

  Weight weigh(std::string_view bytes, const Descriptor& type, std::uint32_t depth) {
    Weight weight = take(weights_.at(&type));
    remote::pb::FieldReader reader(bytes);
    while (weight == Weight::fits && !reader.at_end()) {
      const std::uint32_t tag = reader.read_tag();
      if (tag == 0) return Weight::no_protobuf;
      const Field* const field = type.FindFieldByNumber(static_cast<int>(tag >> 3));
      if (field == nullptr || (tag & 7) != kLengthDelimited) {
        if (!reader.skip(tag, remote::pb::kDepthMax - depth)) return Weight::no_protobuf;
        continue;
      }
      std::string_view inside;
      if (!reader.read_bytes(inside)) return Weight::no_protobuf;
      if (field->message_type() != nullptr) {
        weight = weigh(inside, *field->message_type(), depth + 1);
      } else if (field->is_repeated() && field->type() == Field::TYPE_STRING) {
        weight = take(kTextBytes);
      }
    }
    return weight;
  }

  const Weights& weights_;
  std::size_t left_;
};

// What is wrong with what a peer sent is kept here, the first thing only; the values that are read after it are not used.
class Reader {
 public:
  Reader(RingOptions rings, const ControlLimits& limits) : rings_(rings), limits_(limits) {}

  static constexpr std::string_view kNoEpoch = "a view of an epoch that no cluster comes to";

  const std::string& wrong() const { return wrong_; }

  ControlBody body(const pb::Control& in) {
    if (in.epoch() > kEpochMax) return fail(kNoEpoch);
    switch (in.body_case()) {
      case pb::Control::kProbe:
        return Probe{.sent = from_wire(in.probe().sent())};
      case pb::Control::kProbeAck:
        return ProbeAck{.sent = from_wire(in.probe_ack().sent())};
      case pb::Control::kGossip:
        return gossip(in.gossip());
      case pb::Control::kIndirectProbe:
        return IndirectProbe{.subject = id(in.indirect_probe().subject()),
                             .sent = from_wire(in.indirect_probe().sent())};
      case pb::Control::kIndirectAck:
        return IndirectAck{.subject = id(in.indirect_ack().subject()),
                           .sent = from_wire(in.indirect_ack().sent()),
                           .heard = in.indirect_ack().heard()};
      case pb::Control::kPromise: {
        Promise promise{.round = round(in.promise().round()), .voted = std::nullopt};
        if (in.promise().has_voted()) promise.voted = proposal(in.promise().voted());
        return promise;
      }
      case pb::Control::kCatchUp:
        return CatchUp{};
      case pb::Control::kViewDelta: {
        ViewDelta delta;
        for (const pb::Cut& c : in.view_delta().cuts()) delta.cuts.push_back(cut(c));
        return delta;
      }
      case pb::Control::kSnapshot:
        return snapshot(in.snapshot());
      case pb::Control::kNotMember:
        return NotMember{.about = id(in.not_member().about()),
                         .lineage = in.not_member().lineage(),
                         .size = in.not_member().size(),
                         .lowest = id(in.not_member().lowest()),
                         .compatibility = compatibility(in.not_member().compatibility())};
      case pb::Control::kJoin:
        return Join{.member = member(in.join().member()),
                    .compatibility = compatibility(in.join().compatibility()),
                    .again = in.join().again()};
      case pb::Control::kJoinRefused:
        return JoinRefused{.joiner = id(in.join_refused().joiner()),
                           .removed = in.join_refused().removed(),
                           .why = in.join_refused().why()};
      case pb::Control::kJoinCheck:
        return JoinCheck{.joiner = id(in.join_check().joiner()),
                         .sent = from_wire(in.join_check().sent())};
      case pb::Control::kJoinConfirm:
        return JoinConfirm{.joiner = id(in.join_confirm().joiner()),
                           .sent = from_wire(in.join_confirm().sent())};
      case pb::Control::kJoinOffer:
        return JoinOffer{.joiners = members(in.join_offer())};
      case pb::Control::kFound:
        return Found{.members = members(in.found())};
      case pb::Control::kFoundAck:
        return FoundAck{.lineage = in.found_ack().lineage()};
      case pb::Control::kStateDigests: {
        StateDigests digests;
        if (in.state_digests().buckets_size() != static_cast<int>(kStateBuckets))
          return fail("the wrong number of state digests");
        std::copy(in.state_digests().buckets().begin(), in.state_digests().buckets().end(),
                  digests.buckets.begin());
        return digests;
      }
      case pb::Control::kStateVersions:
        return StateVersions{.buckets = in.state_versions().buckets(),
                             .versions = versions(in.state_versions())};
      case pb::Control::kStateWanted:
        return StateWanted{.versions = versions(in.state_wanted())};
      case pb::Control::BODY_NOT_SET:
        break;
    }
    return fail("a control message of an unknown kind");
  }

 private:
  ControlBody fail(std::string_view why) {
    if (wrong_.empty()) wrong_ = why;
    return CatchUp{};
  }

  MemberId id(const pb::MemberId& in) {
    const MemberId id(in.high(), in.low());
    if (id == MemberId()) fail("a member without an id");
    return id;
  }

  static Compatibility compatibility(const pb::Compatibility& in) {
    return {.cluster = in.cluster(),
            .protocol_min = in.protocol_min(),
            .protocol_max = in.protocol_max(),
            .settings = in.settings()};
  }

  MemberPtr member(const pb::Member& in) {
    if (const std::size_t bytes = in.ByteSizeLong(); bytes > limits_.member_bytes_max) {
      fail("a member that says " + std::to_string(bytes) + " bytes of itself; at most " +
           std::to_string(limits_.member_bytes_max) + " are read");
    }
    auto out = std::make_shared<Member>();
    out->id = id(in.id());
    out->process = in.has_process() ? id(in.process()) : out->id;
    out->address = in.address();
    out->version = in.version();
    out->zone = in.zone();
    out->kinds.assign(in.kinds().begin(), in.kinds().end());
    for (const auto& [name, value] : in.labels()) out->labels.emplace(name, value);
    if (out->address.empty()) fail("a member without an address");
    return out;
  }

  std::vector<MemberPtr> members(const pb::Members& in) {
    std::vector<MemberPtr> out;
    if (static_cast<std::size_t>(in.members_size()) > limits_.members_max) {
      fail("too many members");
      return out;
    }
    for (const pb::Member& m : in.members()) out.push_back(member(m));
    return out;
  }

  Round round(const pb::Round& in) {
    if (in.attempt() > kAttemptMax) fail("a round that nobody comes to");
    return {.attempt = in.attempt(), .coordinator = in.coordinator()};
  }

  CutPtr cut(const pb::Cut& in) {
    auto out = std::make_shared<Cut>();
    out->base = in.base();
    for (const pb::Cut::Removal& removal : in.removed()) {
      if (removal.why() > static_cast<std::uint32_t>(Departure::forced))
        fail("a removal for an unknown reason");
      out->removed.push_back(
          {.member = removal.member(), .why = static_cast<Departure>(removal.why())});
    }
    for (const pb::Member& m : in.joined()) out->joined.push_back(member(m));
    return out;
  }

  Proposal proposal(const pb::Proposal& in) {
    return {.round = round(in.round()), .cut = cut(in.cut())};
  }

  StateEntry entry(const pb::StateEntry& in) {
    return {
        .owner = id(in.owner()), .key = in.key(), .sequence = in.sequence(), .value = in.value()};
  }

  std::vector<StateVersion> versions(const pb::StateVersions& in) {
    std::vector<StateVersion> out;
    for (const pb::StateEntry& e : in.versions())
      out.push_back({.owner = id(e.owner()), .key = e.key(), .sequence = e.sequence()});
    return out;
  }

  ControlBody gossip(const pb::Gossip& in) {
    Gossip out;
    for (const pb::Alert& alert : in.alerts()) {
      out.alerts.push_back({.subject = alert.subject(),
                            .observer = alert.observer(),
                            .sequence = alert.sequence(),
                            .down = alert.down()});
    }
    for (const pb::Proposal& p : in.proposals()) out.proposals.push_back(proposal(p));
    for (const pb::Tally& tally : in.tallies()) {
      std::vector<std::uint64_t> words(tally.voters().begin(), tally.voters().end());
      if (tally.members() > limits_.members_max || !MemberSet::valid(tally.members(), words)) {
        return fail("a tally that does not fit its number of members");
      }
      out.tallies.push_back({.round = round(tally.round()),
                             .cut = tally.cut(),
                             .voters = MemberSet(tally.members(), std::move(words))});
    }
    for (const pb::Round& prepare : in.prepares())
      out.prepares.push_back({.round = round(prepare)});
    for (const pb::StateEntry& e : in.entries()) out.entries.push_back(entry(e));
    return out;
  }

  ControlBody snapshot(const pb::Snapshot& in) {
    if (in.members_size() == 0 ||
        static_cast<std::size_t>(in.members_size()) > limits_.members_max) {
      return fail("a view with no members, or too many");
    }
    if (in.since_size() != in.members_size() || in.epoch() == 0)
      return fail("a view that is not whole");
    if (in.epoch() > kEpochMax) return fail(kNoEpoch);
    std::vector<View::Entry> entries;
    for (int i = 0; i < in.members_size(); ++i)
      entries.push_back({.member = member(in.members(i)), .since = in.since(i)});
    for (std::size_t i = 1; i < entries.size(); ++i) {
      if (entries[i - 1].member->id >= entries[i].member->id)
        return fail("a view whose members do not ascend");
    }
    Snapshot out;
    for (const pb::StateEntry& e : in.state()) out.state.push_back(entry(e));
    if (static_cast<std::size_t>(in.removed_size()) > limits_.members_max)
      return fail("too many members");
    for (const pb::MemberId& i : in.removed()) out.removed.push_back(id(i));
    // Rings are not made for what will be refused.
    if (!wrong_.empty()) return CatchUp{};
    out.view = std::make_shared<const View>(in.lineage(), in.epoch(), std::move(entries), rings_);
    return out;
  }

  const RingOptions rings_;
  const ControlLimits& limits_;
  std::string wrong_;
};

}  // namespace

std::string encode(const ControlMessage& message) {
  const pb::Control control = to_protobuf(message);
  std::string bytes(control.ByteSizeLong(), '\0');
  google::protobuf::io::ArrayOutputStream stream(bytes.data(), static_cast<int>(bytes.size()));
  google::protobuf::io::CodedOutputStream coded(&stream);
  // The labels of a member are written in their order.
  coded.SetSerializationDeterministic(true);
  control.SerializeWithCachedSizes(&coded);
  CHECK(!coded.HadError());
  return bytes;
}

std::size_t encoded_bytes(const ControlMessage& message) {
  return to_protobuf(message).ByteSizeLong();
}

core::Result<ControlMessagePtr> decode(std::string_view bytes, RingOptions rings,
                                       const ControlLimits& limits) {
  if (bytes.size() > limits.bytes_max) {
    return core::Error{.code = core::Errc::resource_exhausted,
                       .detail = "a control message of " + std::to_string(bytes.size()) +
                                 " bytes; at most " + std::to_string(limits.bytes_max) +
                                 " are read"};
  }
  const Weight weight =
      Weigher::weigh(bytes, kMemoryBytesBase + kMemoryBytesPerByte * bytes.size());
  if (weight == Weight::too_much) {
    return core::Error{.code = core::Errc::resource_exhausted,
                       .detail = "a control message that is far larger in memory than its " +
                                 std::to_string(bytes.size()) + " bytes"};
  }
  pb::Control in;
  if (weight == Weight::no_protobuf ||
      !in.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return core::Error{.code = core::Errc::invalid_argument,
                       .detail = "a control message that is not valid protobuf"};
  }
  Reader reader(rings, limits);
  ControlMessage message{.epoch = in.epoch(),
                         .view = in.view(),
                         .state = in.state(),
                         .frozen = in.frozen(),
                         .body = reader.body(in)};
  if (!reader.wrong().empty())
    return core::Error{.code = core::Errc::invalid_argument, .detail = reader.wrong()};
  return ControlMessagePtr(std::make_shared<const ControlMessage>(std::move(message)));
}

}  // namespace nexus::cluster
