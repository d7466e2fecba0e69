// That exploration finds what it is for: small protocols of core, each right and with one known bug.
#include "tests/explore/explorer.h"

#include <gtest/gtest.h>

#include <atomic>
#include <iostream>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/base/asymmetric_fence.h"
#include "core/base/atomic.h"
#include "core/base/mutex.h"
#include "tests/explore/find_failure.h"
#include "tests/explore/schedules.h"

#if defined(__SANITIZE_ADDRESS__)
// What ends in a deadlock is never destroyed.
extern "C" const char* __asan_default_options() { return "detect_leaks=0"; }
#endif

namespace nexus::test {
namespace {

using core::Atomic;
using core::Mutex;
using core::MutexLock;

void expect_found(const char* bug, const std::function<void()>& body, const std::string& message) {
  const auto failure = find_failure(body);
  ASSERT_TRUE(failure.has_value()) << bug << " was not found";
  EXPECT_NE(failure->message.find(message), std::string::npos) << failure->message;
  std::cout << bug << ": found by schedule " << failure->seed << '\n';
  testing::Test::RecordProperty("found_by", std::to_string(failure->seed));
}

// Mailbox in small: an owner and a count of what was pushed, in one word.
template <bool kReleasesBlindly>
class SmallMailbox {
 public:
  // Whether the caller must run it.
  bool push() {
    std::uint32_t before = word_.load(std::memory_order_relaxed);
    while (!word_.compare_exchange_weak(before, (before | kOwned) + 1)) {
    }
    return (before & kOwned) == 0;
  }
  void run() {
    for (;;) {
      handled_ += word_.exchange(kOwned) & ~kOwned;
      if constexpr (kReleasesBlindly) {
        if (word_.load() == kOwned) return word_.store(0);
      } else {
        std::uint32_t held = kOwned;
        if (word_.compare_exchange_strong(held, 0)) return;
      }
    }
  }
  std::uint32_t handled() const { return handled_; }

