// Member: one run of one node as the others know it: what it said when it joined. Never changes; what changes is its state
// (cluster/state).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cluster/view/member_id.h"

namespace nexus::cluster {

// A place in the members of one view, ascending by id. Means nothing in another view.
using MemberIndex = std::uint32_t;

struct Member {
  MemberId id;
  // The id of the first incarnation of its process: other floors know the process by it.
  MemberId process{};
  // host:port that the other members dial.
  std::string address;
  // Of the program.
  std::string version{};
  // Where it runs; empty when it did not say.
  std::string zone{};
  // Names of the kinds of actors that it hosted when it joined; these and the labels may change: state/member_traits.h.
  std::vector<std::string> kinds{};
  std::map<std::string, std::string> labels{};

  bool operator==(const Member&) const = default;
};

using MemberPtr = std::shared_ptr<const Member>;

}  // namespace nexus::cluster
