// StateEntry: one key of one member. Only that member writes it; of two writes the one with the higher sequence number is the newer.
#pragma once

#include <cstdint>
#include <string>

#include "cluster/view/member_id.h"

namespace nexus::cluster {

struct StateEntry {
  MemberId owner;
  std::string key;
  // From 1.
  std::uint64_t sequence = 0;
  std::string value;

  bool operator==(const StateEntry&) const = default;
};

// An entry without its value.
struct StateVersion {
  MemberId owner;
  std::string key;
  std::uint64_t sequence = 0;

  bool operator==(const StateVersion&) const = default;
};

}  // namespace nexus::cluster
