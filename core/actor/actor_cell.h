// ActorCell: the slot of one actor in the runtime: mailbox, run state, actor object and lifecycle. Cells are type-stable: a
// cell lives as long as the ActorSystem and hosts one actor after the other; the generation tells them apart.
//
//   push_user/exempt/system, generation, statistics   any thread
//   run                                               the worker that took the cell from a run queue
//   everything private                                owner, inside run()
//
// C1  Only the owner touches an actor's state: even spawn only pushes a Start message.
// C2  After the generation has moved on, every envelope of an older generation becomes a dead letter.
// C3  Each watcher, and the parent, gets exactly one Terminated, behind all that the actor sent before.
// C4  The parent's Stopped comes after its last child's.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "core/actor/actor.h"
#include "core/actor/context_extras.h"
#include "core/actor/envelope.h"
#include "core/actor/props.h"
#include "core/actor/system_messages.h"
#include "core/base/check.h"
#include "core/dispatch/run_state.h"
#include "core/mailbox/mailbox.h"

namespace nexus::core {

class ActorSystem;
class Context;

class alignas(64) ActorCell {
 public:
  enum class State : std::uint8_t { free, alive, restarting, stopping };

  ActorCell() = default;
  ActorCell(const ActorCell&) = delete;
  ActorCell& operator=(const ActorCell&) = delete;

  // Once, before anything else.
  void bind(ActorSystem& system, std::uint32_t index) {
    system_ = &system;
    index_ = index;
  }

  ActorSystem& system() const { return *system_; }
  std::uint32_t index() const { return index_; }

  // Any thread. The generation of the actor that lives here now, or of the next one when none does.
  std::uint32_t generation() const { return generation_.load(std::memory_order_acquire); }

  // Any thread. After a push the caller hands the cell to the dispatcher when told to.
  [[nodiscard]] Mailbox::Push push_user(EnvelopePtr& envelope) {
    return mailbox_.push_user(envelope);
  }
  void push_exempt(EnvelopePtr envelope) { mailbox_.push_exempt(std::move(envelope)); }
  void push_system(EnvelopePtr envelope) { mailbox_.push_system(std::move(envelope)); }
  [[nodiscard]] OnNotify notify() { return run_state_.notify(); }
  void set_user_count_max(std::uint32_t count) { mailbox_.set_user_count_max(count); }

  // The spawner, when the actor of this generation will not live after all.
  void skip_generation() { generation_.fetch_add(1, std::memory_order_acq_rel); }

  // Any thread: statistics, each exact in itself.
  State state() const { return state_.load(std::memory_order_relaxed); }
  std::uint64_t processed_count() const { return processed_count_.load(std::memory_order_relaxed); }
  std::uint32_t mailbox_count() const { return mailbox_.user_count_approx(); }
  std::uint32_t restart_count() const { return restart_count_.load(std::memory_order_relaxed); }
  std::uint32_t child_count() const { return child_count_.load(std::memory_order_relaxed); }
  std::uint32_t watcher_count() const { return watcher_count_.load(std::memory_order_relaxed); }

  // The worker: handles at most `throughput` user messages. On `run_again` the cell counts as queued.
  [[nodiscard]] OnYield run(std::uint32_t throughput);

 private:
  friend class Context;

  Pid self() const { return Pid::of_cell(const_cast<ActorCell&>(*this), generation()); }
  ContextExtras& ensure_extras() {
    if (extras_ == nullptr) extras_ = std::make_unique<ContextExtras>();
    return *extras_;
  }
  void send_system_to(const Pid& target, EnvelopePtr envelope);

  void absorb_user_lane();
  bool may_handle_next() const;
  void drain_system_lane();
  void handle_system(EnvelopePtr envelope);
  enum class Handled : std::uint8_t { processed, dead_letter };
  Handled handle_user(EnvelopePtr envelope);
  template <typename Message>
  void tell_lifecycle();

  void on_start(Start& start);
  void on_resume();
  void replay_held();
  void on_watch(const Pid& watcher);
  void on_continuation(EnvelopePtr envelope);
  void on_failure_of_child(const Failure& failure);
  bool forget_child(const Pid& child);
  void note_terminated(const Pid& who);
  void forget_children_in_pending();

  void fail(const std::string& reason, const std::string& message_name);
  void begin_restart();
  void finish_restart();
  void begin_stop();
  void finish_stop();
  void stop_children();
  void when_children_are_gone();

  void set_state(State state) { state_.store(state, std::memory_order_relaxed); }
  void update_counts();

  // Set by bind(), then read by any thread.
  ActorSystem* system_ = nullptr;
  std::uint32_t index_ = 0;

  // Written by the owner, read by any thread.
  std::atomic<std::uint32_t> generation_{1};
  std::atomic<State> state_{State::free};
  std::atomic<std::uint32_t> restart_count_{0};
  std::atomic<std::uint64_t> processed_count_{0};
  std::atomic<std::uint32_t> child_count_{0};
  std::atomic<std::uint32_t> watcher_count_{0};

  // Any thread.
  RunState run_state_;
  Mailbox mailbox_;

  // Owner only.
  OwnerThread owner_;
  // Waits for the parent's directive: user messages stay where they are.
  bool suspended_ = false;
  EnvelopeList pending_;
  std::unique_ptr<Actor> actor_;
  PropsPtr props_;
  Pid parent_;
  std::unique_ptr<ContextExtras> extras_;
};

}  // namespace nexus::core
