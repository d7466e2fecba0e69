// Mailbox: what waits for one actor, and who may run it, decided by one atomic word:
//
//   owner (16 bits) | newest envelope that others pushed (44 bits) | a system envelope is among those (1 bit)
//
//   owner      idle     nobody; nothing waits that can be handled. In one of two words: of an actor of the system's own
//                       dispatcher, or of one that is bound to another
//              a worker the actor is in that worker's queues, or running there
//              queued   the actor waits in the queue that all workers share
//              dead     no actor lives here: pushes are turned away
//
//   claim(), push()                         any thread   one compare-and-swap; never wait, never allocate
//   append_*(), take_pushed(), try_release(), pop_*(), die(), hand_out(), adopt()
//                                           the owner    append and pop are plain loads and stores
//
// M1  Exactly one thread gets each idle mailbox: the one whose claim or push found it idle. It must see to it that the actor runs.
//     Only a worker whose dispatcher the actor has can claim it; all others push.
// M2  The owner can empty the system lane before each user envelope; a system envelope is never behind a user envelope of
//     the same sender that came later.
// M3  Within a lane, envelopes of one sender leave in the order they came, also when the sender or the owner changes threads:
//     the owner takes in what others pushed before it appends anything itself.
// M4  At most user_count_max user envelopes wait (beyond() for policies that let it grow for a while), but for kCountLag that the
//     owner appended lately, which others do not see. Early refusals: by fewer than count_batch() that others pushed and the owner
//     has handled, by fewer than count_batch() that the owner appended and has handled, which itself it knows at once, and by the
//     places that workers have reserved together. Envelopes marked exempt are never turned away.
// M5  try_release() succeeds only when no envelope was pushed since the last take_pushed().
//
// The pushed envelopes are a stack (R. K. Treiber, 1986) that is only ever taken as a whole, hence free of ABA; the owner
// reverses it. That a thread may claim an idle actor and then append without atomic operations is what makes a message to an
// actor of the same worker cheap.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <utility>

#include "core/actor/envelope.h"
#include "core/base/atomic.h"
#include "core/mailbox/mailbox_overflow.h"

namespace nexus::core {

enum class Lane : std::uint8_t { user, system };

// Who owns a mailbox. Workers are 1..kLastWorker, unique within an ActorSystem.
using OwnerId = std::uint16_t;
inline constexpr OwnerId kIdle = 0;
inline constexpr OwnerId kLastWorker = 0xfffc;
inline constexpr OwnerId kIdleBound = 0xfffd;
inline constexpr OwnerId kDead = 0xfffe;
inline constexpr OwnerId kQueued = 0xffff;

class Mailbox {
 public:
  // Starts dead.
  Mailbox() = default;
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;
  // What still waits is destroyed with the lanes.
  ~Mailbox() { take_pushed(kDead); }

