// The cluster's views and members as nexus.v1 says them. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cluster/state/member_traits.h"
#include "cluster/view/view.h"

namespace nexus::v1 {
class Member;
class View;
}  // namespace nexus::v1

namespace nexus::daemon {

void fill(const cluster::View& view, v1::View* out);
void fill(const cluster::Member& member, v1::Member* out);
// In place of those of the member.
void fill(const cluster::MemberTraits& traits, v1::Member* out);

// 16 hex digits.
std::string hex(std::uint64_t word);

// Members by address, as people look for them.
std::vector<cluster::MemberIndex> by_address(const cluster::View& view);
// The member that `name` is the id or the address of.
std::optional<cluster::MemberIndex> find_member(const cluster::View& view, const std::string& name);

}  // namespace nexus::daemon
