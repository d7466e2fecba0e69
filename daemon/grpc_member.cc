#include "daemon/grpc_member.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "nexus/v1/cluster_service.pb.h"

namespace nexus::daemon {

std::string hex(std::uint64_t word) {
  std::array<char, 17> text{};
  std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(word));
  return text.data();
}

void fill(const cluster::View& view, v1::View* out) {
  out->set_epoch(view.epoch());
  out->set_id(hex(view.id()));
  out->set_member_count(static_cast<std::uint32_t>(view.size()));
}

void fill(const cluster::Member& member, v1::Member* out) {
  out->set_id(member.id.to_string());
  out->set_address(member.address);
  out->set_version(member.version);
  out->set_zone(member.zone);
  fill(cluster::MemberTraits{.kinds = member.kinds, .labels = member.labels}, out);
}

void fill(const cluster::MemberTraits& traits, v1::Member* out) {
  out->mutable_kinds()->Assign(traits.kinds.begin(), traits.kinds.end());
  out->clear_labels();
  for (const auto& [name, value] : traits.labels) (*out->mutable_labels())[name] = value;
}

std::vector<cluster::MemberIndex> by_address(const cluster::View& view) {
  std::vector<cluster::MemberIndex> order(view.size());
  for (cluster::MemberIndex i = 0; i < view.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(), [&view](cluster::MemberIndex a, cluster::MemberIndex b) {
    return view.member(a).address < view.member(b).address;
  });
  return order;
}

std::optional<cluster::MemberIndex> find_member(const cluster::View& view,
                                                const std::string& name) {
  const std::optional<cluster::MemberId> id = cluster::MemberId::parse(name);
  return id ? view.index_of(*id) : view.index_at(name);
}

}  // namespace nexus::daemon