  // Any thread.
  OwnerId owner() const { return owner_of(word_.load(std::memory_order_relaxed)); }
  enum class Claim : std::uint8_t {
    // The worker owns the mailbox already; what others pushed has been taken in.
    own,
    // The mailbox was idle and is the worker's now.
    claimed,
    // It is somebody else's.
    refused,
  };
  // Before a worker appends anything. `idle` is the idle owner that this worker may follow, or its own id when it may none.
  [[nodiscard]] Claim claim(OwnerId worker, OwnerId idle = kIdle) {
    Word word = word_.load(std::memory_order_relaxed);
    if (owner_of(word) == worker) {
      if ((word & kTopMask) != 0) [[unlikely]]
        take_pushed(worker);
      return Claim::own;
    }
    // Acquire pairs with the try_release() of the last owner.
    return word == word_of(idle) &&
                   word_.compare_exchange_strong(word, word_of(worker), std::memory_order_acquire,
                                                 std::memory_order_relaxed)
               ? Claim::claimed
               : Claim::refused;
  }
  enum class Push : std::uint8_t {
    pushed,
    // The same, and the mailbox was idle: it is `queued` now, and the caller must schedule the actor at its dispatcher.
    enqueue,
    // Nothing was taken.
    dead,
  };
  // By threads that do not own the mailbox. On `dead` the envelope stays with the caller.
  [[nodiscard]] Push push(EnvelopePtr& envelope, Lane lane) {
    Envelope* node = envelope.get();
    node->set(Envelope::kSystemLane, lane == Lane::system);
    Word before = word_.load(std::memory_order_relaxed);
    for (;;) {
      const OwnerId owner = owner_of(before);
      if (owner == kDead) return Push::dead;
      const bool idle = owner == kIdle || owner == kIdleBound;
      if (node->is_timed()) [[unlikely]]
        node->set_made_runnable(idle);
      node->next_ = top_of(before);
      const Word after = word_of(idle ? kQueued : owner) | reinterpret_cast<std::uintptr_t>(node) |
                         (before & kHasSystem) | (lane == Lane::system ? kHasSystem : 0);
      // Release publishes the envelope. Acquire, for the one who found it idle: what the last owner left.
      if (word_.compare_exchange_weak(before, after, std::memory_order_acq_rel,
                                      std::memory_order_relaxed)) {
        (void)envelope.release();
        return idle ? Push::enqueue : Push::pushed;
      }
    }
  }
  // The same for user envelopes together, at least one. Afterwards the chain is empty, but on `dead`.
  [[nodiscard]] Push push(EnvelopeChain& chain) {
    Word before = word_.load(std::memory_order_relaxed);
    for (;;) {
      const OwnerId owner = owner_of(before);
      if (owner == kDead) return Push::dead;
      const bool idle = owner == kIdle || owner == kIdleBound;
      chain.oldest_->next_ = top_of(before);
      const Word after = word_of(idle ? kQueued : owner) |
                         reinterpret_cast<std::uintptr_t>(chain.newest_) | (before & kHasSystem);
      if (word_.compare_exchange_weak(before, after, std::memory_order_acq_rel,
                                      std::memory_order_relaxed)) {
        chain.newest_ = chain.oldest_ = nullptr;
        chain.count_ = 0;
        return idle ? Push::enqueue : Push::pushed;
      }
    }
  }
  // Before push(): takes a place for a user envelope; false when there is none.
  [[nodiscard]] bool reserve_place() { return reserve_place_within(user_count_max()); }
  // The same with another limit.
  [[nodiscard]] bool reserve_place_within(std::uint32_t count_max) {
    // Relaxed: the count is a limit, it publishes nothing.
    if (pushed_count_.fetch_add(1, std::memory_order_relaxed) +
            appended_count_.load(std::memory_order_relaxed) >=
        count_max) {
      give_back_place();
      return false;
    }
    return true;
  }
  void reserve_exempt_place() { pushed_count_.fetch_add(1, std::memory_order_relaxed); }
  void give_back_place() { give_back_places(1); }
  // The same for `count` at once.
  [[nodiscard]] bool reserve_places(std::uint32_t count) {
    if (pushed_count_.fetch_add(count, std::memory_order_relaxed) +
            appended_count_.load(std::memory_order_relaxed) + count >
        user_count_max()) {
      give_back_places(count);
      return false;
    }
    return true;
  }
  void give_back_places(std::uint32_t count) {
    pushed_count_.fetch_sub(count, std::memory_order_relaxed);
  }
  // User envelopes that wait; up to kCountLag too few, up to 2 count_batch() too many.
  std::uint32_t user_count_approx() const {
    return pushed_count_.load(std::memory_order_relaxed) +
           appended_count_.load(std::memory_order_relaxed);
  }

  std::uint32_t user_count_max() const { return user_count_max_.load(std::memory_order_relaxed); }
  MailboxOverflow overflow() const { return overflow_.load(std::memory_order_relaxed); }
  // How many places a mailbox of that limit gives back together: a power of two, at most kCountLag.
  static std::uint32_t count_batch(std::uint32_t user_count_max) {
    return std::bit_floor(std::clamp(user_count_max / 16, 1u, kCountLag));
  }
  // How far a mailbox of that limit may grow where its policy lets it.
  static std::uint32_t beyond(std::uint32_t user_count_max) {
    const std::uint64_t most = std::uint64_t{user_count_max} + std::max(user_count_max, kBeyondMin);
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(most, UINT32_MAX));
  }

