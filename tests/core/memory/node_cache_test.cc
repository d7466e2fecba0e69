#include "core/memory/node_cache.h"

#include <gtest/gtest.h>

#include <cstring>
#include <set>
#include <thread>
#include <vector>

namespace nexus::core {
namespace {

template <std::size_t kBytes>
void fill_and_give_back(int count) {
  std::vector<void*> nodes;
  for (int i = 0; i < count; ++i) {
    void* node = NodeCache::allocate<kBytes>();
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(node) % NodeCache::kAlignment, 0u);
    std::memset(node, i, kBytes);
    nodes.push_back(node);
  }
  EXPECT_EQ(std::set<void*>(nodes.begin(), nodes.end()).size(), nodes.size());
  for (void* node : nodes) NodeCache::deallocate<kBytes>(node);
}

TEST(NodeCache, GivesNodesOfBothSizesFarBeyondWhatItKeeps) {
  for (int round = 0; round < 3; ++round) {
    fill_and_give_back<NodeCache::kSmallBytes>(10'000);
    fill_and_give_back<NodeCache::kLargeBytes>(10'000);
  }
}

TEST(NodeCache, NodesMayDieOnAnotherThread) {
  std::vector<void*> nodes;
  std::thread([&] {
    for (int i = 0; i < 1'000; ++i) nodes.push_back(NodeCache::allocate<NodeCache::kSmallBytes>());
  }).join();
  for (void* node : nodes) NodeCache::deallocate<NodeCache::kSmallBytes>(node);
}

// Destroyed after the thread's cache, if it was made before the first node was given back.
struct DiesLate {
  ~DiesLate() {
    if (node != nullptr) NodeCache::deallocate<NodeCache::kSmallBytes>(node);
  }
  void* node = nullptr;
};

TEST(NodeCache, ANodeMayDieWhenItsThreadEnds) {
  std::thread([] {
    thread_local DiesLate late;
    late.node = NodeCache::allocate<NodeCache::kSmallBytes>();
    fill_and_give_back<NodeCache::kSmallBytes>(10);
  }).join();
}

}  // namespace
}  // namespace nexus::core
