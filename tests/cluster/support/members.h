// Members and views for tests. Ids ascend with their numbers.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cluster/view/view.h"

namespace nexus::cluster::test {

inline MemberPtr member(std::uint64_t number, std::string address = {}) {
  if (address.empty()) address = "10.0.0." + std::to_string(number) + ":7701";
  return std::make_shared<const Member>(Member{.id = MemberId(number + 1, 7),
                                               .process = MemberId(number + 1, 7),
                                               .address = std::move(address),
                                               .version = "1"});
}

inline std::vector<MemberPtr> members(std::uint64_t count) {
  std::vector<MemberPtr> all;
  for (std::uint64_t i = 0; i < count; ++i) all.push_back(member(i));
  return all;
}

inline ViewPtr view_of(std::uint64_t count, RingOptions rings = {}) {
  return View::found(members(count), rings);
}

}  // namespace nexus::cluster::test
