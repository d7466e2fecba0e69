#include "cluster/control_codec.h"

#include <gtest/gtest.h>

#include <vector>

#include "cluster/random.h"
#include "tests/cluster/support/control_messages.h"
#include "tests/cluster/support/members.h"

namespace nexus::cluster {
namespace {

TEST(ControlCodec, EachMessageComesBackAsItWas) {
  std::vector<bool> seen(std::variant_size_v<ControlBody>);
  for (const ControlBody& body : test::one_of_each()) {
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

// The next round, and the next view, must be later ones.
TEST(ControlCodec, RoundsAndEpochsThatNothingCouldComeAfterAreRefused) {
  const Round last{.attempt = kAttemptMax, .coordinator = 0};
  const Round beyond{.attempt = kAttemptMax + 1, .coordinator = 0};
  constexpr const char* kWhy = "a round that nobody comes to";
  const auto prepare = [](Round round) {
    Gossip gossip;
    gossip.prepares = {{.round = round}};
    return gossip;
  };
  EXPECT_EQ(why_not(prepare(last)), "");
  EXPECT_EQ(why_not(prepare(beyond)), kWhy);
  Gossip gossip;
  gossip.tallies = {{.round = beyond, .cut = 8, .voters = MemberSet(3)}};
  EXPECT_EQ(why_not(gossip), kWhy);
  gossip = {};
  gossip.proposals = {{.round = beyond, .cut = test::some_cut()}};
  EXPECT_EQ(why_not(gossip), kWhy);
  EXPECT_EQ(why_not(Promise{.round = beyond, .voted = std::nullopt}), kWhy);
  EXPECT_EQ(
      why_not(Promise{.round = last, .voted = Proposal{.round = beyond, .cut = test::some_cut()}}),
      kWhy);

  const auto why_not_epoch = [](Epoch header, Epoch of_view) {
    std::vector<View::Entry> entries{{.member = test::member(1), .since = 1}};
    const auto view = std::make_shared<const View>(1, of_view, std::move(entries), RingOptions{});
    const auto decoded =
        decode(encode({.epoch = header,
                       .view = 1,
                       .state = 1,
                       .body = Snapshot{.view = view, .state = {}, .removed = {}}}),
               {}, {});
    return decoded.ok() ? "" : decoded.error().detail;
  };
  EXPECT_EQ(why_not_epoch(kEpochMax, kEpochMax), "");
  EXPECT_EQ(why_not_epoch(1, kEpochMax + 1), "a view of an epoch that no cluster comes to");
  EXPECT_EQ(why_not_epoch(kEpochMax + 1, 1), "a view of an epoch that no cluster comes to");
}

// Two bytes each, and some hundreds in memory.
TEST(ControlCodec, WhatWouldTakeFarMoreMemoryThanItIsLongIsRefused) {
  const auto filled = [](int field, std::size_t count) {
    std::string inside;
    for (std::size_t i = 0; i < count; ++i) inside += std::string("\x0a\0", 2);
    std::string bytes{static_cast<char>(((field << 3 | 2) & 0x7f) | 0x80),
                      static_cast<char>(field >> 4)};
    for (std::size_t size = inside.size(); size > 0; size >>= 7)
      bytes += static_cast<char>((size & 0x7f) | (size >> 7 > 0 ? 0x80 : 0));
    return bytes + inside;
  };
  // join_offer, found: members. view_delta: cuts.
  for (const int field : {18, 19, 11}) {
    const auto decoded = decode(filled(field, 10'000), {}, {});
    ASSERT_FALSE(decoded.ok()) << field;
    EXPECT_NE(decoded.error().detail.find("far larger in memory"), std::string::npos)
        << decoded.error().detail;
  }
}

TEST(ControlCodec, WhatIsDenseInMemoryAndMakesSenseIsRead) {
  auto kinds = std::make_shared<Member>(*test::member(1));
  kinds->kinds.assign(4'000, "k");
  for (int i = 0; i < 4'000; ++i) kinds->labels.emplace(std::to_string(i), "");
  EXPECT_EQ(why_not(JoinOffer{.joiners = {kinds}}), "");
  Cut cut{.base = 1};
  for (MemberIndex i = 0; i < 10'000; ++i)
    cut.removed.push_back({.member = i, .why = Departure::failed});
  EXPECT_EQ(why_not(ViewDelta{.cuts = {std::make_shared<const Cut>(cut)}}), "");
  Gossip gossip;
  for (MemberIndex i = 0; i < 10'000; ++i)
    gossip.alerts.push_back({.subject = 0, .observer = 1, .sequence = i + 1});
  gossip.prepares.assign(10'000, {.round = {.attempt = 1, .coordinator = 0}});
  EXPECT_EQ(why_not(gossip), "");
  EXPECT_EQ(why_not(JoinOffer{.joiners = test::members(10'000)}), "");
}

// Its labels are in no order.
TEST(ControlCodec, EqualMessagesHaveEqualBytes) {
  const auto written = [] {
    auto labelled = std::make_shared<Member>(*test::member(1));
    for (int i = 0; i < 100; ++i) labelled->labels.emplace(std::to_string(i), "x");
    return encode({.body = JoinOffer{.joiners = {std::move(labelled)}}});
  };
  EXPECT_EQ(written(), written());
}

// Any bytes are an error or a message, never a crash: messages with bytes changed by chance.
TEST(ControlCodec, BytesThatWereChangedDoNoHarm) {
  Random random(3);
  std::size_t refused = 0;
  std::size_t tried = 0;
  for (const ControlBody& body : test::one_of_each()) {
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
