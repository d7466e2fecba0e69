#include "core/mailbox/mailbox.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <map>
#include <vector>

#include "core/base/mutex.h"
#include "tests/explore/schedules.h"

namespace nexus::core {
namespace {

using test::choose;
using test::for_each_schedule;
using test::run_threads;

struct Item {
  std::uint32_t sender;
  std::uint32_t number;
  Lane lane;
};
constexpr OwnerId kFinder = 9;

// One mailbox, and what a dispatcher does about it, with notes instead of an actor.
class Desk {
 public:
  explicit Desk(std::uint32_t user_count_max = 1000) { live(user_count_max); }
  ~Desk() {
    mailbox.die([](EnvelopePtr, Lane) {});
  }

  void live(std::uint32_t user_count_max) {
    mailbox.start_life(kFinder, user_count_max);
    if (!mailbox.try_release(kFinder)) run(kFinder);
  }
  enum class Sent { waits, full, dead };
  // By a thread that owns nothing.
  Sent push(const Item& item) {
    if (item.lane == Lane::user && !mailbox.reserve_place()) return Sent::full;
    EnvelopePtr envelope = make_envelope(item);
    switch (mailbox.push(envelope, item.lane)) {
      case Mailbox::Push::enqueue:
        schedule();
        [[fallthrough]];
      case Mailbox::Push::pushed:
        if (item.lane == Lane::system) system_sent_count_.fetch_add(1);
        return Sent::waits;
      case Mailbox::Push::dead:
        if (item.lane == Lane::user) mailbox.give_back_place();
        return Sent::dead;
    }
    return Sent::dead;
  }
  // By a worker; when the mailbox is its own then, it must run().
  Sent send(OwnerId worker, const Item& item) {
    if (mailbox.claim(worker) == Mailbox::Claim::refused) return push(item);
    if (item.lane == Lane::system) {
      mailbox.append_system(make_envelope(item));
      system_sent_count_.fetch_add(1);
      return Sent::waits;
    }
    if (!mailbox.has_room()) return Sent::full;
    mailbox.append_user(make_envelope(item));
    return Sent::waits;
  }
  // By its owner: a turn, or a few of them, after which it is somebody else's.
  void run(OwnerId worker) {
    for (;;) {
      EXPECT_FALSE(busy_) << "M1: two workers run it";
      busy_ = true;
      mailbox.take_pushed(worker);
      while (EnvelopePtr envelope = next(worker)) note(*envelope->get<Item>());
      mailbox.publish_counts();
      busy_ = false;
      if (choose(4) == 0) {
        mailbox.hand_out(worker);
        return schedule();
      }
      if (mailbox.try_release(worker)) return;
    }
  }
  // By a worker that looks for work; false when there is none.
  bool run_scheduled(OwnerId worker) {
    {
      MutexLock lock(mutex_);
      if (scheduled_count_ == 0) return false;
      EXPECT_EQ(scheduled_count_, 1) << "M1: queued twice";
      --scheduled_count_;
    }
    mailbox.adopt(worker);
    run(worker);
    return true;
  }
  void run_all() {
    while (run_scheduled(kFinder)) {
    }
  }
  // When nobody owns it.
  std::vector<Item> handled_by(std::uint32_t sender) const {
    std::vector<Item> items;
    for (const Item& item : handled) {
      if (item.sender == sender) items.push_back(item);
    }
    return items;
  }

  Mailbox mailbox;
  std::vector<Item> handled;
  std::atomic<std::uint32_t> handled_count{0};
  // The owner.
  std::uint32_t system_handled_count = 0;

 private:
  void schedule() {
    MutexLock lock(mutex_);
    ++scheduled_count_;
  }
  // The system lane first, also what has just been pushed.
  EnvelopePtr next(OwnerId worker) {
    const std::uint32_t known_count = system_sent_count_.load();
    if (mailbox.has_pushed_system()) mailbox.take_pushed(worker);
    if (EnvelopePtr envelope = mailbox.pop_system()) {
      ++system_handled_count;
      return envelope;
    }
    if (mailbox.has_user()) {
      EXPECT_GE(system_handled_count, known_count) << "M2: a system envelope waits behind";
    }
    handled_count.fetch_add(mailbox.has_user() ? 1 : 0);
    return mailbox.pop_user();
  }
  void note(const Item& item) {
    for (const Item& before : handled) {
      if (before.sender != item.sender) continue;
      if (before.lane == item.lane) {
        EXPECT_LT(before.number, item.number) << "M3";
      }
      if (item.lane == Lane::system && before.lane == Lane::user) {
        EXPECT_LT(before.number, item.number) << "M2";
      }
    }
    handled.push_back(item);
  }

