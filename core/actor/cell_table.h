// CellTable: all cells of the system. Cells are made in chunks and never freed, so that a Pid can always look at its cell.
//
//   take(), give_back()   a worker of the system: mostly without a lock; other threads take one
//   everything else       any thread
//
// A chunk lies at a multiple of its size, so that a cell's address tells its chunk, and with it the system and the index.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/actor/actor_cell.h"
#include "core/actor/name_hash.h"
#include "core/actor/props.h"
#include "core/base/mutex.h"

namespace nexus::core {

class Worker;

// What does not change during an actor's life.
struct ActorInfo {
  // Empty for an unnamed actor.
  std::string name;
  Pid parent;
  PropsPtr props;
  std::chrono::system_clock::time_point started_at;
};

class CellTable {
 public:
  // The largest Options::actor_count_max. Below the number of cells by more than can rest, or be spare at the workers.
  static constexpr std::uint32_t kActorCountMax = 65'000'000;
  struct Options {
    // Actors alive at once; at most kActorCountMax.
    std::uint32_t actor_count_max = 10'000'000;
    // Cells of named actors rest so long before they are used again, so that old Pids still print their name. At most a
    // million.
    std::uint32_t resting_count = 4096;
  };
  // Of ActorCell's started_at.
  static constexpr std::chrono::milliseconds kStartedUnit{10};

  CellTable(Options options, ActorSystem& system);
  ~CellTable();
  CellTable(const CellTable&) = delete;
  CellTable& operator=(const CellTable&) = delete;

  // `index` was got from a cell.
  ActorCell& at(std::uint32_t index) const {
    return (*chunks_)[index / kChunkCellCount]
        .load(std::memory_order_acquire)
        ->cells[index % kChunkCellCount];
  }

  // A free cell that now has a life of state `starting`, with a dead mailbox; null at actor_count_max. An empty `name` for an
  // unnamed actor.
  ActorCell* take(PropsPtr props, ActorCell* parent, std::string_view name);
  // The actor in the cell is gone, and its parent knows; the cell may be taken again.
  void give_back(ActorCell& cell);
  // The cell's owner, when the actor has ended: drops what only a live actor has. From here on the cell is free, with the next
  // generation.
  void forget(ActorCell& cell);

  // When no turn goes on and none will: ends what is left of all actors, first their mailboxes, then the rest, so that what
  // destructors send meanwhile is turned away.
  void end_all();

  // Of the actor of that generation while it lives.
  std::optional<ActorInfo> info(const ActorCell& cell, std::uint32_t generation) const;
  // Of the live actor; null when there is none.
  PropsPtr props(const Pid& pid) const;
  // Its name, also for a while after it has ended; empty when it had none.
  std::string name(const ActorCell& cell, std::uint32_t generation) const;
  // The name of the live actor in the cell, without a lock: the caller knows that it is live and stays so.
  static std::string_view name_of_live(const ActorCell& cell);
  static NameHash name_hash_of_live(const ActorCell& cell);
  // Before that, when its memory is not expected to be near. Relaxed: nothing is read.
  static void prefetch_name(const ActorCell& cell) {
    __builtin_prefetch(cell.name_.load(std::memory_order_relaxed));
  }
  // Handle of the live actor with this anonymous id; empty when there is none.
  Pid find_anonymous(std::string_view id) const;
  // Live actors with a cell index of `first_index` or more, in the order of their cells; at most `count_max`.
  std::vector<Pid> live(std::uint32_t first_index, std::size_t count_max) const;

  std::uint32_t live_count() const { return live_count_.load(std::memory_order_relaxed); }

  // `$c<index>g<generation>`.
  static std::string anonymous_id(std::uint32_t index, std::uint32_t generation);

 private:
  // The place of one cell holds the head.
  static constexpr std::uint32_t kChunkCellCount = kCellChunkBytes / sizeof(ActorCell) - 1;
  static constexpr std::size_t kChunkCountMax = 65536;
  // Spare cells that a worker keeps, and how many it fetches or returns at once.
  static constexpr std::size_t kSpareMax = 256;
  static constexpr std::size_t kSpareBatch = 64;
  static constexpr std::size_t kStripeCount = 64;
  struct Chunk {
    Chunk(ActorSystem& system, std::uint32_t first_index) : head{&system, first_index} {}

    alignas(kCellChunkBytes) const CellChunkHead head;
    alignas(sizeof(ActorCell)) std::array<ActorCell, kChunkCellCount> cells;
  };
  static_assert(sizeof(Chunk) == kCellChunkBytes);

  ActorCell* find(std::uint32_t index) const;
  // At least one more spare cell, or none at the end of the table.
  void fetch(std::vector<ActorCell*>& spare, std::size_t count);
  Mutex& stripe_of(const ActorCell& cell) const;
  std::uint32_t now_units() const;

  const Options options_;
  ActorSystem& system_;
  const std::chrono::system_clock::time_point began_at_ = std::chrono::system_clock::now();
  std::atomic<std::uint32_t> live_count_{0};
  // Chunks are added under mutex_ and read without it.
  std::unique_ptr<std::array<std::atomic<Chunk*>, kChunkCountMax>> chunks_;
  std::atomic<std::uint32_t> cell_count_{0};

  // Guard name_ and props_ of the cells, against threads that look at actors from outside.
  struct Stripe {
    Mutex mutex{"cell_stripe"};
  };
  mutable std::array<Stripe, kStripeCount> stripes_;

  Mutex mutex_{"cell_table"};
  std::vector<ActorCell*> free_ GUARDED_BY(mutex_);
  std::deque<ActorCell*> resting_ GUARDED_BY(mutex_);
};

}  // namespace nexus::core
