#include "core/actor/cell_table.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <ctime>
#include <new>

#include "core/actor_system.h"
#include "core/dispatch/worker.h"

namespace nexus::core {

// A name and whose it is: this head, then the text.
struct NameBlock {
  std::uint16_t generation;
  std::uint16_t length;
  std::uint32_t family;

  std::string_view text() const { return {reinterpret_cast<const char*>(this + 1), length}; }
  static NameBlock* make(std::string_view name, std::uint32_t generation) {
    void* memory = ::operator new(sizeof(NameBlock) + name.size());
    auto* block =
        ::new (memory) NameBlock{static_cast<std::uint16_t>(generation),
                                 static_cast<std::uint16_t>(name.size()), NameHash(name).family};
    std::memcpy(block + 1, name.data(), name.size());
    return block;
  }
  static void drop(NameBlock* block) noexcept { ::operator delete(block); }
};

CellTable::CellTable(Options options, ActorSystem& system)
    : options_(options),
      system_(system),
      chunks_(std::make_unique<std::array<std::atomic<Chunk*>, kChunkCountMax>>()) {
  constexpr std::size_t kRestingMax = 1'000'000;
  // As many as a node may be configured to have.
  constexpr std::size_t kWorkerMax = 1024;
  static_assert(kActorCountMax + kRestingMax + (kSpareMax + kSpareBatch) * kWorkerMax <=
                kChunkCountMax * kChunkCellCount);
  CHECK(options_.actor_count_max <= kActorCountMax);
  CHECK(options_.resting_count <= kRestingMax);
}

CellTable::~CellTable() {
  for (auto& slot : *chunks_) {
    const std::unique_ptr<Chunk> chunk(slot.load());
    if (chunk == nullptr) break;
    for (ActorCell& cell : chunk->cells) NameBlock::drop(cell.name_);
  }
}

ActorCell* CellTable::find(std::uint32_t index) const {
  return index < cell_count_.load(std::memory_order_acquire) ? &at(index) : nullptr;
}

Mutex& CellTable::stripe_of(const ActorCell& cell) const {
  return stripes_[cell.index() % kStripeCount].mutex;
}

std::uint32_t CellTable::now_units() const {
  // Good to a few milliseconds and five times cheaper than the exact time.
  timespec now{};
  clock_gettime(CLOCK_REALTIME_COARSE, &now);
  const auto since = std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec) -
                     began_at_.time_since_epoch();
  return static_cast<std::uint32_t>(std::max<std::int64_t>(0, since / kStartedUnit));
}

std::string CellTable::anonymous_id(std::uint32_t index, std::uint32_t generation) {
  return "$c" + std::to_string(index) + "g" + std::to_string(generation);
}

void CellTable::fetch(std::vector<ActorCell*>& spare, std::size_t count) {
  const auto fetched = static_cast<std::ptrdiff_t>(spare.size());
  MutexLock lock(mutex_);
  while (spare.size() < count) {
    if (resting_.size() > options_.resting_count) {
      spare.push_back(resting_.front());
      resting_.pop_front();
    } else if (!free_.empty()) {
      spare.push_back(free_.back());
      free_.pop_back();
    } else {
      const std::uint32_t index = cell_count_.load(std::memory_order_relaxed);
      if (index == kChunkCountMax * kChunkCellCount) break;
      auto& chunk = (*chunks_)[index / kChunkCellCount];
      if (chunk.load(std::memory_order_relaxed) == nullptr) {
        chunk.store(std::make_unique<Chunk>(system_, index).release(), std::memory_order_release);
      }
      spare.push_back(&chunk.load(std::memory_order_relaxed)->cells[index % kChunkCellCount]);
      // Release publishes the cell to find().
      cell_count_.store(index + 1, std::memory_order_release);
    }
  }
  // They are taken from the end: lowest index first.
  std::reverse(spare.begin() + fetched, spare.end());
}

ActorCell* CellTable::take(PropsPtr props, ActorCell* parent, std::string_view name) {
  if (live_count_.fetch_add(1, std::memory_order_relaxed) >= options_.actor_count_max) {
    live_count_.fetch_sub(1, std::memory_order_relaxed);
    return nullptr;
  }
  Worker* worker = Worker::current_of(system_);
  std::vector<ActorCell*> one;
  std::vector<ActorCell*>& spare = worker != nullptr ? worker->spare_cells : one;
  if (spare.empty()) fetch(spare, worker != nullptr ? kSpareBatch : 1);
  CHECK(!spare.empty());
  ActorCell* cell = spare.back();
  spare.pop_back();
  NameBlock* block = name.empty() ? nullptr : NameBlock::make(name, cell->generation());
  // Relaxed: the last one to write it gave the cell back, and whoever hands a free cell on publishes what is in it.
  if (cell->name_.load(std::memory_order_relaxed) == nullptr) {
    // Release: who sees the block, by an acquire, sees what is in it.
    if (block != nullptr) cell->name_.store(block, std::memory_order_release);
  } else {
    // Those that look at the old block have the lock.
    MutexLock lock(stripe_of(*cell));
    NameBlock::drop(cell->name_.exchange(block, std::memory_order_acq_rel));
  }
  cell->begin_life(std::move(props), parent, now_units());
  return cell;
}

