// StateTable: what members say of themselves after they joined: keys with values, each written by its member only. Merging is
// commutative, associative and idempotent, so members that know the same writes have equal tables whatever the order. Pure; owner only.
//
// T1  Of two writes of a key the one with the higher sequence number stays.
// T2  Equal tables have equal digests.
// T3  A member has at most keys_max keys and bytes_max bytes of keys and values, here and at others; what is beyond is refused, and when
//     a peer sends it, it is dropped and counted.
// T4  What is asked for to be sent is at most message_bytes_max, or one entry: of two tables that differ by more, the one that lags gets the
//     first part, and the next one when they are compared again.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/messages.h"
#include "cluster/state/state_entry.h"
#include "core/base/result.h"

namespace nexus::cluster {

class StateTable {
 public:
  struct Options {
    std::size_t keys_max = 64;
    std::size_t key_bytes_max = 128;
    // Of one member: keys and values.
    std::size_t bytes_max = 16 * 1024;
    // Of entries, or of their versions, in one message. The rest comes with the next comparison: T4.
    std::size_t message_bytes_max = 2 * 1024 * 1024;
  };

  explicit StateTable(Options options) : options_(options) {}

  // Writes a key of `self`, which is text, with a value of any bytes: the entry to be flooded.
  [[nodiscard]] core::Result<StateEntry> put(const MemberId& self, std::string key,
                                             std::string value);
  // What a peer sent; true when it is news. The owner must be a member.
  bool merge(const StateEntry& entry);
  // The owner is a member no longer.
  void forget(const MemberId& owner);
  // Keeps only members.
  void keep_only(const View& view);

  std::vector<StateEntry> all() const;
  // T4.
  std::vector<StateEntry> first_part() const;
  std::vector<StateEntry> of(const MemberId& owner) const;

  std::uint64_t digest() const { return digest_; }
  std::array<std::uint64_t, kStateBuckets> bucket_digests() const { return buckets_; }
  // Of these buckets the first ones whose versions make one message; at least one.
  std::uint32_t part_of(std::uint32_t buckets) const;
  std::vector<StateVersion> versions_in(std::uint32_t buckets) const;
  // T4: what this table has newer than, or besides, `theirs` in these buckets.
  std::vector<StateEntry> newer_than(const std::vector<StateVersion>& theirs,
                                     std::uint32_t buckets) const;
  // What they have newer than this table.
  std::vector<StateVersion> older_than(const std::vector<StateVersion>& theirs) const;
  // T4.
  std::vector<StateEntry> find(const std::vector<StateVersion>& wanted) const;

  std::uint64_t dropped_count() const { return dropped_count_; }
  std::size_t bytes() const { return bytes_; }

 private:
  struct Value {
    std::uint64_t sequence = 0;
    std::string value;
  };
  struct Owned {
    std::map<std::string, Value, std::less<>> keys;
    std::size_t bytes = 0;
  };

  static std::size_t bucket_of(const MemberId& owner);
  bool has_room(const Owned& owned, std::string_view key, std::string_view value) const;
  void write(const StateEntry& entry);
  void digest_out(const MemberId& owner, std::string_view key, std::uint64_t sequence);

  const Options options_;
  std::map<MemberId, Owned> owned_;
  // Sums, so that the order of writes does not matter; of all, and by bucket.
  std::uint64_t digest_ = 0;
  std::array<std::uint64_t, kStateBuckets> buckets_{};
  std::uint64_t dropped_count_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace nexus::cluster
