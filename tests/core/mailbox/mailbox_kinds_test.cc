// What holds for every kind of mailbox on every sort of dispatcher.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "core/dispatch/blocking_pool.h"
#include "core/dispatch/pinned_dispatcher.h"
#include "core/mailbox/mailbox_middleware.h"
#include "tests/support/bound_actors.h"

namespace nexus::core {
namespace {

using test::Done;
using test::eventually;
using test::expect_conservation;
using test::Numbered;
using test::TestSystem;

struct Kind {
  std::string name;
  std::function<void(Props&)> choose;
};
std::ostream& operator<<(std::ostream& out, const Kind& kind) { return out << kind.name; }

Kind bounded(const std::string& name, MailboxOverflow overflow) {
  return {name, [overflow](Props& props) {
            props.mailbox_user_count_max = 50;
            props.mailbox_overflow = overflow;
          }};
}
void choose_priority(Props& props) {
  props.priority = [](const Envelope& envelope) -> std::uint8_t {
    const auto* item = envelope.get<Numbered>();
    return item == nullptr ? 0 : static_cast<std::uint8_t>(item->sender);
  };
}

const Kind kMailboxes[] = {
    {"unbounded", [](Props&) {}},
    bounded("reject", MailboxOverflow::reject),
    bounded("drop_newest", MailboxOverflow::drop_newest),
    bounded("drop_oldest", MailboxOverflow::drop_oldest),
    bounded("slow_sender", MailboxOverflow::slow_sender),
    {"priority", choose_priority},
    {"priority_drop_oldest",
     [](Props& props) {
       choose_priority(props);
       props.mailbox_user_count_max = 50;
       props.mailbox_overflow = MailboxOverflow::drop_oldest;
     }},
    {"middleware",
     [](Props& props) {
       props.mailbox_user_count_max = 50;
       props.mailbox_middleware.push_back(std::make_shared<MailboxMiddleware>());
     }},
};
const Kind kDispatchers[] = {
    {"pool", [](Props&) {}},
    {"pinned", [](Props& props) { props.dispatcher = std::make_shared<PinnedDispatcher>(); }},
    {"blocking", [](Props& props) { props.dispatcher = std::make_shared<BlockingPool>(); }},
};

class EachKind : public testing::TestWithParam<std::tuple<Kind, Kind>> {};
INSTANTIATE_TEST_SUITE_P(Kinds, EachKind,
                         testing::Combine(testing::ValuesIn(kMailboxes),
                                          testing::ValuesIn(kDispatchers)),
                         [](const auto& kinds) {
                           return std::get<0>(kinds.param).name + "_" +
                                  std::get<1>(kinds.param).name;
                         });

// Two threads and an actor flood one actor, each with a system message before each tenth of its user messages, and the actor sends
// to itself.
TEST_P(EachKind, OrderPerSenderSystemFirstAndConservation) {
  constexpr std::uint32_t kEach = 10'000;
  constexpr std::uint32_t kSenders = 3;
  TestSystem system({.worker_count = 2});
  std::vector<std::int64_t> last(kSenders, -1);
  std::vector<std::uint32_t> system_seen(kSenders);
  std::atomic<int> inside{0};
  Props props = props_of([&](Context& context) {
    EXPECT_EQ(++inside, 1);
    if (const auto* item = context.message<Numbered>()) {
      EXPECT_LT(last[item->sender], item->number);
      last[item->sender] = item->number;
      EXPECT_GE(system_seen[item->sender], item->number / 10 * 10);
      if (item->number % 16 == 0) context.send(context.self(), Done{});
    }
    --inside;
  });
  std::get<0>(GetParam()).choose(props);
  std::get<1>(GetParam()).choose(props);
  const Pid target = system.spawn(std::move(props));
  const auto send_one = [&](std::uint32_t sender, std::uint32_t number) {
    if (number % 10 == 0) {
      Continuation note{[&, sender, number](Context&) { system_seen[sender] = number; }};
      system->registry().send_system(target, make_envelope(std::move(note)));
    }
    (void)system->send(target, Numbered{sender, number});
  };
  (void)system->send(
      system.spawn(props_of([&, sent = std::make_shared<std::uint32_t>(0)](Context& context) {
        if (context.message<Done>() == nullptr) return;
        for (int i = 0; i < 20 && *sent < kEach; ++i) send_one(2, (*sent)++);
        if (*sent < kEach) context.send(context.self(), Done{});
      })),
      Done{});
  std::vector<std::thread> threads;
  for (std::uint32_t sender = 0; sender < 2; ++sender) {
    threads.emplace_back([&, sender] {
      for (std::uint32_t i = 0; i < kEach; ++i) send_one(sender, i);
    });
  }
  for (std::thread& thread : threads) thread.join();
  expect_conservation(*system);
  system.stop(target);
  EXPECT_TRUE(system->shutdown(test::kPatience));
  const auto counters = system->registry().counters();
  EXPECT_EQ(counters.accepted,
            counters.processed + counters.dead_lettered + counters.taken_by_processes);
}

}  // namespace
}  // namespace nexus::core