 private:
  static constexpr std::uint32_t kOwned = 1u << 31;
  Atomic<std::uint32_t> word_{0};
  std::uint32_t handled_ = 0;
};

template <bool kReleasesBlindly>
void push_from_two_threads() {
  SmallMailbox<kReleasesBlindly> mailbox;
  const auto push = [&] {
    for (int i = 0; i < 2; ++i) {
      if (mailbox.push()) mailbox.run();
    }
  };
  run_threads({push, push});
  EXPECT_EQ(mailbox.handled(), 4u) << "a wake-up was lost";
}

TEST(Explorer, FindsALostWakeUp) {
  for_each_schedule(push_from_two_threads<false>);
  expect_found("release without a look at what was pushed", push_from_two_threads<true>,
               "a wake-up was lost");
}

// Worker::Section and rescue() in small. Only stores that are kept back can let both in.
template <bool kHasHeavyFence>
void enter_section_and_rescue() {
  Atomic<bool> in_section{false};
  Atomic<bool> revoked{false};
  int inside = 0;
  Atomic<bool> middle{false};
  const auto alone = [&] {
    EXPECT_EQ(++inside, 1) << "both are inside";
    (void)middle.load();
    --inside;
  };
  run_threads({[&] {
                 in_section.store(true, std::memory_order_relaxed);
                 core::light_fence();
                 if (!revoked.load(std::memory_order_acquire)) alone();
                 in_section.store(false, std::memory_order_release);
               },
               [&] {
                 revoked.store(true);
                 if (kHasHeavyFence) core::heavy_fence();
                 if (!in_section.load(std::memory_order_acquire)) alone();
                 revoked.store(false, std::memory_order_release);
               }});
}

#if !defined(NEXUS_EXPLORE_TSAN)
TEST(Explorer, FindsAMissingFence) {
  for_each_schedule(enter_section_and_rescue<true>);
  expect_found("a rescuer without its fence", enter_section_and_rescue<false>, "both are inside");
}
#endif

// FutureTable::win() in small: who finds the slot open completes it.
template <bool kChecksFirst>
void complete_from_three_threads() {
  Atomic<std::uint32_t> open{1};
  std::atomic<int> completed{0};
  const auto complete = [&] {
    if constexpr (kChecksFirst) {
      if (open.load() == 0) return;
      open.store(0);
      completed.fetch_add(1);
    } else {
      completed.fetch_add(open.exchange(0) == 1 ? 1 : 0);
    }
  };
  run_threads({complete, complete, complete});
  EXPECT_EQ(completed.load(), 1);
}

TEST(Explorer, FindsACompletionThatHappensTwice) {
  for_each_schedule(complete_from_three_threads<false>);
  expect_found("look first, then close the slot", complete_from_three_threads<true>, "completed");
}

// A slot that is used again, with the number of its use in the word or without.
template <bool kHasNumber>
void answer_late() {
  Atomic<std::uint32_t> state{1};
  const auto complete = [&](std::uint32_t number) {
    std::uint32_t expected = kHasNumber ? number : 1;
    return state.compare_exchange_strong(expected, 0);
  };
  bool second_got_the_first_answer = false;
  run_threads({[&] {
                 // The deadline of the first request, and the next one in the same slot.
                 if (complete(1)) state.store(kHasNumber ? 2 : 1);
               },
               [&] {
                 const std::uint32_t seen = state.load();
                 if (complete(1)) second_got_the_first_answer = seen == 0;
               }});
  EXPECT_FALSE(second_got_the_first_answer) << "an answer of before";
}

TEST(Explorer, FindsAnAnswerThatCompletesALaterRequest) {
  for_each_schedule(answer_late<true>);
  expect_found("slots without numbers", answer_late<false>, "an answer of before");
}

template <bool kInOrder>
void lock_two() {
  Mutex a{"explorer_a"};
  Mutex b{"explorer_b"};
  const auto both = [](Mutex& first, Mutex& second) {
    const MutexLock outer(first);
    const MutexLock inner(second);
  };
  run_threads({[&] { both(a, b); }, [&] { kInOrder ? both(a, b) : both(b, a); }});
}

TEST(Explorer, FindsADeadlock) {
  for_each_schedule(lock_two<true>);
  expect_found("locks in two orders", lock_two<false>, "all threads wait for each other");
}

template <bool kNotifies>
void wait_for_a_word() {
  Atomic<std::uint32_t> word{0};
  run_threads({[&] { word.wait(0); },
               [&] {
                 word.store(1);
                 if (kNotifies) word.notify_one();
               }});
}

TEST(Explorer, FindsAWaiterThatNobodyWakes) {
  for_each_schedule(wait_for_a_word<true>);
  expect_found("no notify", wait_for_a_word<false>, "all threads wait for each other");
}

TEST(Explorer, FindsThreadsThatNeverEnd) {
  expect_found(
      "two that wait by turning round",
      [] {
        Atomic<bool> one{false};
        Atomic<bool> two{false};
        const auto turn = [](Atomic<bool>& mine, const Atomic<bool>& other) {
          while (!other.load()) {
          }
          mine.store(true);
        };
        run_threads({[&] { turn(one, two); }, [&] { turn(two, one); }});
      },
      "did not end within");
}

// Bodies that look at what the threads did.
std::vector<explore::Explorer::Schedule> schedules_of(std::uint64_t seed_count,
                                                      std::set<std::vector<int>>* orders) {
  explore::Explorer explorer;
  std::vector<explore::Explorer::Schedule> schedules;
  for (std::uint64_t seed = 1; seed <= seed_count; ++seed) {
    std::vector<int> order(6);
    schedules.push_back(explorer.run(seed, [&] {
      Atomic<std::size_t> at{0};
      const auto step = [&](int name) {
        for (int i = 0; i < 2; ++i) order[at.fetch_add(1)] = name;
      };
      explorer.run_threads({[&] { step(0); }, [&] { step(1); }, [&] { step(2); }});
    }));
    orders->insert(order);
  }
  return schedules;
}

TEST(Explorer, GoesTheSameWayForTheSameSeedAndEveryWayForSome) {
  std::set<std::vector<int>> orders;
  const auto first = schedules_of(20'000, &orders);
  // Six steps of three threads, two each.
  EXPECT_EQ(orders.size(), 90u);
  const auto second = schedules_of(20'000, &orders);
  for (std::size_t i = 0; i < first.size(); ++i) {
    ASSERT_EQ(first[i].fingerprint, second[i].fingerprint) << "seed " << i + 1;
    ASSERT_EQ(first[i].step_count, second[i].step_count) << "seed " << i + 1;
  }
}

}  // namespace
}  // namespace nexus::test
