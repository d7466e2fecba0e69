// ActorCell: the slot of one actor in the runtime: mailbox, actor object and lifecycle. Cells are type-stable: a cell lives as
// long as the ActorSystem and hosts one actor after the other; the generation tells them apart.
//
//   mailbox, generation, statistics   any thread
//   begin_life, end_unborn            the spawner
//   run                               the worker that owns the mailbox
//   links to siblings                 the worker that runs the parent
//   everything else                   owner, inside run()
//
// C1  Only the owner touches an actor's state.
// C2  After the generation has moved on, every envelope of an older generation becomes a dead letter.
// C3  Each watcher, and the parent, gets exactly one Terminated, behind all that the actor sent before.
// C4  The parent's Stopped comes after its last child's.
// C5  The cell of an actor that has a parent is used again only after the parent has taken note of the end.
//
// Two cache lines: what other threads read or write, and what the owner works with (mailbox.h has one foot in each).
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/actor/actor.h"
#include "core/actor/envelope.h"
#include "core/actor/props.h"
#include "core/actor/system_messages.h"
#include "core/base/check.h"
#include "core/mailbox/mailbox.h"

namespace nexus::core {

class ActorSystem;
class ActorTimers;
class Context;
class Worker;
struct ContextExtras;
struct NameBlock;
struct Relations;

// Cells lie in chunks, each at a multiple of its size and with this at its beginning; see CellTable.
struct CellChunkHead {
  ActorSystem* system;
  std::uint32_t first_index;
};
inline constexpr std::size_t kCellChunkBytes = std::size_t{128} * 1024;

class alignas(64) ActorCell {
 public:
  enum class State : std::uint8_t {
    free,
    // Has a life, but its actor has not been made yet.
    starting,
    alive,
    restarting,
    stopping
  };

  // Both, as they were at one moment.
  struct Life {
    std::uint32_t generation;
    State state;
  };
  // A cell that has come so far is not used again.
  static constexpr std::uint32_t kGenerationMax = Envelope::kGenerationMax;

  // Of the guardian's children, and the end of a list of siblings.
  static constexpr std::uint32_t kNoCell = UINT32_MAX;

  // How long a full mailbox may keep a sender suspended.
  static constexpr Duration kSlowedMax = std::chrono::milliseconds(100);

  ActorCell();
  ~ActorCell();
  ActorCell(const ActorCell&) = delete;
  ActorCell& operator=(const ActorCell&) = delete;

  ActorSystem& system() const { return *chunk().system; }
  // Of all cells of the system.
  std::uint32_t index() const {
    // The head has the first place to itself.
    const auto offset = reinterpret_cast<std::uintptr_t>(this) % kCellChunkBytes;
    return chunk().first_index + static_cast<std::uint32_t>(offset / sizeof(ActorCell)) - 1;
  }

  Life life() const {
    // Acquire: who sees a life sees what begin_life() wrote.
    const std::uint32_t bits = life_.load(std::memory_order_acquire);
    return {bits >> 8, static_cast<State>(bits & 0xff)};
  }
  // Any thread. The generation of the actor that lives here now, or of the next one when none does.
  std::uint32_t generation() const { return life().generation; }
  Mailbox& mailbox() { return mailbox_; }

  // Any thread: statistics, each exact in itself.
  State state() const { return life().state; }
  std::uint64_t processed_count() const { return processed_count_.load(std::memory_order_relaxed); }
  std::uint32_t mailbox_count() const { return mailbox_.user_count_approx(); }
  std::uint32_t child_count() const { return child_count_.load(std::memory_order_relaxed); }
  // Modulo 65,536.
  std::uint32_t restart_count() const { return restart_count_.load(std::memory_order_relaxed); }
  // Stays at 65,535 once it is there.
  std::uint32_t watcher_count() const { return watcher_count_.load(std::memory_order_relaxed); }

  // Owner.
  bool is_decorated() const { return (hooks_ & kDecorated) != 0; }
  // The owner or the spawner.
  const Props& props() const { return *props_; }
  // The owner, in the actor's turn: it sent to a full mailbox that slows its senders down.
  void slow_down(const Pid& full);

  // Any thread, of a live actor: it has no parent but the guardian.
  bool is_root() const { return parent_index() == kNoCell; }

  // The spawner, of a free cell: `parent` is the cell of the parent actor, or null.
  void begin_life(PropsPtr props, ActorCell* parent, std::uint32_t started_at);
  // The spawner, instead of letting the actor run: as if it had never been.
  void end_unborn();

  // CellTable::end_all(): ends what has not stopped.
  void drop_rest();

  // Handles what there is to do, at most `throughput` user messages and about kTurnSlice. Hands the cell back to the worker's
  // ring when something is left.
  void run(Worker& worker, std::uint32_t throughput);

 private:
  friend class CellTable;
  friend class Context;
  friend class ReceiveNext;
  friend class SendNext;
  friend class SpawnNext;

  // What is out of the ordinary about an actor, so that an ordinary message costs one look.
  enum Hook : std::uint8_t {
    kDecorated = 1,
    // It has a receive timeout, or had one.
    kReceiveTimeout = 2,
    kSpecialMailbox = 16,
    kMailboxMiddleware = 32,
  };

