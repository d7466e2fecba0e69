#include "remote/flush_list.h"

#include <gtest/gtest.h>

#include <memory>

namespace nexus::remote {
namespace {

struct CountingLink final : FlushList::Link {
  void flush_held() override { ++flush_count; }
  int flush_count = 0;
};

TEST(FlushList, WhatIsAddedIsFlushedOnce) {
  FlushList list;
  list.enable(true);
  const auto link = std::make_shared<CountingLink>();
  EXPECT_TRUE(list.add(link));
  EXPECT_TRUE(list.has_some());
  list.flush();
  list.flush();
  EXPECT_EQ(link->flush_count, 1);
  EXPECT_FALSE(list.has_some());
  EXPECT_EQ(link.use_count(), 1);
}

TEST(FlushList, WhoAddsWhileNobodyFlushesIsTold) {
  FlushList list;
  const auto link = std::make_shared<CountingLink>();
  EXPECT_FALSE(list.add(link)) << "as made, nobody flushes";
  list.enable(true);
  EXPECT_TRUE(list.has_some()) << "who begins to flush finds it all the same";
  list.enable(false);
  EXPECT_FALSE(list.add(link));
}

}  // namespace
}  // namespace nexus::remote
