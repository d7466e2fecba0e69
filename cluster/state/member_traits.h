// MemberTraits: what others look for in a member and what may change while it is one. It joins with those of its Member; what it says
// later are keys of its state, and newer. Pure; any thread.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/state/state_entry.h"
#include "cluster/view/member.h"

namespace nexus::cluster {

struct MemberTraits {
  // Names of the kinds of actors that it hosts.
  std::vector<std::string> kinds;
  std::map<std::string, std::string> labels;

  bool operator==(const MemberTraits&) const = default;
};

inline constexpr std::string_view kKindsKey = "nexus.kinds";
inline constexpr std::string_view kLabelsKey = "nexus.labels";
// Keys that begin so are not the user's to write.
inline bool is_own_key(std::string_view key) { return key.starts_with("nexus."); }

// Values of those keys.
std::string encode_kinds(const std::vector<std::string>& kinds);
std::string encode_labels(const std::map<std::string, std::string>& labels);

// `state`: of that member. A value that cannot be read counts as never said.
MemberTraits traits_of(const Member& member, const std::vector<StateEntry>& state);

}  // namespace nexus::cluster
