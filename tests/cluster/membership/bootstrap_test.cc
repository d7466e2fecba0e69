#include "cluster/membership/bootstrap.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "tests/cluster/support/members.h"

namespace nexus::cluster {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// The first of three seeds, which has the lowest id.
class BootstrapTest : public testing::Test {
 protected:
  void start(bool again = false, Bootstrap::Options options = {}) {
    bootstrap_ = std::make_unique<Bootstrap>(options, members_[0], Compatibility{}, 1);
    bootstrap_->start(seeds(), {}, again, now_);
  }

  std::vector<std::string> seeds() const {
    return {members_[0]->address, members_[1]->address, members_[2]->address};
  }

  void hear_join_of(std::size_t member, bool again = false) {
    bootstrap_->on_join({.member = members_[member], .compatibility = {}, .again = again}, now_);
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
      if (std::holds_alternative<Found>(send.message->body)) asked.push_back(send.address);
    }
    sends_.clear();
    return asked;
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
};

TEST_F(BootstrapTest, B1_MostOfTheSeedsFoundOne) {
  start();
  EXPECT_TRUE(founded_with(seconds(1)).empty());
  hear_join_of(1);
  EXPECT_EQ(founded_with(milliseconds(400)), std::vector<std::string>{members_[1]->address});
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
