// As many failures, levels and actors as a node may see at its worst: nothing overflows, and no message is lost.
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <stdexcept>

#include "tests/support/conservation.h"
#include "tests/support/test_system.h"

namespace nexus::core {
namespace {

using test::eventually;
using test::expect_conserved;
using test::Gate;
using test::Number;
using test::TestSystem;

// Sanitizers are slower, and take many times the memory.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kReduced = 20;
#else
constexpr int kReduced = 1;
#endif

Props supervisor() {
  Props props = test::steered(std::make_shared<test::Diary>());
  props.strategy = std::make_shared<AlwaysRestartStrategy>();
  return props;
}

TEST(RestartStorm, AnActorThatFailsEachOfItsMessagesLosesNone) {
  constexpr int kMessages = 100'000 / kReduced;
  std::atomic<int> received{0};
  std::atomic<int> made{0};
  TestSystem system;
  const Pid parent = system.spawn(supervisor());
  const Pid child = system.spawn_child(parent, Props([&]() -> std::unique_ptr<Actor> {
                                         ++made;
                                         return props_of([&received](Context& context) {
                                                  if (context.message<Number>() == nullptr) return;
                                                  ++received;
                                                  throw std::runtime_error("on purpose");
                                                })
                                             .producer();
                                       }));
  for (int i = 0; i < kMessages; ++i) (void)system->send(child, Number{i});
  ASSERT_TRUE(eventually([&] { return made.load() == kMessages + 1; })) << made.load();
  EXPECT_EQ(received.load(), kMessages);
  // One for each failure, as far as the number goes.
  EXPECT_EQ(child.cell()->restart_count(), kMessages % 65'536);
  expect_conserved(*system);
  EXPECT_EQ(system->dead_letters().door_count(), 0u);
}

TEST(RestartStorm, ManyActorsFailWhileOthersSendToThem) {
  constexpr int kActors = 200;
  constexpr int kEach = 200 / kReduced;
  std::atomic<int> received{0};
  TestSystem system;
  const Pid parent = system.spawn(supervisor());
  std::vector<Pid> children;
  for (int i = 0; i < kActors; ++i) {
    children.push_back(system.spawn_child(parent, props_of([&received](Context& context) {
                                            const auto* number = context.message<Number>();
                                            if (number == nullptr) return;
                                            ++received;
                                            if (number->value % 3 == 0) throw number->value;
                                          })));
  }
  const PropsPtr sender = share(props_of([&children](Context& context) {
    if (context.message<Started>() == nullptr) return;
    for (int i = 0; i < kEach; ++i) {
      for (const Pid& child : children) context.send(child, Number{i});
    }
  }));
  for (int i = 0; i < 4; ++i) (void)*system->spawn(sender);
  EXPECT_TRUE(eventually([&] { return received.load() == 4 * kActors * kEach; }))
      << received.load();
  expect_conserved(*system);
  EXPECT_EQ(system->dead_letters().door_count(), 0u);
}

// On the stack of a worker a level of recursion a level of the tree would not fit.
TEST(DeepTree, OfTenThousandLevelsStopsFromItsRoot) {
  constexpr int kDepth = 10'000 / kReduced;
  Gate built;
  std::atomic<int> alive{0};
  TestSystem system;
  std::function<Props(int)> level = [&](int depth) {
    return props_of([&, depth](Context& context) {
      if (context.message<Started>() != nullptr) {
        ++alive;
        if (depth == kDepth) return built.open();
        (void)*context.spawn(level(depth + 1));
      }
      if (context.message<Stopped>() != nullptr) {
        // Whoever is below is gone.
        EXPECT_EQ(alive.fetch_sub(1), depth);
      }
    });
  };
  const Pid root = system.spawn(level(1));
  ASSERT_TRUE(built.wait());
  system.stop(root);
  EXPECT_EQ(alive.load(), 0);
  expect_conserved(*system);
}

TEST(DeepTree, OfTenThousandLevelsFailsFromItsLeaf) {
  constexpr int kDepth = 10'000 / kReduced;
  Gate built;
  std::atomic<int> alive{0};
  Pid leaf;
  TestSystem system;
  const auto escalate = std::make_shared<OneForOneStrategy>(
      OneForOneStrategy::Options{.decider = [](const Failure&) { return Directive::escalate; }});
  std::function<Props(int)> level = [&](int depth) {
    Props props = props_of([&, depth](Context& context) {
      if (context.message<Number>() != nullptr) throw std::runtime_error("on purpose");
      if (context.message<Stopped>() != nullptr) --alive;
      if (context.message<Started>() == nullptr) return;
      ++alive;
      if (depth < kDepth) {
        (void)*context.spawn(level(depth + 1));
      } else if (!leaf) {
        leaf = context.self();
        built.open();
      }
    });
    props.strategy = escalate;
    return props;
  };
  Props top = supervisor();
  top.strategy = std::make_shared<OneForOneStrategy>(OneForOneStrategy::Options{
      .restart_count_max = 0, .decider = [](const Failure&) { return Directive::stop; }});
  const Pid parent = system.spawn(std::move(top));
  const Pid root = system.spawn_child(parent, level(1));
  ASSERT_TRUE(built.wait());
  (void)system->send(leaf, Number{1});
  // The failure goes up level by level; the parent stops the whole tree.
  system.await_gone(root);
  EXPECT_EQ(alive.load(), 0);
  expect_conserved(*system);
}

class Crowd : public testing::Test {
 protected:
  static constexpr int kActors = 1'000'000 / kReduced;

  PropsPtr member() {
    return share(props_of([this](Context& context) {
      if (context.message<Started>() != nullptr) ++started_;
      if (context.message<Stopped>() != nullptr) ++stopped_;
    }));
  }
  bool all_started() {
    return eventually([this] { return started_.load() == kActors; });
  }

  std::atomic<int> started_{0};
  std::atomic<int> stopped_{0};
};

TEST_F(Crowd, OfAMillionChildrenStopsWithItsParent) {
  TestSystem system;
  const Pid parent = system.spawn(test::steered(std::make_shared<test::Diary>()));
  system.in_turn(parent, [this](Context& context) {
    const PropsPtr child = member();
    for (int i = 0; i < kActors; ++i) (void)*context.spawn(child);
  });
  ASSERT_TRUE(all_started());
  system.stop(parent);
  EXPECT_EQ(stopped_.load(), kActors);
  expect_conserved(*system);
}

TEST_F(Crowd, OfAMillionRootsStopsWithTheSystem) {
  TestSystem system;
  const PropsPtr root = member();
  std::vector<Pid> roots;
  for (int i = 0; i < kActors; ++i) roots.push_back(*system->spawn(root));
  for (const Pid& each : roots) (void)system->send(each, Number{1});
  ASSERT_TRUE(all_started());
  expect_conserved(*system);
  EXPECT_EQ(stopped_.load(), kActors);
}

}  // namespace
}  // namespace nexus::core
