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

BlockList::OnBlock BlockList::block(std::string_view member_id) {
  if (!is_id(member_id)) return OnBlock::bad_id;
  core::MutexLock lock(mutex_);
  if (std::find(members_.begin(), members_.end(), member_id) != members_.end()) {
    return OnBlock::already_blocked;
  }
  if (members_.size() >= options_.count_max) return OnBlock::full;
  members_.emplace_back(member_id);
  version_.fetch_add(1, std::memory_order_release);
  return OnBlock::blocked;
}

bool BlockList::unblock(std::string_view member_id) {
  core::MutexLock lock(mutex_);
  const auto found = std::find(members_.begin(), members_.end(), member_id);
  if (found == members_.end()) return false;
  members_.erase(found);
  version_.fetch_add(1, std::memory_order_release);
  return true;
}

bool BlockList::is_blocked(std::string_view member_id) const {
  core::MutexLock lock(mutex_);
  return std::find(members_.begin(), members_.end(), member_id) != members_.end();
}

std::vector<std::string> BlockList::all() const {
  return latest(std::numeric_limits<std::size_t>::max());
}

std::vector<std::string> BlockList::latest(std::size_t bytes_max) const {
  std::vector<std::string> latest;
  core::MutexLock lock(mutex_);
  for (auto member = members_.rbegin(); member != members_.rend(); ++member) {
    if (member->size() > bytes_max) break;
    bytes_max -= member->size();
    latest.push_back(*member);
  }
  return latest;
}

}  // namespace nexus::remote
