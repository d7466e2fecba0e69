// The words by which scenarios name what nodes say: a kind of message, or a part of gossip, each with a bit; and families of them. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "cluster/messages.h"

namespace nexus::cluster::scenario {

enum class Kind : std::uint8_t {
  probe,
  ack,
  indirect_probe,
  indirect_ack,
  // Parts of gossip.
  entry,
  alert,
  proposal,
  vote,
  prepare,
  // On its own.
  promise,
  catch_up,
  delta,
  snapshot,
  not_member,
  join,
  refused,
  check,
  confirm,
  offer,
  found,
  found_ack,
  digests,
  versions,
  wanted
};

class KindSet {
 public:
  constexpr KindSet() = default;
  constexpr KindSet(Kind kind) : bits_(std::uint32_t{1} << static_cast<unsigned>(kind)) {}
  static constexpr KindSet all() { return KindSet(~std::uint32_t{0}); }
  // From the first to the last one.
  static constexpr KindSet between(Kind first, Kind last) {
    KindSet set;
    for (auto k = static_cast<unsigned>(first); k <= static_cast<unsigned>(last); ++k)
      set.bits_ |= std::uint32_t{1} << k;
    return set;
  }

  constexpr bool contains(Kind kind) const {
    return (bits_ >> static_cast<unsigned>(kind) & 1) != 0;
  }
  constexpr bool empty() const { return bits_ == 0; }
  constexpr void add(KindSet other) { bits_ |= other.bits_; }

 private:
  constexpr explicit KindSet(std::uint32_t bits) : bits_(bits) {}

  std::uint32_t bits_ = 0;
};

// "vote", or a family: "gossip", "agreement".
std::optional<KindSet> kinds_of(std::string_view word);
// Of a message that is no gossip.
std::optional<Kind> kind_of(const ControlBody& body);
// The part of it for whose kind `keep` says true.
template <typename Keep>
Gossip part_of(const Gossip& gossip, const Keep& keep) {
  Gossip part;
  if (keep(Kind::alert)) part.alerts = gossip.alerts;
  if (keep(Kind::proposal)) part.proposals = gossip.proposals;
  if (keep(Kind::vote)) part.tallies = gossip.tallies;
  if (keep(Kind::prepare)) part.prepares = gossip.prepares;
  if (keep(Kind::entry)) part.entries = gossip.entries;
  return part;
}
inline bool is_empty(const Gossip& gossip) {
  return gossip.alerts.empty() && gossip.proposals.empty() && gossip.tallies.empty() &&
         gossip.prepares.empty() && gossip.entries.empty();
}

}  // namespace nexus::cluster::scenario
