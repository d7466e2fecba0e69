// A program of its own: it replaces operator new to see when an actor gets its extras.

#include "core/actor/context_extras.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <functional>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/test_system.h"

namespace {

// Nothing else here is of that size. Of all threads, and of this one.
std::atomic<int> g_extras_count{0};
thread_local int t_extras_count = 0;

}  // namespace

// Not inlined, so that the compiler does not take malloc() and free() for a mismatch.
[[gnu::noinline]] void* operator new(std::size_t bytes) {
  if (bytes == sizeof(nexus::core::ContextExtras)) {
    ++g_extras_count;
    ++t_extras_count;
  }
  if (void* memory = std::malloc(bytes)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
  operator delete(memory);
}
// mimalloc and the sanitizers bring their own of these, which do not come by the ones above.
[[gnu::noinline]] void* operator new[](std::size_t bytes) { return operator new(bytes); }
[[gnu::noinline]] void operator delete[](void* memory) noexcept { operator delete(memory); }
[[gnu::noinline]] void operator delete[](void* memory, std::size_t) noexcept {
  operator delete(memory);
}

namespace nexus::core {
namespace {

using test::Do;
using test::Number;
using test::SteeredActor;
using test::TestSystem;

TEST(ContextExtras, AnActorThatUsesNoneHasNone) {
  TestSystem system;
  auto diary = test::new_diary();
  const int before = g_extras_count.load();
  const Pid actor = system.spawn(props<SteeredActor>(diary));
  const Pid other = system.spawn(props<SteeredActor>(diary));
  for (int i = 0; i < 100; ++i) (void)system->send(actor, Number{i});
  system.in_turn(actor, [&](Context& context) {
    context.send(other, Number{1});
    context.ask(other, Do{[](Context& asked) { asked.respond(Number{2}); }},
                std::chrono::seconds(30), [](Context& asking, const Answer& answer) {
                  EXPECT_NE(answer.message, nullptr);
                  asking.stop(asking.self());
                });
    context.poison(other);
  });
  for (int stopped_count = 0; stopped_count < 2;) {
    const auto line = diary->pop();
    ASSERT_TRUE(line.has_value());
    if (*line == "stopped") ++stopped_count;
  }
  EXPECT_EQ(g_extras_count.load(), before);
}

struct Use {
  std::string name;
  std::function<void(Context&, const Pid& other)> once;
};

class FirstUse : public testing::TestWithParam<Use> {};

TEST_P(FirstUse, MakesThemAndTheSecondDoesNot) {
  TestSystem system;
  auto diary = test::new_diary();
  const Pid actor = system.spawn(props<SteeredActor>(diary));
  const Pid other = system.spawn(props<SteeredActor>(diary));
  std::vector<int> counts;
  // The other one may get its own meanwhile, in its turn on another thread.
  system.in_turn(actor, [&](Context& context) {
    counts.push_back(t_extras_count);
    GetParam().once(context, other);
    counts.push_back(t_extras_count);
    GetParam().once(context, other);
    counts.push_back(t_extras_count);
  });
  EXPECT_EQ(counts[1] - counts[0], 1);
  EXPECT_EQ(counts[2] - counts[1], 0);
}

INSTANTIATE_TEST_SUITE_P(
    Uses, FirstUse,
    testing::Values(Use{"watch", [](Context& context, const Pid& other) { context.watch(other); }},
                    Use{"receive_timeout",
                        [](Context& context, const Pid&) {
                          context.set_receive_timeout(std::chrono::hours(1));
                        }},
                    Use{"schedule",
                        [](Context& context, const Pid& other) {
                          (void)context.schedule_once(std::chrono::hours(1), other, Number{1});
                        }},
                    Use{"spawn",
                        [](Context& context, const Pid&) {
                          (void)context.spawn(props_of([](Context&) {}));
                        }}),
    [](const auto& use) { return use.param.name; });

}  // namespace
}  // namespace nexus::core