  // All below: the owner.

  // By which of the system's dispatchers the actor runs; 0 is the system's own. Also by whoever found the mailbox idle.
  std::uint8_t dispatcher() const { return dispatcher_; }

  // True when others pushed something since the last take_pushed().
  bool has_pushed() const { return (word_.load(std::memory_order_relaxed) & kTopMask) != 0; }
  bool has_pushed_system() const {
    return (word_.load(std::memory_order_relaxed) & kHasSystem) != 0;
  }
  // Moves what others pushed to the ends of the lanes.
  void take_pushed(OwnerId self) {
    // Acquire pairs with the release of each push.
    const Word taken = word_.exchange(word_of(self), std::memory_order_acq_rel);
    Envelope* newest = top_of(taken);
    if (newest == nullptr) return;
    Envelope* oldest = nullptr;
    for (Envelope* node = newest; node != nullptr;) {
      oldest = std::exchange(node, std::exchange(node->next_, oldest));
    }
    if ((taken & kHasSystem) == 0) {
      user_lane_.push_back_chain(oldest, newest);
    } else {
      sort_into_lanes(oldest);
    }
  }
  [[nodiscard]] bool has_room() const {
    return appended_now_ + pushed_count_.load(std::memory_order_relaxed) <
           user_count_max_.load(std::memory_order_relaxed);
  }
  // After claim(), and `append_user` only when has_room() or the envelope is exempt.
  void append_user(EnvelopePtr envelope) {
    user_lane_.push_back(std::move(envelope));
    if ((++appended_now_ & (kCountLag - 1)) == 0) publish_counts();
  }
  void append_system(EnvelopePtr envelope) { system_lane_.push_back(std::move(envelope)); }

  bool has_user() const { return !user_lane_.empty(); }
  bool has_system() const { return !system_lane_.empty(); }
  const Envelope& front_user() const { return user_lane_.front(); }
  Envelope& front_user() { return user_lane_.front(); }
  EnvelopePtr pop_system() { return system_lane_.pop_front(); }
  EnvelopePtr pop_user() {
    EnvelopePtr envelope = user_lane_.pop_front();
    if (envelope != nullptr) give_back_popped();
    return envelope;
  }
  // The same in two steps: what was taken keeps its place until give_back_popped().
  EnvelopePtr take_user() { return user_lane_.pop_front(); }
  // Gives the place back: to the owner at once, to others a little later.
  void give_back_popped() {
    if (appended_now_ > 0) {
      const std::uint32_t batch_mask = count_batch_ - 1u;
      if ((--appended_now_ & batch_mask) == batch_mask)
        appended_count_.store(appended_now_, std::memory_order_relaxed);
    } else if (++handled_count_ >= count_batch_) {
      give_back_handled();
    }
  }
  // User envelopes that wait, and places that others have just reserved.
  std::uint32_t user_count() const {
    return appended_now_ + pushed_count_.load(std::memory_order_relaxed) - handled_count_;
  }
  // Lays all of the user lane aside, at the end of `aside`, and puts it back in front of what has come since. What is laid
  // aside keeps its places.
  void lay_aside(EnvelopeList& aside) { aside.append(std::move(user_lane_)); }
  void put_back(EnvelopeList aside) {
    aside.append(std::move(user_lane_));
    user_lane_ = std::move(aside);
  }
  // The same for `count` envelopes that have no places; they get some, whatever the limit.
  void put_in_front(EnvelopeList first, std::uint32_t count) {
    put_back(std::move(first));
    appended_now_ += count;
    publish_counts();
  }

  // Before the actor is left alone: what other threads read is exact again.
  void publish_counts() {
    appended_count_.store(appended_now_, std::memory_order_relaxed);
    give_back_handled();
  }
  // From worker to idle. After a success the mailbox may belong to anybody.
  [[nodiscard]] bool try_release(OwnerId self) {
    Word held = word_of(self);
    // Release hands the lanes to the next owner.
    return word_.compare_exchange_strong(held, word_of(dispatcher_ == 0 ? kIdle : kIdleBound),
                                         std::memory_order_release, std::memory_order_relaxed);
  }
  // From worker to queued, before the actor is put into the shared queue.
  void hand_out(OwnerId self) { change_owner(self, kQueued); }
  // From queued to worker, after the actor was taken out of it.
  void adopt(OwnerId self) { change_owner(kQueued, self); }

