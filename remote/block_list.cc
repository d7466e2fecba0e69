#include "remote/block_list.h"

#include <algorithm>
#include <limits>

namespace nexus::remote {

bool BlockList::is_id(std::string_view text) {
  return !text.empty() && text.size() <= kIdBytesMax &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return c > ' ' && c <= '~' && c != ',' && c != '"' && c != '\'';
         });
}

BlockList::Entries::iterator BlockList::find(std::string_view member_id) {
  return std::find_if(entries_.begin(), entries_.end(),
                      [&](const Entry& entry) { return entry.member_id == member_id; });
}

bool BlockList::has_room_for(Owner owner) const {
  if (owner == Owner::by_cluster) return true;
  const auto bit = static_cast<std::uint8_t>(owner);
  const auto count = std::count_if(entries_.begin(), entries_.end(),
                                   [&](const Entry& entry) { return (entry.owners & bit) != 0; });
  return static_cast<std::size_t>(count) < options_.count_max;
}

BlockList::OnBlock BlockList::block(std::string_view member_id, Owner owner) {
  if (!is_id(member_id)) return OnBlock::bad_id;
  const auto owner_bit = static_cast<std::uint8_t>(owner);
  core::MutexLock lock(mutex_);
  if (const auto found = find(member_id); found != entries_.end()) {
    if ((found->owners & owner_bit) == 0) {
      if (!has_room_for(owner)) return OnBlock::full;
      found->owners |= owner_bit;
    }
    return OnBlock::already_blocked;
  }
  if (!has_room_for(owner)) return OnBlock::full;
  entries_.push_back({.member_id = std::string(member_id), .owners = owner_bit});
  version_.fetch_add(1, std::memory_order_release);
  return OnBlock::blocked;
}

BlockList::OnUnblock BlockList::unblock(std::string_view member_id, Owner owner) {
  const auto owner_bit = static_cast<std::uint8_t>(owner);
  core::MutexLock lock(mutex_);
  const auto found = find(member_id);
  if (found == entries_.end() || (found->owners & owner_bit) == 0) return OnUnblock::not_blocked;
  found->owners &= static_cast<std::uint8_t>(~owner_bit);
  if (found->owners != 0) return OnUnblock::still_blocked;
  entries_.erase(found);
  version_.fetch_add(1, std::memory_order_release);
  return OnUnblock::unblocked;
}

bool BlockList::is_blocked(std::string_view member_id) const {
  core::MutexLock lock(mutex_);
  return std::any_of(entries_.begin(), entries_.end(),
                     [&](const Entry& entry) { return entry.member_id == member_id; });
}

std::vector<std::string> BlockList::all() const {
  return latest(std::numeric_limits<std::size_t>::max());
}

std::vector<std::string> BlockList::latest(std::size_t bytes_max) const {
  std::vector<std::string> latest;
  core::MutexLock lock(mutex_);
  for (auto entry = entries_.rbegin(); entry != entries_.rend(); ++entry) {
    if (entry->member_id.size() > bytes_max) break;
    bytes_max -= entry->member_id.size();
    latest.push_back(entry->member_id);
  }
  return latest;
}

}  // namespace nexus::remote
