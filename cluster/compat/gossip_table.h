// GossipTable: the state that the members of a Proto.Actor cluster tell each other: keys with values, each written by its member only.
// This is the family's state and not the node's own (state/state_table.h): heartbeats are in it, so it never settles. Pure; one owner.
//
// GT1  Of two values of a key the one with the higher sequence number stays. What others say of the node itself counts for nothing.
// GT2  A delta has what its target has not been told: all that changed after the mark of the last delta that it took, the node's own
//      keys first. What it did not take is in the next one again.
// GT3  A delta has at most delta_count_max keys and about delta_bytes_max bytes of others; the rest comes with the next ones.
// GT4  Limits of what others can make the node keep: member_count_max, key_count_max for each, bytes_max in all. What is over a limit is
//      dropped and counted.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"

namespace nexus::cluster {

// As google.protobuf.Any has it.
struct GossipContent {
  std::string type_url;
  std::string bytes;

  bool operator==(const GossipContent&) const = default;
};

struct GossipValue {
  std::int64_t sequence = 0;
  GossipContent content;

  bool operator==(const GossipValue&) const = default;
};

// By member id and key.
using GossipState =
    std::map<std::string, std::map<std::string, GossipValue, std::less<>>, std::less<>>;

class GossipTable {
 public:
  struct Options {
    std::size_t member_count_max = 1024;
    std::size_t key_count_max = 64;
    // Of ids, keys and values, and what they cost beside.
    std::size_t bytes_max = 16 * 1024 * 1024;
    std::size_t delta_count_max = 200;
    std::size_t delta_bytes_max = 1024 * 1024;
  };
  struct Change {
    std::string member;
    std::string key;
  };
  // What is told to one target, and the mark to give to the next delta() when it was taken.
  struct Delta {
    GossipState state;
    std::uint64_t mark;
  };

  GossipTable(Options options, std::string self_id);

  // Writes a key of the node itself.
  void put(const std::string& key, GossipContent content);
  // What a member sent; what was news in it.
  std::vector<Change> merge(const GossipState& state, core::Instant now);
  // Forgets members that `is_kept` is false of and of whom there has been no news since `before`.
  void forget(const std::function<bool(const std::string&)>& is_kept, core::Instant before);

  // For the member `target`, which has taken the delta of `mark`, or none: 0.
  Delta delta(std::string_view target, std::uint64_t mark) const;

  // Null when there is none.
  const GossipContent* find(std::string_view member, std::string_view key) const;
  std::size_t member_count() const { return members_.size(); }
  std::size_t bytes() const { return bytes_; }
  std::uint64_t dropped_count() const { return dropped_count_; }

 private:
  struct Entry {
    GossipValue value;
    // Of the table: grows with each change.
    std::uint64_t version = 0;
  };
  struct Keys {
    std::map<std::string, Entry, std::less<>> entries;
    core::Instant news_at{};
  };

  static std::size_t bytes_of(std::string_view key, const GossipContent& content);
  // False when there is no room.
  bool write(Keys& keys, const std::string& key, const GossipValue& value);

  const Options options_;
  const std::string self_id_;
  std::map<std::string, Keys, std::less<>> members_;
  std::int64_t own_sequence_ = 0;
  std::uint64_t version_ = 0;
  std::size_t bytes_ = 0;
  std::uint64_t dropped_count_ = 0;
};

}  // namespace nexus::cluster