  // From dead to its first owner. Nobody else can change a dead mailbox. With a limit of 0 every user message finds it full, and
  // only those that choose a limit themselves, and exempt ones, get in.
  void start_life(OwnerId first, std::uint32_t user_count_max, std::uint8_t dispatcher = 0,
                  MailboxOverflow overflow = MailboxOverflow::reject) {
    dispatcher_ = dispatcher;
    overflow_.store(overflow, std::memory_order_relaxed);
    user_count_max_.store(user_count_max, std::memory_order_relaxed);
    count_batch_ = static_cast<std::uint16_t>(count_batch(user_count_max));
    word_.store(word_of(first), std::memory_order_release);
  }
  // Turns later pushes away. `leftover(EnvelopePtr, Lane)` gets what still waits, in order, system lane first.
  template <typename Leftover>
  void die(Leftover leftover) {
    take_pushed(kDead);
    while (EnvelopePtr envelope = system_lane_.pop_front()) {
      leftover(std::move(envelope), Lane::system);
    }
    while (EnvelopePtr envelope = pop_user()) leftover(std::move(envelope), Lane::user);
    // The counts go on into the next life: a pusher may have taken a place that it has yet to give back.
    publish_counts();
  }

  // A power of two.
  static constexpr std::uint32_t kCountLag = 64;
  // A small mailbox may grow by so much in one turn of its actor.
  static constexpr std::uint32_t kBeyondMin = 1024;

 private:
  using Word = std::uint64_t;
  static constexpr unsigned kOwnerShift = 48;
  static constexpr Word kHasSystem = 1;
  static constexpr Word kTopMask = 0x0000'ffff'ffff'fff0;

  static constexpr Word word_of(OwnerId owner) { return Word{owner} << kOwnerShift; }
  static OwnerId owner_of(Word word) { return static_cast<OwnerId>(word >> kOwnerShift); }
  static Envelope* top_of(Word word) { return reinterpret_cast<Envelope*>(word & kTopMask); }

  void sort_into_lanes(Envelope* oldest) {
    for (Envelope* node = oldest; node != nullptr;) {
      Envelope* next = node->next_;
      EnvelopePtr envelope(node);
      if (node->has(Envelope::kSystemLane)) {
        system_lane_.push_back(std::move(envelope));
      } else {
        user_lane_.push_back(std::move(envelope));
      }
      node = next;
    }
  }
  void change_owner(OwnerId from, OwnerId to) {
    // Only pushes interfere, and they leave the owner's bits alone, so the difference can be added.
    word_.fetch_add(word_of(to) - word_of(from), std::memory_order_acq_rel);
  }
  void give_back_handled() {
    if (handled_count_ == 0) return;
    pushed_count_.fetch_sub(handled_count_, std::memory_order_relaxed);
    handled_count_ = 0;
  }

  // Any thread.
  Atomic<Word> word_{word_of(kDead)};
  // User envelopes that others pushed and whose places the owner has not given back.
  Atomic<std::uint32_t> pushed_count_{0};
  // appended_now_ as the owner last published it.
  Atomic<std::uint32_t> appended_count_{0};
  // Written by start_life(), read by those who come too late for the life before, too.
  Atomic<std::uint32_t> user_count_max_{0};
  // The owner, and who found the mailbox idle. Here because it is read just before the word is written.
  std::uint8_t dispatcher_ = 0;
  // As user_count_max_.
  Atomic<MailboxOverflow> overflow_{MailboxOverflow::reject};

  // Owner; ActorCell sees to it that this is the next cache line.
  alignas(8) std::uint32_t appended_now_ = 0;
  // A power of two.
  std::uint16_t count_batch_ = 1;
  std::uint16_t handled_count_ = 0;
  EnvelopeRing system_lane_;
  EnvelopeList user_lane_;
};

}  // namespace nexus::core
