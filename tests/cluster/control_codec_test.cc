#include "cluster/control_codec.h"

#include <gtest/gtest.h>

#include <vector>

#include "cluster/random.h"
#include "tests/cluster/support/members.h"

namespace nexus::cluster {
namespace {

using std::chrono::milliseconds;

CutPtr some_cut() {
  auto joiner = std::make_shared<Member>(Member{.id = MemberId(77, 1),
                                                .process = MemberId(76, 1),
                                                .address = "10.0.0.77:7701",
                                                .version = "0.1.0",
                                                .zone = "b",
                                                .kinds = {"counter", "echo"},
                                                .labels = {{"rack", "7"}}});
  return std::make_shared<const Cut>(Cut{.base = 5,
                                         .removed = {{.member = 1, .why = Departure::failed},
                                                     {.member = 4, .why = Departure::replaced}},
                                         .joined = {std::move(joiner)}});
}

// One of each kind, every field with a value of its own.
std::vector<ControlBody> one_of_each() {
  const MemberId id(0x0123456789abcdef, 42);
  const core::Instant sent{milliseconds(-5)};
  MemberSet voters(70);
  voters.add(3);
  voters.add(69);
  const Round round{.attempt = 2, .coordinator = 9};
  const StateEntry entry{.owner = id, .key = "k", .sequence = 3, .value = std::string("\0\xff", 2)};
  Gossip gossip;
  gossip.alerts = {{.subject = 1, .observer = 2, .sequence = 3, .down = true}};
  gossip.proposals = {{.round = round, .cut = some_cut()}};
  gossip.tallies = {{.round = {}, .cut = 8, .voters = voters}};
  gossip.prepares = {{.round = round}};
  gossip.entries = {entry};
  StateDigests digests;
  digests.buckets[15] = 15;
  const Compatibility compatibility{
      .cluster = "prod", .protocol_min = 1, .protocol_max = 2, .settings = 6};
  return {
      Probe{.sent = sent},
      ProbeAck{.sent = sent},
      IndirectProbe{.subject = id, .sent = sent},
      IndirectAck{.subject = id, .sent = sent, .heard = true},
      gossip,
      Promise{.round = round, .voted = Proposal{.round = {}, .cut = some_cut()}},
      Promise{.round = round, .voted = std::nullopt},
      CatchUp{},
      ViewDelta{.cuts = {some_cut(), some_cut()}},
      Snapshot{.view = test::view_of(15), .state = {entry}, .removed = {id, MemberId(1, 2)}},
      NotMember{
          .about = id,
          .lineage = 1,
          .size = 2,
          .lowest = id,
          .compatibility = {.cluster = "c", .protocol_min = 1, .protocol_max = 2, .settings = 3}},
      Join{.member = test::member(3), .compatibility = compatibility, .again = true},
      JoinRefused{.joiner = id, .removed = true, .why = "no"},
      JoinCheck{.joiner = id, .sent = sent},
      JoinConfirm{.joiner = id, .sent = sent},
      JoinOffer{.joiners = test::members(3)},
      Found{.members = test::members(2)},
      FoundAck{.lineage = 9},
      digests,
      StateVersions{.buckets = 3, .versions = {{.owner = id, .key = "k", .sequence = 1}}},
      StateWanted{.versions = {{.owner = id, .key = "k", .sequence = 1}}}};
}

TEST(ControlCodec, EachMessageComesBackAsItWas) {
  std::vector<bool> seen(std::variant_size_v<ControlBody>);
  for (const ControlBody& body : one_of_each()) {
    SCOPED_TRACE("kind " + std::to_string(body.index()));
    seen[body.index()] = true;
    const ControlMessage message{
        .epoch = 300, .view = 0xfedcba9876543210, .state = 17, .body = body};
    const std::string bytes = encode(message);
    EXPECT_EQ(encoded_bytes(message), bytes.size());
    const auto decoded = decode(bytes, {}, {});
    ASSERT_TRUE(decoded.ok()) << decoded.error().detail;
    EXPECT_EQ((*decoded)->epoch, 300u);
    EXPECT_EQ((*decoded)->view, 0xfedcba9876543210u);
    EXPECT_EQ((*decoded)->state, 17u);
    EXPECT_EQ((*decoded)->body.index(), body.index());
    EXPECT_EQ(encode(**decoded), bytes);
  }
  EXPECT_EQ(std::count(seen.begin(), seen.end(), false), 0) << "a kind of message is missing here";
}

TEST(ControlCodec, AViewComesBackWithItsIdAndItsRings) {
  const ViewPtr view = test::view_of(30);
  const ViewPtr next = view->after({.base = view->id(),
                                    .removed = {{.member = 4, .why = Departure::left}},
                                    .joined = {test::member(99)}});
  const auto decoded = decode(encode({.epoch = 2,
                                      .view = next->id(),
                                      .state = 0,
                                      .body = Snapshot{.view = next, .state = {}, .removed = {}}}),
                              {}, {});
  ASSERT_TRUE(decoded.ok());
  const ViewPtr& back = std::get<Snapshot>((*decoded)->body).view;
  EXPECT_EQ(back->id(), next->id());
  EXPECT_EQ(back->lineage(), next->lineage());
  for (MemberIndex i = 0; i < next->size(); ++i) {
    EXPECT_EQ(back->member(i), next->member(i));
    EXPECT_EQ(back->since(i), next->since(i));
    EXPECT_TRUE(std::ranges::equal(back->rings().observers(i), next->rings().observers(i)));
  }
}

std::string why_not(ControlBody body, const ControlLimits& limits = {}) {
  const auto decoded =
      decode(encode({.epoch = 1, .view = 1, .state = 1, .body = std::move(body)}), {}, limits);
  return decoded.ok() ? "" : decoded.error().detail;
}

TEST(ControlCodec, WhatMakesNoSenseIsRefusedWithAReason) {
  EXPECT_EQ(why_not(JoinCheck{.joiner = MemberId(), .sent = {}}), "a member without an id");
  EXPECT_EQ(
      why_not(JoinOffer{.joiners = {std::make_shared<const Member>(Member{
                            .id = MemberId(1, 1), .process = MemberId(1, 1), .address = ""})}}),
      "a member without an address");
  EXPECT_EQ(why_not(JoinOffer{.joiners = test::members(3)}, {.members_max = 2}),
            "too many members");
  EXPECT_EQ(
      why_not(Snapshot{.view = test::view_of(3), .state = {}, .removed = {}}, {.members_max = 2}),
      "a view with no members, or too many");
  EXPECT_EQ(why_not(Snapshot{.view = test::view_of(1),
                             .state = {},
                             .removed = {MemberId(1, 1), MemberId(1, 2)}},
                    {.members_max = 1}),
            "too many members");
  EXPECT_NE(why_not(JoinOffer{.joiners = test::members(3)}, {.bytes_max = 10}), "");
  Member boaster = *test::member(1);
  boaster.labels["why"] = std::string(64 * 1024, 'x');
  EXPECT_TRUE(why_not(JoinOffer{.joiners = {std::make_shared<const Member>(boaster)}})
                  .ends_with("bytes of itself; at most 65536 are read"));
  EXPECT_FALSE(decode("\xff\xff\xff", {}, {}).ok());
  EXPECT_FALSE(decode("", {}, {}).ok()) << "no body";
}

// Any bytes are an error or a message, never a crash: messages with bytes changed by chance.
TEST(ControlCodec, BytesThatWereChangedDoNoHarm) {
  Random random(3);
  std::size_t refused = 0;
  std::size_t tried = 0;
  for (const ControlBody& body : one_of_each()) {
    const std::string good = encode({.epoch = 1, .view = 2, .state = 3, .body = body});
    for (int i = 0; i < 500; ++i) {
      std::string bytes = good;
      for (std::uint64_t changes = random.below(4) + 1; changes > 0; --changes) {
        bytes[random.below(bytes.size())] = static_cast<char>(random.below(256));
      }
      if (random.below(4) == 0) bytes.resize(random.below(bytes.size()));
      ++tried;
      const auto decoded = decode(bytes, {}, {});
      if (!decoded.ok()) {
        ++refused;
      } else {
        EXPECT_FALSE(encode(**decoded).empty());
      }
    }
  }
  EXPECT_GT(refused, tried / 10);
  EXPECT_LT(refused, tried);
}

}  // namespace
}  // namespace nexus::cluster
