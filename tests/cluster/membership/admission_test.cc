#include "cluster/membership/admission.h"

#include <gtest/gtest.h>

#include "tests/cluster/support/members.h"

namespace nexus::cluster {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class AdmissionTest : public testing::Test {
 protected:
  AdmissionTest() { admission_.begin(*view_); }

  Admission::Answer join(const MemberPtr& member) {
    return admission_.on_join({.member = member, .compatibility = {}}, *view_, now_);
  }

  MemberPtr confirm(const MemberPtr& member, const Peer& from) {
    return admission_.on_confirm(from, {.joiner = member->id, .sent = now_}, *view_, now_);
  }

  static Peer peer(const MemberPtr& member) {
    return {.id = member->id, .address = member->address};
  }

  const ViewPtr view_ = test::view_of(3);
  const MemberPtr joiner_ = test::member(7);
  Admission admission_{{}, {}};
  core::Instant now_ = core::Instant{} + seconds(1'000);
};

TEST_F(AdmissionTest, N3_OnlyWhoAnswersAtTheAddressIsOffered) {
  EXPECT_TRUE(std::holds_alternative<Admission::Check>(join(joiner_)));
  EXPECT_FALSE(confirm(joiner_, {.id = joiner_->id, .address = "10.0.0.66:1"}));
  EXPECT_FALSE(confirm(joiner_, {.id = MemberId(6, 6), .address = joiner_->address}));
  EXPECT_EQ(confirm(joiner_, peer(joiner_)), joiner_);
}

TEST_F(AdmissionTest, WhoDoesNotComeBackIsNotCheckedForEver) {
  EXPECT_TRUE(std::holds_alternative<Admission::Check>(join(joiner_)));
  std::size_t checks = 0;
  for (const core::Instant end = now_ + seconds(60); admission_.next_time() <= end;) {
    now_ = admission_.next_time();
    checks += admission_.take_checks(now_).size();
  }
  EXPECT_GT(checks, 5u);
  EXPECT_LT(checks, 30u);
  EXPECT_EQ(admission_.next_time(), core::Instant::max());
}

TEST_F(AdmissionTest, AFullClusterRefusesAndStillReplaces) {
  Admission full({.view_size_max = 3}, {});
  full.begin(*view_);
  const auto answer = full.on_join({.member = joiner_, .compatibility = {}}, *view_, now_);
  ASSERT_TRUE(std::holds_alternative<Admission::Refuse>(answer));
  EXPECT_NE(std::get<Admission::Refuse>(answer).why.find("all the 3 members"), std::string::npos);
  const MemberPtr again = test::member(8, view_->member(1).address);
  EXPECT_TRUE(std::holds_alternative<Admission::Check>(
      full.on_join({.member = again, .compatibility = {}}, *view_, now_)));
  full.on_offer({again, joiner_}, *view_);
  Cut cut{.base = view_->id()};
  full.add_to(cut, *view_);
  EXPECT_EQ(cut.joined, std::vector<MemberPtr>{again});
  EXPECT_EQ(cut.removed, (std::vector<Cut::Removal>{{.member = 1, .why = Departure::replaced}}));
}

TEST_F(AdmissionTest, N5_WhoIsReplacedAndHasFailedBesidesGoesOnce) {
  const ViewPtr view = test::view_of(6);
  admission_.begin(*view);
  // Some of them stay, two have failed.
  std::vector<MemberPtr> again;
  for (const MemberIndex i : {0u, 1u, 2u, 3u, 5u}) {
    again.push_back(test::member(20 + i, view->member(i).address));
  }
  admission_.on_offer(again, *view);
  Cut cut{.base = view->id(),
          .removed = {{.member = 3, .why = Departure::failed},
                      {.member = 5, .why = Departure::failed}}};
  admission_.add_to(cut, *view);
  EXPECT_EQ(cut.removed, (std::vector<Cut::Removal>{{.member = 0, .why = Departure::replaced},
                                                    {.member = 1, .why = Departure::replaced},
                                                    {.member = 2, .why = Departure::replaced},
                                                    {.member = 3, .why = Departure::failed},
                                                    {.member = 5, .why = Departure::failed}}));
  EXPECT_TRUE(view->fits(cut));
}

TEST_F(AdmissionTest, N2_ARemovedIdIsSaidToBe) {
  admission_.remember_removed(joiner_->id);
  const auto answer = join(joiner_);
  ASSERT_TRUE(std::holds_alternative<Admission::Refuse>(answer));
  EXPECT_TRUE(std::get<Admission::Refuse>(answer).removed);
}

}  // namespace
}  // namespace nexus::cluster
