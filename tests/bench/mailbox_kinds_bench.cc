// What does a message cost in each kind of mailbox, and an ask to an actor on each sort of dispatcher?
//
// Mailbox: one thread runs everything; an actor sends 1,000 messages to another, which then handles them; the column per_message is
// the time of one. Ask: a thread outside asks an actor and waits, again and again.

#include <benchmark/benchmark.h>

#include <memory>
#include <utility>

#include "core/actor_system.h"
#include "core/dispatch/blocking_pool.h"
#include "core/dispatch/pinned_dispatcher.h"
#include "core/dispatch/single_thread.h"
#include "core/mailbox/mailbox_middleware.h"

namespace nexus {
namespace {

using core::Context;
using core::Pid;
using core::Props;

struct Begin {};
struct Item {
  std::uint64_t a;
  std::uint64_t b;
};
constexpr std::uint64_t kItems = 1000;

void plain(Props&) {}
void drop_oldest(Props& props) { props.mailbox_overflow = core::MailboxOverflow::drop_oldest; }
void slow_sender(Props& props) { props.mailbox_overflow = core::MailboxOverflow::slow_sender; }
void one_level(Props& props) {
  props.priority = [](const core::Envelope&) { return std::uint8_t{3}; };
}
void eight_levels(Props& props) {
  props.priority = [](const core::Envelope& envelope) {
    const auto* item = envelope.get<Item>();
    return static_cast<std::uint8_t>(item == nullptr ? 0 : item->a % 8);
  };
}
void middleware(Props& props) {
  props.mailbox_middleware.push_back(std::make_shared<core::MailboxMiddleware>());
}

template <void (*Choose)(Props&)>
void Mailbox(benchmark::State& state) {
  auto thread = std::make_shared<core::SingleThread>();
  core::ActorSystem system({.dispatcher = thread});
  Props props = core::props_of([sum = std::uint64_t{0}](Context& context) mutable {
    if (const auto* item = context.message<Item>()) sum += item->b;
    benchmark::DoNotOptimize(sum);
  });
  Choose(props);
  const Pid target = *system.spawn(core::share(std::move(props)));
  const Pid producer = *system.spawn(core::share(core::props_of([target](Context& context) {
    if (context.message<Begin>() == nullptr) return;
    for (std::uint64_t i = 0; i < kItems; ++i) context.send(target, Item{i, i});
  })));
  for (auto _ : state) {
    (void)system.send(producer, Begin{});
    thread->run_until_idle();
  }
  using benchmark::Counter;
  state.counters["per_message"] =
      Counter(static_cast<double>(kItems), Counter::kIsIterationInvariantRate | Counter::kInvert);
}
BENCHMARK(Mailbox<plain>);
BENCHMARK(Mailbox<drop_oldest>);
BENCHMARK(Mailbox<slow_sender>);
BENCHMARK(Mailbox<one_level>);
BENCHMARK(Mailbox<eight_levels>);
BENCHMARK(Mailbox<middleware>);

void pool(Props&) {}
void pinned(Props& props) { props.dispatcher = std::make_shared<core::PinnedDispatcher>(); }
void blocking(Props& props) { props.dispatcher = std::make_shared<core::BlockingPool>(); }

template <void (*Choose)(Props&)>
void Ask(benchmark::State& state) {
  core::ActorSystem system({.worker_count = 1});
  Props props = core::props_of([](Context& context) {
    if (context.message<Begin>()) context.respond(Begin{});
  });
  Choose(props);
  const Pid target = *system.spawn(core::share(std::move(props)));
  for (auto _ : state) {
    benchmark::DoNotOptimize(system.ask(target, Begin{}, std::chrono::seconds(10)));
  }
}
BENCHMARK(Ask<pool>)->UseRealTime();
BENCHMARK(Ask<pinned>)->UseRealTime();
BENCHMARK(Ask<blocking>)->UseRealTime();

void AskOnASingleThread(benchmark::State& state) {
  core::ActorSystem system({.dispatcher = std::make_shared<core::SingleThread>()});
  const Pid target = *system.spawn(core::share(core::props_of([](Context& context) {
    if (context.message<Begin>()) context.respond(Begin{});
  })));
  for (auto _ : state) {
    benchmark::DoNotOptimize(system.ask(target, Begin{}, std::chrono::seconds(10)));
  }
}
BENCHMARK(AskOnASingleThread)->UseRealTime();

}  // namespace
}  // namespace nexus
