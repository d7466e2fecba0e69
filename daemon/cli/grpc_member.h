// What nexus.v1.ClusterService says, as plain values. Pure; any thread.
#pragma once

#include "daemon/cli/api_types.h"

namespace nexus::v1 {
class GetClusterResponse;
class ListMembersResponse;
class Member;
class View;
class WatchClusterResponse;
}  // namespace nexus::v1

namespace nexus::cli {

inline constexpr const char* kClusterService = "nexus.v1.ClusterService";
inline constexpr const char* kAdminService = "nexus.admin.v1.AdminService";

MemberInfo member_info(const v1::Member& member);
ViewInfo view_info(const v1::View& view);
ClusterInfo cluster_info(const v1::GetClusterResponse& response);
MemberList member_list(const v1::ListMembersResponse& response);
// A response without an event, as a newer node may send, is a change of nothing.
ClusterEvent cluster_event(const v1::WatchClusterResponse& response);

}  // namespace nexus::cli
