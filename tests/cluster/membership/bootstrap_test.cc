#include "cluster/membership/bootstrap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "tests/cluster/support/members.h"

namespace nexus::cluster {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;

// The first of three seeds, which has the lowest id.
class BootstrapTest : public testing::Test {
 protected:
  void start(bool again = false, Bootstrap::Options options = {}, std::size_t self = 0) {
    bootstrap_ = std::make_unique<Bootstrap>(options, members_[self], Compatibility{}, 1);
    bootstrap_->start(seeds(), {}, again, now_);
  }

  std::vector<std::string> seeds() const {
    return {members_[0]->address, members_[1]->address, members_[2]->address};
  }

  void hear_join_of(std::size_t member, bool again = false) {
    bootstrap_->on_join({.member = members_[member], .compatibility = {}, .again = again}, now_);
  }

  // See below, while these ask to be let in again and again.
  std::vector<std::string> founded_with(core::Duration time,
                                        const std::vector<std::size_t>& joiners) {
    std::vector<std::string> last;
    for (const core::Instant end = now_ + time; now_ < end;) {
      for (const std::size_t joiner : joiners) hear_join_of(joiner);
      std::vector<std::string> asked = founded_with(milliseconds(100));
      if (!asked.empty()) last = std::move(asked);
    }
    return last;
  }

  // Whom it asks to found a cluster with it, before this time has passed.
  std::vector<std::string> founded_with(core::Duration time) {
    const core::Instant end = now_ + time;
    while (bootstrap_->next_time() <= end) {
      now_ = std::max(now_, bootstrap_->next_time());
      bootstrap_->on_time(now_, sends_);
    }
    now_ = end;
    std::vector<std::string> asked;
    for (const Send& send : sends_) {
      const auto* found = std::get_if<Found>(&send.message->body);
      if (found == nullptr) continue;
      asked.push_back(send.address);
      lineage_ = View::lineage_of(found->members);
    }
    sends_.clear();
    return asked;
  }

  // True when that was the last one that was waited for.
  bool acknowledge(std::size_t member) {
    return bootstrap_
        ->on_found_ack({.id = members_[member]->id, .address = members_[member]->address},
                       {.lineage = lineage_}, now_)
        .has_value();
  }

  std::vector<Send> found_by(std::size_t founder) {
    std::vector<Send> sends;
    const std::vector<MemberPtr> all{members_[0], members_[1]};
    bootstrap_->on_found({.members = all},
                         {.id = members_[founder]->id, .address = members_[founder]->address}, now_,
                         sends);
    return sends;
  }

  const std::vector<MemberPtr> members_ = test::members(6);
  core::Instant now_ = core::Instant{} + seconds(1'000);
  std::unique_ptr<Bootstrap> bootstrap_;
  std::vector<Send> sends_;
  // Of the last founding.
  std::uint64_t lineage_ = 0;
};

TEST_F(BootstrapTest, B1_MostOfTheSeedsFoundOne) {
  start();
  EXPECT_TRUE(founded_with(seconds(1)).empty());
  hear_join_of(1);
  EXPECT_EQ(founded_with(milliseconds(400)), std::vector<std::string>{members_[1]->address});
}

// Node 2 reaches this one, and is not reached.
TEST_F(BootstrapTest, B6_WhoDoesNotAnswerAFoundingIsLeftOutOfTheNext) {
  start();
  EXPECT_THAT(founded_with(milliseconds(900), {1, 2}),
              ElementsAre(members_[1]->address, members_[2]->address));
  EXPECT_FALSE(acknowledge(1));
  EXPECT_THAT(founded_with(milliseconds(600), {1, 2}), ElementsAre(members_[1]->address));
  EXPECT_TRUE(acknowledge(1)) << "the cluster is founded";
}

// Node 4 is no seed, and neither of the two answers: perhaps they do later.
TEST_F(BootstrapTest, B6_WhoDoesNotAnswerIsAskedAgainWhenThereAreTooFewOthers) {
  start(false, {.expect = 3});
  const std::vector<std::size_t> joiners{1, 4};
  EXPECT_EQ(founded_with(milliseconds(900), joiners).size(), 2u);
  EXPECT_EQ(founded_with(seconds(3), joiners).size(), 2u) << "once more";
}

// Node 0 hears of nobody, and so does not found what is its to found.
TEST_F(BootstrapTest, B6_TheNextFoundsWhenTheLowestDoesNot) {
  start(false, {}, 1);
  EXPECT_TRUE(founded_with(seconds(3), {0, 2}).empty());
  EXPECT_THAT(founded_with(seconds(3), {0, 2}), ElementsAre(members_[2]->address));
  // It is there after all.
  (void)found_by(0);
  EXPECT_TRUE(founded_with(seconds(3), {0, 2}).empty());
}

TEST_F(BootstrapTest, B5_WhoWasRemovedFoundsNone) {
  start(true);
  hear_join_of(1);
  hear_join_of(2);
  EXPECT_TRUE(founded_with(milliseconds(900)).empty());
  EXPECT_TRUE(found_by(1).empty());
}

TEST_F(BootstrapTest, B5_WhoWasRemovedIsNoneToFoundOneWith) {
  start();
  hear_join_of(1, true);
  hear_join_of(2, true);
  EXPECT_TRUE(founded_with(milliseconds(900)).empty());
}

TEST_F(BootstrapTest, B5_WhileAMemberIsHeardNoneIsFounded) {
  start();
  bootstrap_->on_member(now_);
  hear_join_of(1);
  EXPECT_TRUE(founded_with(milliseconds(400)).empty());
  EXPECT_TRUE(found_by(1).empty());
  now_ += seconds(3);
  EXPECT_FALSE(found_by(1).empty()) << "not for ever";
}

TEST_F(BootstrapTest, WhatIsFoundedHasAtMostSoManyMembers) {
  start(false, {.members_max = 3});
  for (const std::size_t joiner : {3, 4, 5, 1}) hear_join_of(joiner);
  const std::vector<std::string> with = founded_with(milliseconds(400));
  ASSERT_EQ(with.size(), 2u);
  EXPECT_EQ(with[0], members_[1]->address) << "seeds come first";
}

}  // namespace
}  // namespace nexus::cluster
