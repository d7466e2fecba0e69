// How the cluster and its members are shown: aligned for people, one JSON object a line for
// programs. Pure; any thread.
#pragma once

#include <string>

#include "daemon/cli/api_types.h"

namespace nexus::cli {

// A line about the cluster, a line more when it is frozen, and a table of the members; the zone
// only when a member has one.
std::string members_text(const ClusterInfo& cluster, const MemberList& list);
// The cluster, which is the object with the key `cluster`, then each member.
std::string members_json(const ClusterInfo& cluster, const MemberList& list);

// Of the state only the names: the values are bytes.
std::string member_text(const MemberInfo& member);
std::string member_json(const MemberInfo& member);

std::string joined_text(const ViewInfo& view);
std::string joined_json(const ViewInfo& view);
// What was done, or what would be, and how to do it.
std::string forced_text(const ForcedView& forced);
std::string forced_json(const ForcedView& forced);

// A line for each member of a snapshot, and one for each who departed and who joined: in this
// order, so that the new run of a node comes after the one that it replaces.
std::string cluster_event_text(const ClusterEvent& event);
std::string cluster_event_json(const ClusterEvent& event);

}  // namespace nexus::cli
