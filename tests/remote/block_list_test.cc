#include "remote/block_list.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace nexus::remote {
namespace {

using OnBlock = BlockList::OnBlock;
using OnUnblock = BlockList::OnUnblock;
using Owner = BlockList::Owner;

TEST(BlockList, BlocksUntilItIsToldOtherwise) {
  BlockList list;
  EXPECT_FALSE(list.is_blocked("a"));
  EXPECT_EQ(list.block("a"), OnBlock::blocked);
  EXPECT_EQ(list.block("a"), OnBlock::already_blocked);
  EXPECT_TRUE(list.is_blocked("a"));
  EXPECT_FALSE(list.is_blocked("b"));
  EXPECT_EQ(list.unblock("a"), OnUnblock::unblocked);
  EXPECT_EQ(list.unblock("a"), OnUnblock::not_blocked);
  EXPECT_FALSE(list.is_blocked("a"));
}

TEST(BlockList, ShowsTheLatestFirst) {
  BlockList list;
  for (const char* id : {"a", "b", "c"}) EXPECT_EQ(list.block(id), OnBlock::blocked);
  EXPECT_EQ(list.unblock("b"), OnUnblock::unblocked);
  EXPECT_EQ(list.all(), (std::vector<std::string>{"c", "a"}));
}

TEST(BlockList, K2_HoldsAsManyAsItMay) {
  BlockList list(BlockList::Options{.count_max = 2});
  EXPECT_EQ(list.block("a"), OnBlock::blocked);
  EXPECT_EQ(list.block("b"), OnBlock::blocked);
  EXPECT_EQ(list.block("c"), OnBlock::full);
  EXPECT_EQ(list.block("a"), OnBlock::already_blocked);
  EXPECT_EQ(list.unblock("b"), OnUnblock::unblocked);
  EXPECT_EQ(list.block("c"), OnBlock::blocked);
}

TEST(BlockList, K2_HandAndClusterDoNotTakeEachOthersRoom) {
  BlockList list(BlockList::Options{.count_max = 1});
  EXPECT_EQ(list.block("a"), OnBlock::blocked);
  for (const char* id : {"b", "c"}) EXPECT_EQ(list.block(id, Owner::by_cluster), OnBlock::blocked);
  EXPECT_EQ(list.block("b"), OnBlock::full) << "it would be one more by hand";
  EXPECT_EQ(list.unblock("a"), OnUnblock::unblocked);
  EXPECT_EQ(list.block("b"), OnBlock::already_blocked);
  EXPECT_EQ(list.block("a"), OnBlock::full);
}

TEST(BlockList, K2_TakesOnlyWhatCanBeAMemberId) {
  BlockList list;
  EXPECT_EQ(list.block(std::string(128, 'x')), OnBlock::blocked);
  EXPECT_EQ(list.block("cluster@host:1234"), OnBlock::blocked) << "as some of the family write it";
  for (const std::string& id :
       {std::string(), std::string(129, 'x'), std::string("a b"), std::string("a,b"),
        std::string("a\n"), std::string("\xC3\xA9"), std::string("a\0b", 3)}) {
    EXPECT_EQ(list.block(id), OnBlock::bad_id) << id;
  }
}

TEST(BlockList, K3_BlocksUntilAllWhoDidItLiftThat) {
  for (const auto& [first, second] : {std::pair{Owner::by_hand, Owner::by_cluster},
                                      std::pair{Owner::by_cluster, Owner::by_hand}}) {
    BlockList list;
    EXPECT_EQ(list.block("a", first), OnBlock::blocked);
    EXPECT_EQ(list.unblock("a", second), OnUnblock::not_blocked);
    EXPECT_EQ(list.block("a", second), OnBlock::already_blocked);
    EXPECT_EQ(list.unblock("a", first), OnUnblock::still_blocked);
    EXPECT_EQ(list.unblock("a", first), OnUnblock::not_blocked);
    EXPECT_TRUE(list.is_blocked("a"));
    EXPECT_EQ(list.unblock("a", second), OnUnblock::unblocked);
    EXPECT_FALSE(list.is_blocked("a"));
  }
}

TEST(BlockCheck, SeesAChangeAtTheNextFrame) {
  BlockList list;
  BlockCheck check;
  EXPECT_FALSE(check.is_blocked(list, "a"));
  EXPECT_EQ(list.block("b"), OnBlock::blocked);
  EXPECT_FALSE(check.is_blocked(list, "a")) << "another member";
  EXPECT_EQ(list.block("a"), OnBlock::blocked);
  EXPECT_TRUE(check.is_blocked(list, "a"));
  EXPECT_TRUE(check.is_blocked(list, "a")) << "not only once";
  EXPECT_EQ(list.unblock("a"), OnUnblock::unblocked);
  EXPECT_FALSE(check.is_blocked(list, "a"));
}

TEST(BlockCheck, K1_EveryFrameAfterTheReturnOfBlockIsRefused) {
  for (int round = 0; round < 50; ++round) {
    BlockList list;
    std::atomic<bool> blocked{false};
    std::thread blocker([&] {
      EXPECT_EQ(list.block("a"), OnBlock::blocked);
      blocked.store(true, std::memory_order_release);
    });
    BlockCheck check;
    for (bool last = false; !last;) {
      last = blocked.load(std::memory_order_acquire);
      const bool refused = check.is_blocked(list, "a");
      EXPECT_TRUE(!last || refused);
    }
    blocker.join();
  }
}

}  // namespace
}  // namespace nexus::remote
