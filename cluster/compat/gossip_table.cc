#include "cluster/compat/gossip_table.h"

#include <algorithm>
#include <utility>

namespace nexus::cluster {
namespace {

// What an entry costs beside its text.
constexpr std::size_t kEntryBytes = 160;
constexpr std::size_t kIdBytesMax = 128;

}  // namespace

GossipTable::GossipTable(Options options, std::string self_id)
    : options_(options), self_id_(std::move(self_id)) {}

std::size_t GossipTable::bytes_of(std::string_view key, const GossipContent& content) {
  return key.size() + content.type_url.size() + content.bytes.size() + kEntryBytes;
}

bool GossipTable::write(Keys& keys, const std::string& key, const GossipValue& value) {
  const auto found = keys.entries.find(key);
  const bool is_new = found == keys.entries.end();
  if (is_new && keys.entries.size() >= options_.key_count_max) return false;
  const std::size_t freed = is_new ? 0 : bytes_of(key, found->second.value.content);
  const std::size_t needed = bytes_of(key, value.content);
  if (bytes_ - freed + needed > options_.bytes_max) return false;
  bytes_ = bytes_ - freed + needed;
  keys.entries[key] = {value, ++version_};
  return true;
}

void GossipTable::put(const std::string& key, GossipContent content) {
  Entry& entry = members_[self_id_].entries[key];
  entry = {{.sequence = ++own_sequence_, .content = std::move(content)}, ++version_};
}

std::vector<GossipTable::Change> GossipTable::merge(const GossipState& state, core::Instant now) {
  std::vector<Change> changes;
  for (const auto& [member, values] : state) {
    // GT1.
    if (member == self_id_) continue;
    auto found = members_.find(member);
    if (found == members_.end()) {
      if (members_.size() >= options_.member_count_max || member.size() > kIdBytesMax) {
        dropped_count_ += values.size();
        continue;
      }
      found = members_.emplace(member, Keys{.entries = {}, .news_at = now}).first;
    }
    Keys& keys = found->second;
    for (const auto& [key, value] : values) {
      const auto known = keys.entries.find(key);
      if (known != keys.entries.end() && value.sequence <= known->second.value.sequence) continue;
      // GT4.
      if (!write(keys, key, value)) {
        ++dropped_count_;
        continue;
      }
      keys.news_at = now;
      changes.push_back({member, key});
    }
  }
  return changes;
}

void GossipTable::forget(const std::function<bool(const std::string&)>& is_kept,
                         core::Instant before) {
  std::erase_if(members_, [&](const auto& member) {
    const Keys& keys = member.second;
    if (member.first == self_id_ || keys.news_at >= before || is_kept(member.first)) return false;
    for (const auto& [key, entry] : keys.entries) bytes_ -= bytes_of(key, entry.value.content);
    return true;
  });
}

GossipTable::Delta GossipTable::delta(std::string_view target, std::uint64_t mark) const {
  Delta delta{.state = {}, .mark = version_};
  struct Untold {
    std::uint64_t version;
    const std::string* member;
    const std::string* key;
    const GossipValue* value;
  };
  std::vector<Untold> untold;
  for (const auto& [member, keys] : members_) {
    if (member == target) continue;
    for (const auto& [key, entry] : keys.entries) {
      if (entry.version <= mark) continue;
      if (member == self_id_) {
        delta.state[member][key] = entry.value;
      } else {
        untold.push_back({entry.version, &member, &key, &entry.value});
      }
    }
  }
  // GT3: what has waited longest goes first.
  std::sort(untold.begin(), untold.end(),
            [](const Untold& a, const Untold& b) { return a.version < b.version; });
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < untold.size(); ++i) {
    const Untold& next = untold[i];
    const std::size_t size = bytes_of(*next.key, next.value->content);
    if (i == options_.delta_count_max || (i > 0 && bytes + size > options_.delta_bytes_max)) {
      delta.mark = untold[i - 1].version;
      break;
    }
    bytes += size;
    delta.state[*next.member][*next.key] = *next.value;
  }
  return delta;
}

const GossipContent* GossipTable::find(std::string_view member, std::string_view key) const {
  const auto keys = members_.find(member);
  if (keys == members_.end()) return nullptr;
  const auto entry = keys->second.entries.find(key);
  return entry == keys->second.entries.end() ? nullptr : &entry->second.value.content;
}

}  // namespace nexus::cluster
