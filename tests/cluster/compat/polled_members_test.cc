#include "cluster/compat/polled_members.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace nexus::cluster {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

using Answer = core::Result<NodeHealth>;

Answer health(const std::string& id, std::uint16_t port = 1, const std::string& cluster = "c") {
  return NodeHealth{.id = id, .host = "h", .port = port, .cluster = cluster};
}
Answer no_answer() { return core::Error{core::Errc::unavailable, "refused"}; }
Answer bad_answer() { return core::Error{core::Errc::invalid_argument, "no JSON"}; }

// What happened, one word and a name each.
std::vector<std::string> told(const std::vector<PolledMembers::Event>& events) {
  static constexpr const char* kGone[] = {"silent ", "replaced ", "left "};
  static constexpr const char* kTrouble[] = {"", "no-answer ", "bad-answer ", "other-cluster "};
  std::vector<std::string> words;
  for (const auto& event : events) {
    if (const auto* joined = std::get_if<PolledMembers::Joined>(&event)) {
      words.push_back("joined " + joined->member.id + "@" + joined->member.address);
    } else if (const auto* gone = std::get_if<PolledMembers::Gone>(&event)) {
      words.push_back(kGone[static_cast<int>(gone->why)] + gone->member.id);
    } else {
      const auto& trouble = std::get<PolledMembers::HostTrouble>(event);
      words.push_back(kTrouble[static_cast<int>(trouble.trouble)] + trouble.host);
    }
  }
  return words;
}

class Polled : public testing::Test {
 protected:
  std::vector<std::string> round(Answer first, Answer second) {
    return told(polled_.on_round({std::move(first), std::move(second)}));
  }

  PolledMembers polled_{{.self_id = "self", .cluster = "c"}, {"a", "b"}};
};

TEST_F(Polled, PM1_WhoAnswersIsAMember) {
  EXPECT_THAT(round(health("x", 7), health("self")), ElementsAre("joined x@h:7"));
  EXPECT_THAT(round(health("x", 7), health("self")), IsEmpty()) << "once";
  EXPECT_THAT(polled_.members(), ElementsAre(FamilyMember{.id = "x", .address = "h:7"}));
}

TEST_F(Polled, PM1_AnotherIdReplacesAtOnce) {
  round(health("x"), health("self"));
  EXPECT_THAT(round(health("x2"), health("self")), ElementsAre("replaced x", "joined x2@h:1"));
  EXPECT_FALSE(polled_.contains("x"));
}

TEST_F(Polled, PM2_TwoLostAnswersAccuseNobodyThreeDo) {
  round(health("x"), health("self"));
  EXPECT_THAT(round(no_answer(), health("self")), ElementsAre("no-answer a"));
  EXPECT_THAT(round(no_answer(), health("self")), IsEmpty());
  EXPECT_THAT(round(health("x"), health("self")), IsEmpty()) << "it was never gone";
  round(no_answer(), health("self"));
  round(no_answer(), health("self"));
  EXPECT_TRUE(polled_.contains("x"));
  EXPECT_THAT(round(no_answer(), health("self")), ElementsAre("silent x"));
  EXPECT_THAT(round(health("x"), health("self")), ElementsAre("joined x@h:1"));
}

TEST_F(Polled, PM3_WhoLeavesIsGoneThoughItsHostStillAnswers) {
  round(health("x"), health("y"));
  EXPECT_THAT(told(polled_.on_left("x")), ElementsAre("left x"));
  EXPECT_THAT(told(polled_.on_left("x")), IsEmpty());
  EXPECT_THAT(told(polled_.on_left("nobody")), IsEmpty());
  EXPECT_THAT(round(health("x"), health("y")), IsEmpty());
  EXPECT_THAT(round(no_answer(), health("y")), ElementsAre("no-answer a"));
  EXPECT_THAT(round(health("x"), health("y")), IsEmpty());
  EXPECT_THAT(round(health("x2"), health("y")), ElementsAre("joined x2@h:1"));
}

TEST_F(Polled, PM4_TheNodeItselfAndOthersClustersAreNoMembers) {
  EXPECT_THAT(round(health("self"), health("x", 1, "d")), ElementsAre("other-cluster b"));
  EXPECT_THAT(polled_.members(), IsEmpty());
}

TEST_F(Polled, PM4_AnIdCountsOnce) {
  EXPECT_THAT(round(health("x"), health("x")), ElementsAre("joined x@h:1"));
  EXPECT_EQ(polled_.members().size(), 1u);
}

TEST_F(Polled, PM5_TroubleIsToldWhenItBeginsAndWhenItChanges) {
  EXPECT_THAT(round(bad_answer(), no_answer()), ElementsAre("bad-answer a", "no-answer b"));
  EXPECT_THAT(round(bad_answer(), no_answer()), IsEmpty());
  EXPECT_THAT(round(no_answer(), no_answer()), ElementsAre("no-answer a"));
  EXPECT_THAT(round(health("x"), no_answer()), ElementsAre("joined x@h:1"));
  EXPECT_THAT(round(bad_answer(), no_answer()), ElementsAre("bad-answer a"));
}

TEST_F(Polled, AMemberOfAnotherClusterNowIsGoneLikeASilentOne) {
  round(health("x"), health("self"));
  EXPECT_THAT(round(health("x", 1, "d"), health("self")), ElementsAre("other-cluster a"));
  round(health("x", 1, "d"), health("self"));
  EXPECT_THAT(round(health("x", 1, "d"), health("self")), ElementsAre("silent x"));
}

}  // namespace
}  // namespace nexus::cluster
