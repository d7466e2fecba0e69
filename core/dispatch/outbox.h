// Outbox: messages that a worker holds back for a moment, so that many enter a mailbox of another worker by one atomic operation.
//
//   empty()     the worker; its rescuer may be at work, and has sent all when the answer is true
//   all else    one thread at a time: the worker inside a section, or its rescuer
//
// O1  A chain is at most kCountMax messages for one actor of a cell, oldest first out.
// O2  For each cell there is at most one chain. A cell whose place another's chain has gets none.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <utility>

#include "core/actor/envelope.h"
#include "core/base/atomic.h"

namespace nexus::core {

class ActorCell;

class Outbox {
 public:
  static constexpr std::uint32_t kCountMax = 32;

  struct Chain {
    // Null: no chain.
    ActorCell* cell = nullptr;
    EnvelopeChain envelopes{};
    // Of the actor that they are for.
    std::uint32_t generation = 0;
  };

  // Acquire pairs with the release of drop(): what the rescuer took out is where it belongs.
  bool empty() const { return used_.load(std::memory_order_acquire) == 0; }
  bool has(const ActorCell& cell) const { return chains_[place_of(cell)].cell == &cell; }
  // The same for one actor of the cell.
  bool has(const ActorCell& cell, std::uint32_t generation) const {
    return has(cell) && chains_[place_of(cell)].generation == generation;
  }
  // Whether add() may be called for the cell; when it has a chain already, for the same actor.
  bool has_place(const ActorCell& cell) const {
    return has(cell) || chains_[place_of(cell)].cell == nullptr;
  }
  // The chain's count then.
  std::uint32_t add(ActorCell& cell, EnvelopePtr envelope) {
    const std::size_t place = place_of(cell);
    Chain& chain = chains_[place];
    chain.cell = &cell;
    chain.generation = envelope->target_generation();
    set_used(used() | std::uint64_t{1} << place);
    chain.envelopes.add(std::move(envelope));
    return chain.envelopes.count();
  }
  // The cell's chain, which is none of the outbox's then.
  Chain take(const ActorCell& cell) { return has(cell) ? take_at(place_of(cell)) : Chain{}; }
  // Any; only when not empty().
  Chain take_one() { return take_at(first_used()); }
  // The same in two steps, for the rescuer: the worker must not take the outbox for empty before the chain has been sent.
  Chain& first() { return chains_[first_used()]; }
  void drop_first() { (void)take_at(first_used()); }

 private:
  static constexpr std::size_t kPlaceCount = 64;

  // Cells lie side by side.
  static std::size_t place_of(const ActorCell& cell) {
    constexpr std::uintptr_t kCellBytes = 128;
    return reinterpret_cast<std::uintptr_t>(&cell) / kCellBytes % kPlaceCount;
  }
  Chain take_at(std::size_t place) {
    Chain taken = std::exchange(chains_[place], Chain{});
    set_used(used() & ~(std::uint64_t{1} << place));
    return taken;
  }
  std::uint64_t used() const { return used_.load(std::memory_order_relaxed); }
  void set_used(std::uint64_t used) { used_.store(used, std::memory_order_release); }
  std::size_t first_used() const { return static_cast<std::size_t>(std::countr_zero(used())); }

  // A bit for each place that is taken. Written by one thread at a time.
  Atomic<std::uint64_t> used_{0};
  std::array<Chain, kPlaceCount> chains_;
};

}  // namespace nexus::core
