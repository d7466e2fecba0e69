// A program of its own: it replaces operator new to see what PidSet allocates.

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdlib>
#include <new>
#include <string>
#include <vector>

#include "core/actor/pid_set.h"
#include "tests/support/test_system.h"

namespace {

// Of this thread; workers have their own.
thread_local std::size_t t_allocation_count = 0;
thread_local std::ptrdiff_t t_live_count = 0;

}  // namespace

void* operator new(std::size_t bytes) {
  ++t_allocation_count;
  ++t_live_count;
  if (void* memory = std::malloc(bytes)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept {
  if (memory != nullptr) --t_live_count;
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept { operator delete(memory); }
// mimalloc and the sanitizers bring their own of these, which do not come by the ones above.
void* operator new[](std::size_t bytes) { return operator new(bytes); }
void operator delete[](void* memory) noexcept { operator delete(memory); }
void operator delete[](void* memory, std::size_t) noexcept { operator delete(memory); }

namespace nexus::core {
namespace {

using test::TestSystem;

std::vector<Pid> spawn(TestSystem& system, std::size_t count) {
  std::vector<Pid> handles;
  for (std::size_t i = 0; i < count; ++i) {
    handles.push_back(system.spawn(props_of([](Context&) {})));
  }
  return handles;
}

std::vector<Pid> records(const std::string& address, std::size_t count) {
  std::vector<Pid> pids;
  for (std::size_t i = 0; i < count; ++i) {
    pids.push_back(Pid::of_name(address, "an actor with a long name " + std::to_string(i)));
  }
  return pids;
}

TEST(PidSet, AllocatesNothingWhileItIsSmall) {
  TestSystem system({.address = "n1:1"});
  const std::vector<Pid> handles = spawn(system, PidSet::kInlineCountMax);
  const std::size_t before = t_allocation_count;
  {
    PidSet set;
    for (const Pid& pid : handles) ASSERT_TRUE(set.add(pid));
    for (const Pid& pid : handles) ASSERT_TRUE(set.contains(pid));
    for (const Pid& pid : handles) ASSERT_TRUE(set.remove(pid));
  }
  EXPECT_EQ(t_allocation_count, before);
}

TEST(PidSet, AllocatesNothingForLookUpsAndInASteadyState) {
  TestSystem system({.address = "n1:1"});
  // Neither those of this node nor those of others need a name built, alone or mixed.
  for (const int sorts : {1, 2, 3}) {
    std::vector<Pid> pids;
    if (sorts & 1) pids = spawn(system, 100);
    for (const Pid& pid : records("a node with a long name:4020", sorts & 2 ? 100 : 0)) {
      pids.push_back(pid);
    }
    const std::size_t half = pids.size() / 2;
    PidSet set;
    for (std::size_t i = 0; i < pids.size(); i += 2) ASSERT_TRUE(set.add(pids[i]));
    const std::size_t before = t_allocation_count;
    for (int round = 0; round < 3; ++round) {
      for (std::size_t i = 0; i < pids.size(); ++i) ASSERT_EQ(set.contains(pids[i]), i % 2 == 0);
      for (std::size_t i = 1; i < pids.size(); i += 2) ASSERT_FALSE(set.remove(pids[i]));
      for (std::size_t i = 0; i < pids.size(); i += 2) {
        ASSERT_TRUE(set.remove(pids[i]));
        ASSERT_TRUE(set.add(pids[i]));
      }
      std::size_t count = 0;
      set.for_each([&count](const Pid&) { ++count; });
      ASSERT_EQ(count, half);
    }
    EXPECT_EQ(t_allocation_count, before) << "sorts " << sorts;
  }
}

TEST(PidSet, BuildsNoNameForAHandleAmongRecordsOfOthersOnceItKnowsItsNode) {
  TestSystem system({.address = "n1:1"});
  const std::vector<Pid> handles = spawn(system, 2);
  for (const std::size_t count : {std::size_t{3}, std::size_t{100}}) {
    PidSet set;
    for (const Pid& pid : records("n2:1", count)) ASSERT_TRUE(set.add(pid));
    ASSERT_FALSE(set.remove(handles[0]));
    const std::size_t before = t_allocation_count;
    EXPECT_FALSE(set.remove(handles[1]));
    EXPECT_FALSE(set.contains(handles[1]));
    EXPECT_EQ(t_allocation_count, before);
  }
}

TEST(PidSet, GivesItsMemoryBackAsItShrinks) {
  TestSystem system({.address = "n1:1"});
  const std::vector<Pid> handles = spawn(system, 1'000);
  const std::ptrdiff_t before = t_live_count;
  PidSet set;
  for (const Pid& pid : handles) ASSERT_TRUE(set.add(pid));
  EXPECT_GT(t_live_count, before);
  for (const Pid& pid : handles) ASSERT_TRUE(set.remove(pid));
  EXPECT_EQ(t_live_count, before);
  for (const Pid& pid : handles) ASSERT_TRUE(set.add(pid));
  set.clear();
  EXPECT_EQ(t_live_count, before);
}

}  // namespace
}  // namespace nexus::core
