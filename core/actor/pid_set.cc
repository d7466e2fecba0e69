#include "core/actor/pid_set.h"

#include <string>

#include "core/actor/actor_cell.h"
#include "core/actor_system.h"
#include "core/base/short_text.h"
#include "core/process/futures.h"
#include "core/process/process.h"

namespace nexus::core {
namespace {

// The address of the node that a handle belongs to, without a copy.
const std::string& address_of(const Pid& handle) {
  if (handle.is_process()) return handle.process()->address();
  if (handle.is_future()) return handle.future()->system_address();
  return handle.cell()->system().address();
}

// Pid::operator==, but without a look at names: a handle never equals a record. Copies nothing.
bool same(const Pid& a, const Pid& b) {
  if (a.is_record() != b.is_record()) return false;
  if (a.is_record()) {
    const PidRecord* const x = a.record();
    const PidRecord* const y = b.record();
    return x == y || (x->hash == y->hash && x->id == y->id && x->address == y->address);
  }
  return a.cell() == b.cell() && a.generation() == b.generation() &&
         a.is_process() == b.is_process();
}

std::uint64_t hash_of_handle(const Pid& handle) {
  const std::uint64_t key =
      reinterpret_cast<std::uintptr_t>(handle.cell()) ^ (std::uint64_t{handle.generation()} << 40);
  return mix_hash(key, 0);
}

}  // namespace

// Of address and id for a record, of the place for a handle. Pid::hash() leaves the address out, so that one id at many addresses
// would crowd one corner of a table.
PidSet::Tag PidSet::tag_of(const Pid& pid) {
  const std::uint64_t hash =
      pid.is_record() ? pid.record()->hash ^ hash_text(pid.record()->address) : hash_of_handle(pid);
  return (static_cast<Tag>(hash) << 1) | 1;
}

PidSet::Tag PidSet::inline_tag_of(const Pid& pid) {
  const std::uint64_t hash = pid.is_record() ? pid.record()->hash : hash_of_handle(pid);
  return (static_cast<Tag>(hash) << 1) | 1;
}

std::uint32_t PidSet::find_inline(const Pid& pid) const {
  const Tag tag = inline_tag_of(pid);
  for (std::uint32_t place = 0; place < kInlineCountMax; ++place) {
    if (inline_tags_[place] == tag && same(inline_slots_[place], pid)) return place;
  }
  return kNowhere;
}

std::uint32_t PidSet::find_same_sort(const Pid& pid) const {
  if (!hashed()) return find_inline(pid);
  const Tag tag = tag_of(pid);
  for (std::uint32_t place = first_place(tag); tags_[place] != kFree; place = (place + 1) & mask_) {
    if (tags_[place] == tag && same(slots_[place], pid)) return place;
  }
  return kNowhere;
}

std::uint32_t PidSet::find_handle_named(const PidRecord& record) const {
  if (record_count_ == size_ || !is_home(record)) return kNowhere;
  const std::uint32_t end = hashed() ? mask_ + 1 : size_;
  for (std::uint32_t i = 0; i < end; ++i) {
    const Pid& element = hashed() ? slots_[i] : inline_slots_[i];
    if (!element.empty() && !element.is_record() && element.id() == record.id) return i;
  }
  return kNowhere;
}

std::uint32_t PidSet::find_record_named_as(const Pid& handle) const {
  const bool possible = home_ == nullptr ? record_count_ > 0 : home_record_count_ > 0;
  if (!possible) return kNowhere;
  return find_same_sort(Pid::of_name(address_of(handle), handle.id()));
}

std::uint32_t PidSet::find(const Pid& pid) const {
  if (size_ == 0 || pid.empty()) return kNowhere;
  const std::uint32_t place = find_same_sort(pid);
  if (place != kNowhere) return place;
  return pid.is_record() ? find_handle_named(*pid.record()) : find_record_named_as(pid);
}

bool PidSet::contains(const Pid& pid) const { return find(pid) != kNowhere; }

// Once in the life of a set, so that the scan does not count.
void PidSet::learn_home(const Pid& handle) {
  if (home_ != nullptr) return;
  home_ = &address_of(handle);
  if (record_count_ == 0) return;
  for_each([this](const Pid& element) {
    if (element.is_record() && is_home(*element.record())) ++home_record_count_;
  });
}

bool PidSet::add(const Pid& pid) {
  CHECK(iteration_count_ == 0);
  if (pid.empty()) return false;
  if (!pid.is_record()) learn_home(pid);
  if (find(pid) != kNowhere) return false;
  if (!hashed() && size_ < kInlineCountMax) {
    inline_slots_[size_] = pid;
    inline_tags_[size_] = inline_tag_of(pid);
  } else {
    if (!hashed()) {
      move_to_table(kCapacityMin);
    } else if (size_ + 1 > (mask_ + 1) / 4 * 3) {
      move_to_table(2 * (mask_ + 1));
    }
    insert(pid, tag_of(pid));
  }
  ++size_;
  if (pid.is_record()) {
    ++record_count_;
    if (is_home(*pid.record())) ++home_record_count_;
  }
  return true;
}

bool PidSet::remove(const Pid& pid) {
  CHECK(iteration_count_ == 0);
  // Otherwise a set that holds records only would build the name of each handle that it is asked for.
  if (size_ > 0 && !pid.empty() && !pid.is_record()) learn_home(pid);
  const std::uint32_t place = find(pid);
  if (place == kNowhere) return false;
  const Pid& element = hashed() ? slots_[place] : inline_slots_[place];
  if (element.is_record()) {
    --record_count_;
    if (is_home(*element.record())) --home_record_count_;
  }
  --size_;
  if (hashed()) {
    erase_at(place);
    if (size_ <= (mask_ + 1) / 8) shrink();
  } else {
    // The last one fills the gap, unless it is the one to go.
    Pid last = std::move(inline_slots_[size_]);
    const Tag last_tag = std::exchange(inline_tags_[size_], kFree);
    if (place != size_) {
      inline_slots_[place] = std::move(last);
      inline_tags_[place] = last_tag;
    }
  }
  if (size_ == 0) home_ = nullptr;
  return true;
}

// Only when the table has room.
void PidSet::insert(Pid pid, Tag tag) {
  std::uint32_t place = first_place(tag);
  while (tags_[place] != kFree) place = (place + 1) & mask_;
  slots_[place] = std::move(pid);
  tags_[place] = tag;
}

// Moves the elements behind the gap closer to their first places, so that no mark of the removed one is needed.
// Source: Knuth, The Art of Computer Programming, volume 3, 6.4, algorithm R.
void PidSet::erase_at(std::uint32_t gap) {
  std::uint32_t place = gap;
  for (;;) {
    place = (place + 1) & mask_;
    if (tags_[place] == kFree) break;
    const std::uint32_t distance = (place - first_place(tags_[place])) & mask_;
    if (distance < ((place - gap) & mask_)) continue;
    slots_[gap] = std::move(slots_[place]);
    tags_[gap] = tags_[place];
    gap = place;
  }
  slots_[gap] = Pid();
  tags_[gap] = kFree;
}

void PidSet::move_to_table(std::uint32_t capacity) {
  auto slots = std::make_unique<Pid[]>(capacity);
  auto tags = std::make_unique<Tag[]>(capacity);
  slots.swap(slots_);
  tags.swap(tags_);
  const std::uint32_t old_end = slots == nullptr ? 0 : mask_ + 1;
  mask_ = capacity - 1;
  for (std::uint32_t place = 0; place < old_end; ++place) {
    if (tags[place] != kFree) insert(std::move(slots[place]), tags[place]);
  }
  if (old_end > 0) return;
  for (std::uint32_t i = 0; i < size_; ++i) {
    const Tag tag = tag_of(inline_slots_[i]);
    insert(std::move(inline_slots_[i]), tag);
    inline_tags_[i] = kFree;
  }
}

// To a table that is half full, or into the object when that would be smaller than the smallest.
void PidSet::shrink() {
  const std::uint32_t capacity = (mask_ + 1) / 4;
  if (capacity >= kCapacityMin) return move_to_table(capacity);
  std::uint32_t count = 0;
  for (std::uint32_t place = 0; place <= mask_; ++place) {
    if (tags_[place] == kFree) continue;
    inline_tags_[count] = inline_tag_of(slots_[place]);
    inline_slots_[count++] = std::move(slots_[place]);
  }
  slots_.reset();
  tags_.reset();
}

std::vector<Pid> PidSet::to_vector() const {
  std::vector<Pid> all;
  all.reserve(size_);
  for_each([&all](const Pid& pid) { all.push_back(pid); });
  return all;
}

std::vector<Pid> PidSet::take_all() {
  CHECK(iteration_count_ == 0);
  PidSet taken(std::move(*this));
  std::vector<Pid> all;
  all.reserve(taken.size_);
  const std::uint32_t end = taken.hashed() ? taken.mask_ + 1 : taken.size_;
  for (std::uint32_t i = 0; i < end; ++i) {
    Pid& element = taken.hashed() ? taken.slots_[i] : taken.inline_slots_[i];
    if (!element.empty()) all.push_back(std::move(element));
  }
  return all;
}

void PidSet::swap(PidSet& other) noexcept {
  CHECK(iteration_count_ == 0 && other.iteration_count_ == 0);
  std::swap(inline_slots_, other.inline_slots_);
  std::swap(inline_tags_, other.inline_tags_);
  std::swap(slots_, other.slots_);
  std::swap(tags_, other.tags_);
  std::swap(mask_, other.mask_);
  std::swap(size_, other.size_);
  std::swap(record_count_, other.record_count_);
  std::swap(home_record_count_, other.home_record_count_);
  std::swap(home_, other.home_);
}

}  // namespace nexus::core
