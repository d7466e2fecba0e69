// CellTable: all cells of the system, and what is known of the actor in each. Cells are made in chunks and never freed, so
// that a Pid can always look at its cell.
//
//   all calls   any thread
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
#include "core/actor/props.h"
#include "core/base/mutex.h"

namespace nexus::core {

// What does not change during an actor's life.
struct ActorInfo {
  // Empty for an unnamed actor.
  std::string name;
  Pid parent;
  PropsPtr props;
  std::chrono::system_clock::time_point started_at;
  std::uint32_t generation;
};

class CellTable {
 public:
  struct Options {
    // Actors alive at once; at most kChunkCountMax * kChunkCellCount.
    std::uint32_t actor_count_max = 10'000'000;
    // Cells of named actors rest so long before they are used again, so that old Pids still print their name.
    std::uint32_t resting_count = 4096;
  };

  CellTable(Options options, ActorSystem& system);
  ~CellTable();

  // A cell without an actor, for one that `info` describes (its generation is filled in); null at actor_count_max.
  ActorCell* take(ActorInfo info);
  // The actor in the cell is gone; the cell may be taken again.
  void give_back(ActorCell& cell);
  // The cell was taken, but its Pid was given to nobody.
  void give_back_unused(ActorCell& cell);

  // Of the actor that lives in the cell, or lived there last when its generation is the one asked for.
  std::shared_ptr<const ActorInfo> info(const ActorCell& cell, std::uint32_t generation) const;
  // Handle of the live actor with this anonymous id; empty when there is none.
  Pid find_anonymous(std::string_view id) const;
  // Live actors with a cell index of `first_index` or more, in the order of their cells; at most `count_max`.
  std::vector<Pid> live(std::uint32_t first_index, std::size_t count_max) const;

  std::uint32_t live_count() const { return live_count_.load(std::memory_order_relaxed); }

  // `$c<index>g<generation>`.
  static std::string anonymous_id(std::uint32_t index, std::uint32_t generation);

 private:
  static constexpr std::size_t kChunkCellCount = 1024;
  static constexpr std::size_t kChunkCountMax = 65536;
  struct Chunk;

  ActorCell* cell_at(std::uint32_t index) const;
  struct Slot;
  Slot& slot_of(std::uint32_t index) const;

  const Options options_;
  ActorSystem& system_;
  std::atomic<std::uint32_t> live_count_{0};
  // Chunks are added under mutex_ and read without it.
  std::unique_ptr<std::array<std::atomic<Chunk*>, kChunkCountMax>> chunks_;
  std::atomic<std::uint32_t> cell_count_{0};

  // Taken by spawn and stop only.
  Mutex mutex_{"cell_table"};
  std::vector<ActorCell*> free_ GUARDED_BY(mutex_);
  std::deque<ActorCell*> resting_ GUARDED_BY(mutex_);
};

}  // namespace nexus::core
