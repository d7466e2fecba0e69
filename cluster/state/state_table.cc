#include "cluster/state/state_table.h"

#include <utility>

#include "cluster/view/digest.h"
#include "core/base/escape.h"

namespace nexus::cluster {
namespace {

std::uint64_t digest_of(const MemberId& owner, std::string_view key, std::uint64_t sequence) {
  return Digest().add(owner).add(key).add(sequence).value();
}

// What an id, a sequence number and the tags of both take in a message, at most.
constexpr std::size_t kEntryOverhead = 48;

// T4.
class Part {
 public:
  explicit Part(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  // False when it is full, and the entry not in it.
  bool add(const MemberId& owner, std::string_view key, std::uint64_t sequence,
           const std::string& value) {
    const std::size_t bytes = kEntryOverhead + key.size() + value.size();
    if (!entries.empty() && bytes_ + bytes > bytes_max_) return false;
    bytes_ += bytes;
    entries.push_back(
        {.owner = owner, .key = std::string(key), .sequence = sequence, .value = value});
    return true;
  }

  std::vector<StateEntry> entries;

 private:
  const std::size_t bytes_max_;
  std::size_t bytes_ = 0;
};

}  // namespace

std::size_t StateTable::bucket_of(const MemberId& owner) {
  return scramble(owner.low()) % kStateBuckets;
}

bool StateTable::has_room(const Owned& owned, std::string_view key, std::string_view value) const {
  const auto known = owned.keys.find(key);
  const bool is_new = known == owned.keys.end();
  if (is_new && owned.keys.size() >= options_.keys_max) return false;
  const std::size_t before = is_new ? 0 : key.size() + known->second.value.size();
  return owned.bytes - before + key.size() + value.size() <= options_.bytes_max;
}

void StateTable::digest_out(const MemberId& owner, std::string_view key, std::uint64_t sequence) {
  const std::uint64_t digest = digest_of(owner, key, sequence);
  digest_ -= digest;
  buckets_[bucket_of(owner)] -= digest;
}

void StateTable::write(const StateEntry& entry) {
  Owned& owned = owned_[entry.owner];
  const auto known = owned.keys.find(entry.key);
  if (known != owned.keys.end()) {
    digest_out(entry.owner, entry.key, known->second.sequence);
    const std::size_t before = entry.key.size() + known->second.value.size();
    owned.bytes -= before;
    bytes_ -= before;
  }
  owned.keys[entry.key] = {.sequence = entry.sequence, .value = entry.value};
  const std::size_t after = entry.key.size() + entry.value.size();
  owned.bytes += after;
  bytes_ += after;
  const std::uint64_t digest = digest_of(entry.owner, entry.key, entry.sequence);
  digest_ += digest;
  buckets_[bucket_of(entry.owner)] += digest;
}

core::Result<StateEntry> StateTable::put(const MemberId& self, std::string key, std::string value) {
  if (key.empty() || key.size() > options_.key_bytes_max) {
    return core::Error{.code = core::Errc::invalid_argument,
                       .detail = "a state key must have 1 to " +
                                 std::to_string(options_.key_bytes_max) + " bytes, not " +
                                 std::to_string(key.size())};
  }
  if (!core::is_utf8(key)) {
    return core::Error{.code = core::Errc::invalid_argument, .detail = "a state key must be UTF-8"};
  }
  const Owned& owned = owned_[self];
  if (!has_room(owned, key, value)) {
    return core::Error{.code = core::Errc::resource_exhausted,
                       .detail = "a member may have " + std::to_string(options_.keys_max) +
                                 " state keys and " + std::to_string(options_.bytes_max) +
                                 " bytes of keys and values; this would be more"};
  }
  const auto known = owned.keys.find(key);
  StateEntry entry{.owner = self,
                   .key = std::move(key),
                   .sequence = known == owned.keys.end() ? 1 : known->second.sequence + 1,
                   .value = std::move(value)};
  write(entry);
  return entry;
}

bool StateTable::merge(const StateEntry& entry) {
  if (entry.sequence == 0 || entry.key.empty() || entry.key.size() > options_.key_bytes_max) {
    ++dropped_count_;
    return false;
  }
  if (const auto owned = owned_.find(entry.owner); owned != owned_.end()) {
    const auto known = owned->second.keys.find(entry.key);
    if (known != owned->second.keys.end() && known->second.sequence >= entry.sequence) return false;
    if (!has_room(owned->second, entry.key, entry.value)) {
      ++dropped_count_;
      return false;
    }
  } else if (!has_room({}, entry.key, entry.value)) {
    ++dropped_count_;
    return false;
  }
  write(entry);
  return true;
}

void StateTable::forget(const MemberId& owner) {
  const auto owned = owned_.find(owner);
  if (owned == owned_.end()) return;
  for (const auto& [key, value] : owned->second.keys) digest_out(owner, key, value.sequence);
  bytes_ -= owned->second.bytes;
  owned_.erase(owned);
}

void StateTable::keep_only(const View& view) {
  for (auto next = owned_.begin(); next != owned_.end();) {
    const MemberId owner = next->first;
    ++next;
    if (!view.index_of(owner)) forget(owner);
  }
}

std::vector<StateEntry> StateTable::of(const MemberId& owner) const {
  std::vector<StateEntry> entries;
  const auto owned = owned_.find(owner);
  if (owned == owned_.end()) return entries;
  for (const auto& [key, value] : owned->second.keys) {
    entries.push_back(
        {.owner = owner, .key = key, .sequence = value.sequence, .value = value.value});
  }
  return entries;
}

std::vector<StateEntry> StateTable::all() const {
  std::vector<StateEntry> entries;
  for (const auto& [owner, owned] : owned_) {
    for (const auto& [key, value] : owned.keys) {
      entries.push_back(
          {.owner = owner, .key = key, .sequence = value.sequence, .value = value.value});
    }
  }
  return entries;
}

std::vector<StateEntry> StateTable::first_part() const {
  Part part(options_.message_bytes_max);
  for (const auto& [owner, owned] : owned_) {
    for (const auto& [key, value] : owned.keys) {
      if (!part.add(owner, key, value.sequence, value.value)) return std::move(part.entries);
    }
  }
  return std::move(part.entries);
}

std::uint32_t StateTable::part_of(std::uint32_t buckets) const {
  std::array<std::size_t, kStateBuckets> bytes{};
  for (const auto& [owner, owned] : owned_) {
    for (const auto& [key, value] : owned.keys)
      bytes[bucket_of(owner)] += kEntryOverhead + key.size();
  }
  std::uint32_t part = 0;
  std::size_t sum = 0;
  for (std::size_t b = 0; b < kStateBuckets; ++b) {
    const std::uint32_t bit = std::uint32_t{1} << b;
    if ((buckets & bit) == 0) continue;
    sum += bytes[b];
    if (part != 0 && sum > options_.message_bytes_max) break;
    part |= bit;
  }
  return part;
}

std::vector<StateVersion> StateTable::versions_in(std::uint32_t buckets) const {
  std::vector<StateVersion> versions;
  for (const auto& [owner, owned] : owned_) {
    if ((buckets >> bucket_of(owner) & 1) == 0) continue;
    for (const auto& [key, value] : owned.keys)
      versions.push_back({.owner = owner, .key = key, .sequence = value.sequence});
  }
  return versions;
}

std::vector<StateEntry> StateTable::newer_than(const std::vector<StateVersion>& theirs,
                                               std::uint32_t buckets) const {
  std::map<std::pair<MemberId, std::string_view>, std::uint64_t> known;
  for (const StateVersion& version : theirs) known[{version.owner, version.key}] = version.sequence;
  Part part(options_.message_bytes_max);
  for (const auto& [owner, owned] : owned_) {
    if ((buckets >> bucket_of(owner) & 1) == 0) continue;
    for (const auto& [key, value] : owned.keys) {
      const auto their = known.find({owner, key});
      if (their != known.end() && their->second >= value.sequence) continue;
      if (!part.add(owner, key, value.sequence, value.value)) return std::move(part.entries);
    }
  }
  return std::move(part.entries);
}

std::vector<StateVersion> StateTable::older_than(const std::vector<StateVersion>& theirs) const {
  std::vector<StateVersion> wanted;
  for (const StateVersion& version : theirs) {
    const auto owned = owned_.find(version.owner);
    if (owned != owned_.end()) {
      const auto known = owned->second.keys.find(version.key);
      if (known != owned->second.keys.end() && known->second.sequence >= version.sequence) continue;
    }
    wanted.push_back(version);
  }
  return wanted;
}

std::vector<StateEntry> StateTable::find(const std::vector<StateVersion>& wanted) const {
  Part part(options_.message_bytes_max);
  for (const StateVersion& version : wanted) {
    const auto owned = owned_.find(version.owner);
    if (owned == owned_.end()) continue;
    const auto known = owned->second.keys.find(version.key);
    if (known == owned->second.keys.end()) continue;
    if (!part.add(version.owner, version.key, known->second.sequence, known->second.value)) break;
  }
  return std::move(part.entries);
}

}  // namespace nexus::cluster