void CellTable::give_back(ActorCell& cell) {
  // A cell at the end of its generations is never used again.
  if (cell.generation() >= ActorCell::kGenerationMax) return;
  Worker* worker = Worker::current_of(system_);
  // Relaxed: it was written by the spawner, and this is behind the actor's whole life.
  const bool rests = cell.name_.load(std::memory_order_relaxed) != nullptr;
  if (worker == nullptr) {
    MutexLock lock(mutex_);
    if (rests) {
      resting_.push_back(&cell);
    } else {
      free_.push_back(&cell);
    }
  } else if (rests) {
    std::vector<ActorCell*>& rested = worker->resting_cells;
    rested.push_back(&cell);
    if (rested.size() < std::min<std::size_t>(kSpareBatch, options_.resting_count / 64)) return;
    MutexLock lock(mutex_);
    resting_.insert(resting_.end(), rested.begin(), rested.end());
    rested.clear();
  } else {
    std::vector<ActorCell*>& spare = worker->spare_cells;
    spare.push_back(&cell);
    if (spare.size() < kSpareMax) return;
    MutexLock lock(mutex_);
    free_.insert(free_.end(), spare.end() - kSpareBatch, spare.end());
    spare.resize(spare.size() - kSpareBatch);
  }
}

void CellTable::forget(ActorCell& cell) {
  live_count_.fetch_sub(1, std::memory_order_relaxed);
  // Dropped outside the lock: the last reference may run code of the user.
  PropsPtr props;
  MutexLock lock(stripe_of(cell));
  props = std::exchange(cell.props_, nullptr);
  // Under the lock: who looks at the actor under it must not go on to what the cell's next spawner writes without it.
  cell.set_life(cell.generation() + 1, ActorCell::State::free);
}

void CellTable::end_all() {
  EnvelopeList left;
  const std::uint32_t end = cell_count_.load(std::memory_order_acquire);
  for (std::uint32_t index = 0; index < end; ++index) {
    at(index).mailbox().die(
        [&left](EnvelopePtr envelope, Lane) { left.push_back(std::move(envelope)); });
  }
  left.clear();
  for (std::uint32_t index = 0; index < end; ++index) at(index).drop_rest();
}

std::optional<ActorInfo> CellTable::info(const ActorCell& cell, std::uint32_t generation) const {
  MutexLock lock(stripe_of(cell));
  const ActorCell::Life life = cell.life();
  if (life.generation != generation || life.state == ActorCell::State::free ||
      cell.props_ == nullptr) {
    return std::nullopt;
  }
  const NameBlock* block = cell.name_.load(std::memory_order_acquire);
  return ActorInfo{
      .name = block == nullptr ? std::string{} : std::string(block->text()),
      .parent = cell.parent(),
      .props = cell.props_,
      .started_at = began_at_ + cell.started_at_.load(std::memory_order_relaxed) * kStartedUnit};
}

PropsPtr CellTable::props(const Pid& pid) const {
  if (!pid.is_cell()) return nullptr;
  const ActorCell& cell = *pid.cell();
  MutexLock lock(stripe_of(cell));
  const ActorCell::Life life = cell.life();
  if (life.generation != pid.generation() || life.state == ActorCell::State::free) return nullptr;
  return cell.props_;
}

std::string CellTable::name(const ActorCell& cell, std::uint32_t generation) const {
  MutexLock lock(stripe_of(cell));
  const NameBlock* block = cell.name_.load(std::memory_order_acquire);
  if (block == nullptr || block->generation != generation) return {};
  return std::string(block->text());
}

std::string_view CellTable::name_of_live(const ActorCell& cell) {
  return cell.name_.load(std::memory_order_acquire)->text();
}

NameHash CellTable::name_hash_of_live(const ActorCell& cell) {
  const NameBlock& block = *cell.name_.load(std::memory_order_acquire);
  return {block.family, block.text().back()};
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
  ActorCell* cell = find(index);
  if (cell == nullptr) return {};
  const auto known = info(*cell, generation);
  // A named actor is found by its name only.
  if (!known || !known->name.empty()) return {};
  return Pid::of_cell(*cell, generation);
}

std::vector<Pid> CellTable::live(std::uint32_t first_index, std::size_t count_max) const {
  std::vector<Pid> found;
  const std::uint32_t end = cell_count_.load(std::memory_order_acquire);
  for (std::uint32_t index = first_index; index < end && found.size() < count_max; ++index) {
    ActorCell& cell = at(index);
    const ActorCell::Life life = cell.life();
    if (life.state != ActorCell::State::free) found.push_back(Pid::of_cell(cell, life.generation));
  }
  return found;
}

}  // namespace nexus::core