  const CellChunkHead& chunk() const {
    const auto address = reinterpret_cast<std::uintptr_t>(this);
    return *reinterpret_cast<const CellChunkHead*>(address & ~(kCellChunkBytes - 1));
  }
  Pid self() const { return Pid::of_cell(const_cast<ActorCell&>(*this), generation()); }
  std::uint32_t parent_index() const { return parent_index_.load(std::memory_order_relaxed); }
  Pid parent() const;
  ContextExtras& ensure_extras();
  Relations* relations() const;
  ActorTimers& ensure_timers();
  void send_system_to(const Pid& target, EnvelopePtr envelope);

  bool may_handle_next() const {
    return mailbox_.has_user() && !suspended_ && state() != State::restarting;
  }
  void handle_system(EnvelopePtr envelope);
  // Whether the message was processed; else it was a dead letter.
  inline bool handle_user(Context& context);
  bool handle_out_of_life(EnvelopePtr& envelope, Life now);
  bool handle_unusual(Context& context);
  bool is_wanted(const Envelope& envelope, DeadLetterReason& why_not) const;
  void unroll(EnvelopePtr batch);
  // Ahead of all that waits; they count as accepted now.
  void put_in_front(EnvelopeList messages, std::uint32_t count);
  bool handle_runtime_message(Context& context);
  bool handle_payload(Context& context);
  inline bool receive(Context& context);
  // To the actor object, by way of its decorators.
  void call_actor(Context& context);
  // To the actor object itself; then the answer of an AutoRespond.
  void call_undecorated(Context& context);
  void fail_in_receive(const EnvelopePtr& envelope, const char* reason);
  bool receive_with_notices(Context& context);
  template <typename Message>
  void tell_lifecycle();

  void on_start();
  void on_resume();
  void replay_held();
  void on_watch(const Pid& watcher);
  void on_continuation(EnvelopePtr envelope);
  void on_slow_sender(const SlowSender& slow);
  void on_go_on(std::uint32_t number);
  void release_slowed();
  // One more future that the actor waits for, and one less.
  void begin_await();
  void end_await();
  // Puts the user message that is to be handled next to the front; false when there is none, or a system message goes first.
  bool choose_next(Worker& worker);
  void drop_oldest();
  void sort_by_priority();
  void undo_sort();
  void choose_by_priority();
  void drop(EnvelopePtr envelope);
  std::uint32_t user_count_max() const;
  void tell_started();
  void tell_empty();
  template <typename Tell>
  void tell_middleware(Tell tell);
  void on_answer(EnvelopePtr envelope);
  void on_failure_of_child(const Failure& failure);
  void on_timer(std::uint32_t key);
  void note_activity();
  // Back into the mailbox, in front of what waits there.
  void unstash_all();
  void make_actor();

  bool is_child(const Pid& pid) const;
  void add_child(ActorCell& child);
  bool forget_child(const Pid& child);
  void note_terminated(const Pid& who);
  void absorb_terminated();
  std::vector<Pid> children() const;

  void fail(const std::string& reason, const std::string& message_name);
  void begin_restart();
  void finish_restart();
  void begin_stop();
  void finish_stop();
  void stop_children();
  void when_children_are_gone();
  void dead_letter(EnvelopePtr envelope, Lane lane);

  void set_life(std::uint32_t generation, State state) {
    life_.store(generation << 8 | static_cast<std::uint32_t>(state), std::memory_order_release);
  }
  void set_state(State state) { set_life(generation(), state); }
  void update_watcher_count();

  // Written by the spawner and the owner, read by any thread.
  std::atomic<std::uint32_t> life_{1 << 8};
  std::atomic<std::uint32_t> child_count_{0};
  std::atomic<std::uint16_t> watcher_count_{0};
  std::atomic<std::uint16_t> restart_count_{0};
  std::uint16_t parent_generation_ = 0;
  // Why user messages stay where they are: waits for the parent's directive, or for room in another's mailbox, or the actor wants
  // it so, or waits for as many futures as it may. Owner only.
  enum Suspended : std::uint8_t { kFailed = 1, kSlowed = 2, kHeld = 4, kAwaiting = 8 };
  std::uint8_t suspended_ = 0;
  // Written by the spawner, then owner only.
  std::uint8_t hooks_ = 0;
  std::atomic<std::uint32_t> parent_index_{kNoCell};
  // In units of CellTable::kStartedUnit since the system began.
  std::atomic<std::uint32_t> started_at_{0};
  // By the parent's owner.
  std::uint32_t next_sibling_ = kNoCell;
  std::uint32_t previous_sibling_ = kNoCell;
  // Name of the actor that lives here, or did last; null for an unnamed one. Written by the spawner, who replaces another under
  // CellTable's locks; read under these, or by who knows that the actor lives.
  std::atomic<NameBlock*> name_{nullptr};

  Mailbox mailbox_;

  // Owner only.
  std::unique_ptr<Actor> actor_;
  // Written under CellTable's locks, too.
  PropsPtr props_;
  std::unique_ptr<ContextExtras> extras_;
  std::atomic<std::uint64_t> processed_count_{0};
};
static_assert(sizeof(ActorCell) == 128);

}  // namespace nexus::core
