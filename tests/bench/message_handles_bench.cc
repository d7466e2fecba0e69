// What does it cost to put a message aside and to take it back, in a stash of 8 to 4096: MessageHandles, the seed's list under a
// mutex, a lock-free queue for many producers, and a plain deque as the floor of the standard library?
//
// One iteration stashes all messages and takes all of them back; the column per_message is the time of one for both.

#include <benchmark/benchmark.h>

#include <deque>
#include <utility>
#include <vector>

#include "core/actor/message_handles.h"
#include "core/mailbox/mailbox.h"
#include "tests/bench/baseline/seed_message_handles.h"

namespace nexus {
namespace {

using core::EnvelopePtr;

struct Numbered {
  int value;
};

class Ours {
 public:
  void stash(EnvelopePtr envelope) { benchmark::DoNotOptimize(handles_.stash(envelope)); }
  template <typename Take>
  void unstash_all(Take take) {
    handles_.unstash_all();
    while (EnvelopePtr envelope = handles_.next()) take(std::move(envelope));
  }

 private:
  core::MessageHandles handles_{4096};
};

class Seed {
 public:
  void stash(EnvelopePtr envelope) { handles_.push(std::move(envelope)); }
  template <typename Take>
  void unstash_all(Take take) {
    while (EnvelopePtr envelope = handles_.pop()) take(std::move(envelope));
  }

 private:
  bench::SeedMessageHandles handles_;
};

class LockFree {
 public:
  LockFree() { mailbox_.start_life(core::kQueued, UINT32_MAX); }
  void stash(EnvelopePtr envelope) { (void)mailbox_.push(envelope, core::Lane::user); }
  template <typename Take>
  void unstash_all(Take take) {
    mailbox_.take_pushed(core::kQueued);
    while (EnvelopePtr envelope = mailbox_.pop_user()) take(std::move(envelope));
  }

 private:
  core::Mailbox mailbox_;
};

class Deque {
 public:
  void stash(EnvelopePtr envelope) { deque_.push_back(std::move(envelope)); }
  template <typename Take>
  void unstash_all(Take take) {
    for (; !deque_.empty(); deque_.pop_front()) take(std::move(deque_.front()));
  }

 private:
  std::deque<EnvelopePtr> deque_;
};

template <typename Stash>
void StashAndUnstash(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  std::vector<EnvelopePtr> envelopes;
  for (std::size_t i = 0; i < count; ++i) {
    envelopes.push_back(core::make_envelope(Numbered{static_cast<int>(i)}));
  }
  Stash stash;
  for (auto iteration : state) {
    (void)iteration;
    for (EnvelopePtr& envelope : envelopes) stash.stash(std::move(envelope));
    std::size_t next = 0;
    stash.unstash_all([&](EnvelopePtr envelope) { envelopes[next++] = std::move(envelope); });
  }
  const auto messages = static_cast<double>(state.iterations()) * static_cast<double>(count);
  state.counters["per_message"] =
      benchmark::Counter(messages, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void sizes(benchmark::internal::Benchmark* bench) {
  for (const int count : {8, 64, 512, 4096}) bench->Arg(count);
}
BENCHMARK_TEMPLATE(StashAndUnstash, Ours)->Apply(sizes);
BENCHMARK_TEMPLATE(StashAndUnstash, Seed)->Apply(sizes);
BENCHMARK_TEMPLATE(StashAndUnstash, LockFree)->Apply(sizes);
BENCHMARK_TEMPLATE(StashAndUnstash, Deque)->Apply(sizes);

}  // namespace
}  // namespace nexus