  std::atomic<std::uint32_t> system_sent_count_{0};
  bool busy_ = false;
  Mutex mutex_{"desk"};
  int scheduled_count_ GUARDED_BY(mutex_) = 0;
};

TEST(MailboxSchedules, M1_ExactlyOneGetsAnIdleMailbox) {
  for_each_schedule([] {
    Desk desk;
    std::atomic<int> winners{0};
    const auto claim = [&](OwnerId worker) {
      winners += desk.mailbox.claim(worker) == Mailbox::Claim::claimed ? 1 : 0;
    };
    run_threads({[&] { claim(1); }, [&] { claim(2); },
                 [&] {
                   EnvelopePtr envelope = make_envelope(Item{});
                   winners +=
                       desk.mailbox.push(envelope, Lane::system) == Mailbox::Push::enqueue ? 1 : 0;
                 }});
    EXPECT_EQ(winners.load(), 1);
  });
}

// A sender on whichever thread it is.
class Sender {
 public:
  Sender(Desk& desk, std::uint32_t name) : desk_(desk), name_(name) {}
  // By a thread that may become the owner; a worker of 0 cannot.
  void send(OwnerId worker) {
    MutexLock lock(mutex_);
    const Item item{name_, ++last_, choose(3) == 0 ? Lane::system : Lane::user};
    EXPECT_EQ(worker == 0 ? desk_.push(item) : desk_.send(worker, item), Desk::Sent::waits);
  }
  std::uint32_t sent_count() const { return last_; }

 private:
  Desk& desk_;
  const std::uint32_t name_;
  Mutex mutex_{"sender"};
  std::uint32_t last_ = 0;
};

TEST(MailboxSchedules, M2_M3_M5_EverythingIsHandledInOrderThoughSenderAndOwnerMove) {
  for_each_schedule([] {
    Desk desk;
    Sender one(desk, 1);
    Sender two(desk, 2);
    const auto work = [&](OwnerId worker) {
      for (int i = 0; i < 2; ++i) {
        // Also to a mailbox that it owns already.
        for (std::uint32_t more = choose(2) + 1; more > 0; --more) {
          (choose(2) == 0 ? one : two).send(worker);
        }
        if (desk.mailbox.owner() == worker) desk.run(worker);
        (void)desk.run_scheduled(worker);
      }
    };
    run_threads({[&] { work(1); }, [&] { work(2); },
                 [&] {
                   for (int i = 0; i < 3; ++i) one.send(0);
                 }});
    desk.run_all();
    EXPECT_EQ(desk.mailbox.owner(), kIdle) << "M5: something waits and nobody runs it";
    EXPECT_EQ(desk.handled.size(), one.sent_count() + two.sent_count());
    EXPECT_EQ(desk.handled_by(1).size(), one.sent_count());
    EXPECT_EQ(desk.mailbox.user_count_approx(), 0u);
  });
}

TEST(MailboxSchedules, M4_NeverHoldsMoreThanItsLimit) {
  constexpr std::uint32_t kMax = 2;
  for_each_schedule([] {
    Desk desk(kMax);
    std::atomic<std::uint32_t> accepted{0};
    const auto push = [&](std::uint32_t sender) {
      for (std::uint32_t i = 0; i < 2; ++i) {
        if (desk.push({sender, i, Lane::user}) == Desk::Sent::waits) accepted.fetch_add(1);
        // Both ends err to the side of fewer.
        const std::uint32_t in = accepted.load();
        const std::uint32_t out = desk.handled_count.load();
        EXPECT_LE(in, out + kMax);
      }
    };
    run_threads({[&] { push(1); }, [&] { push(2); }, [&] { push(3); },
                 [&] {
                   for (int i = 0; i < 2; ++i) (void)desk.run_scheduled(1);
                 }});
    desk.run_all();
    EXPECT_EQ(desk.handled.size(), accepted.load());
    for (std::uint32_t i = 0; i < kMax; ++i) {
      EXPECT_EQ(desk.push({4, i, Lane::user}), Desk::Sent::waits) << "a place was lost";
    }
    EXPECT_EQ(desk.push({4, kMax, Lane::user}), Desk::Sent::full);
  });
}

TEST(MailboxSchedules, EachEnvelopeIsHandledLeftOverOrRefusedWhenTheMailboxDies) {
  for_each_schedule([] {
    Desk desk;
    std::atomic<std::uint32_t> refused{0};
    std::uint32_t left_over = 0;
    const auto push = [&](std::uint32_t sender) {
      for (std::uint32_t i = 0; i < 2; ++i) {
        const Lane lane = choose(3) == 0 ? Lane::system : Lane::user;
        if (desk.push({sender, i, lane}) == Desk::Sent::dead) refused.fetch_add(1);
      }
    };
    run_threads({[&] { push(1); }, [&] { push(2); },
                 [&] {
                   (void)desk.run_scheduled(1);
                   if (desk.mailbox.claim(1) == Mailbox::Claim::refused) return;
                   if (choose(2) == 0) desk.mailbox.take_pushed(1);
                   bool system_is_over = false;
                   desk.mailbox.die([&](EnvelopePtr envelope, Lane lane) {
                     EXPECT_EQ(envelope->get<Item>()->lane, lane);
                     EXPECT_FALSE(system_is_over && lane == Lane::system);
                     system_is_over = lane == Lane::user;
                     if (lane == Lane::system) ++desk.system_handled_count;
                     ++left_over;
                   });
                   if (choose(2) == 0) desk.live(1000);
                 }});
    desk.run_all();
    EXPECT_EQ(desk.handled.size() + left_over + refused.load(), 4u);
    EXPECT_EQ(desk.mailbox.user_count_approx(), 0u);
  });
}

}  // namespace
}  // namespace nexus::core
