#include "core/actor/cell_table.h"

#include <charconv>

namespace nexus::core {
namespace {

// What an envelope has room for.
constexpr std::uint32_t kGenerationMax = (1u << 31) - 1;

}  // namespace

struct CellTable::Slot {
  mutable Mutex mutex{"cell_slot"};
  std::shared_ptr<const ActorInfo> info GUARDED_BY(mutex);
};

struct CellTable::Chunk {
  std::array<ActorCell, kChunkCellCount> cells;
  std::array<Slot, kChunkCellCount> slots;
};

CellTable::CellTable(Options options, ActorSystem& system)
    : options_(options),
      system_(system),
      chunks_(std::make_unique<std::array<std::atomic<Chunk*>, kChunkCountMax>>()) {
  CHECK(options_.actor_count_max <= kChunkCountMax * kChunkCellCount - options_.resting_count);
}

CellTable::~CellTable() {
  for (auto& chunk : *chunks_) std::unique_ptr<Chunk>(chunk.load()).reset();
}

std::string CellTable::anonymous_id(std::uint32_t index, std::uint32_t generation) {
  return "$c" + std::to_string(index) + "g" + std::to_string(generation);
}

ActorCell* CellTable::cell_at(std::uint32_t index) const {
  if (index >= cell_count_.load(std::memory_order_acquire)) return nullptr;
  Chunk* chunk = (*chunks_)[index / kChunkCellCount].load(std::memory_order_acquire);
  return &chunk->cells[index % kChunkCellCount];
}

CellTable::Slot& CellTable::slot_of(std::uint32_t index) const {
  Chunk* chunk = (*chunks_)[index / kChunkCellCount].load(std::memory_order_acquire);
  return chunk->slots[index % kChunkCellCount];
}

ActorCell* CellTable::take(ActorInfo info) {
  if (live_count_.fetch_add(1, std::memory_order_relaxed) >= options_.actor_count_max) {
    live_count_.fetch_sub(1, std::memory_order_relaxed);
    return nullptr;
  }
  ActorCell* cell = nullptr;
  {
    MutexLock lock(mutex_);
    if (resting_.size() > options_.resting_count) {
      cell = resting_.front();
      resting_.pop_front();
    } else if (!free_.empty()) {
      cell = free_.back();
      free_.pop_back();
    } else {
      const std::uint32_t index = cell_count_.load(std::memory_order_relaxed);
      auto& chunk = (*chunks_)[index / kChunkCellCount];
      if (chunk.load(std::memory_order_relaxed) == nullptr) {
        chunk.store(std::make_unique<Chunk>().release(), std::memory_order_release);
      }
      cell = &chunk.load(std::memory_order_relaxed)->cells[index % kChunkCellCount];
      cell->bind(system_, index);
      // Release publishes the bound cell to cell_at().
      cell_count_.store(index + 1, std::memory_order_release);
    }
  }
  info.generation = cell->generation();
  auto shared = std::make_shared<const ActorInfo>(std::move(info));
  std::shared_ptr<const ActorInfo> old;
  Slot& slot = slot_of(cell->index());
  MutexLock lock(slot.mutex);
  old = std::exchange(slot.info, std::move(shared));
  return cell;
}

void CellTable::give_back(ActorCell& cell) {
  live_count_.fetch_sub(1, std::memory_order_relaxed);
  // A cell at the end of its generations is never used again.
  if (cell.generation() >= kGenerationMax) return;
  bool named = false;
  {
    Slot& slot = slot_of(cell.index());
    MutexLock lock(slot.mutex);
    CHECK(slot.info != nullptr);
    named = !slot.info->name.empty();
  }
  MutexLock lock(mutex_);
  if (named) {
    resting_.push_back(&cell);
  } else {
    free_.push_back(&cell);
  }
}

void CellTable::give_back_unused(ActorCell& cell) {
  live_count_.fetch_sub(1, std::memory_order_relaxed);
  cell.skip_generation();
  if (cell.generation() >= kGenerationMax) return;
  MutexLock lock(mutex_);
  free_.push_back(&cell);
}

std::shared_ptr<const ActorInfo> CellTable::info(const ActorCell& cell,
                                                 std::uint32_t generation) const {
  Slot& slot = slot_of(cell.index());
  MutexLock lock(slot.mutex);
  if (slot.info == nullptr || slot.info->generation != generation) return nullptr;
  return slot.info;
}

Pid CellTable::find_anonymous(std::string_view id) const {
  const auto split = id.find('g');
  if (!id.starts_with("$c") || split == std::string_view::npos) return {};
  std::uint32_t index = 0;
  std::uint32_t generation = 0;
  const auto index_end = id.data() + split;
  const auto end = id.data() + id.size();
  if (std::from_chars(id.data() + 2, index_end, index).ptr != index_end) return {};
  if (std::from_chars(index_end + 1, end, generation).ptr != end) return {};
  // One spelling only: no leading zeros, no missing or huge numbers.
  if (anonymous_id(index, generation) != id) return {};
  ActorCell* cell = cell_at(index);
  if (cell == nullptr || cell->generation() != generation) return {};
  const auto known = info(*cell, generation);
  // A named actor is found by its name only.
  if (known == nullptr || !known->name.empty()) return {};
  return Pid::of_cell(*cell, generation);
}

std::vector<Pid> CellTable::live(std::uint32_t first_index, std::size_t count_max) const {
  std::vector<Pid> found;
  const std::uint32_t end = cell_count_.load(std::memory_order_acquire);
  for (std::uint32_t index = first_index; index < end && found.size() < count_max; ++index) {
    ActorCell* cell = cell_at(index);
    const std::uint32_t generation = cell->generation();
    if (info(*cell, generation) != nullptr) found.push_back(Pid::of_cell(*cell, generation));
  }
  return found;
}

}  // namespace nexus::core
