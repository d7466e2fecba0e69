#include "daemon/cli/grpc_member.h"

#include "nexus/v1/cluster_service.pb.h"

namespace nexus::cli {
namespace {

std::string status_name(v1::MemberStatus status) {
  switch (status) {
    case v1::MEMBER_STATUS_UP:
      return "up";
    case v1::MEMBER_STATUS_LEAVING:
      return "leaving";
    case v1::MEMBER_STATUS_SUSPECT:
      return "suspect";
    default:
      return "unknown";
  }
}

std::string status_name(v1::NodeStatus status) {
  switch (status) {
    case v1::NODE_STATUS_JOINING:
      return "joining";
    case v1::NODE_STATUS_MEMBER:
      return "member";
    case v1::NODE_STATUS_FROZEN:
      return "frozen";
    case v1::NODE_STATUS_LEAVING:
      return "leaving";
    case v1::NODE_STATUS_LEFT:
      return "left";
    default:
      return "unknown";
  }
}

std::string reason_name(v1::DepartureReason reason) {
  switch (reason) {
    case v1::DEPARTURE_REASON_FAILED:
      return "failed";
    case v1::DEPARTURE_REASON_LEFT:
      return "left";
    case v1::DEPARTURE_REASON_REPLACED:
      return "replaced";
    case v1::DEPARTURE_REASON_FORCED:
      return "forced";
    default:
      return "unknown";
  }
}

std::vector<MemberInfo> member_infos(const google::protobuf::RepeatedPtrField<v1::Member>& from) {
  std::vector<MemberInfo> members;
  for (const v1::Member& member : from) members.push_back(member_info(member));
  return members;
}

}  // namespace

ViewInfo view_info(const v1::View& view) {
  return ViewInfo{.epoch = view.epoch(), .id = view.id(), .member_count = view.member_count()};
}

MemberInfo member_info(const v1::Member& member) {
  return MemberInfo{.address = member.address(),
                    .id = member.id(),
                    .status = status_name(member.status()),
                    .self = member.self(),
                    .since_epoch = member.since_epoch(),
                    .version = member.version(),
                    .zone = member.zone(),
                    .kinds = {member.kinds().begin(), member.kinds().end()},
                    .labels = {member.labels().begin(), member.labels().end()},
                    .state = {member.state().begin(), member.state().end()}};
}

ClusterInfo cluster_info(const v1::GetClusterResponse& response) {
  return ClusterInfo{.name = response.name(),
                     .node_status = status_name(response.status()),
                     .node_address = response.address(),
                     .node_id = response.member_id()};
}

MemberList member_list(const v1::ListMembersResponse& response) {
  return MemberList{.view = view_info(response.view()),
                    .members = member_infos(response.members())};
}

ClusterEvent cluster_event(const v1::WatchClusterResponse& response) {
  ClusterEvent event{.what = ClusterEvent::What::change, .at_unix_s = response.time().seconds()};
  if (response.has_snapshot()) {
    event.what = ClusterEvent::What::snapshot;
    event.view = view_info(response.snapshot().view());
    event.members = member_infos(response.snapshot().members());
    return event;
  }
  event.view = view_info(response.change().view());
  event.joined = member_infos(response.change().joined());
  for (const v1::Departure& departure : response.change().departed()) {
    event.departed.push_back(
        {.member = member_info(departure.member()), .reason = reason_name(departure.reason())});
  }
  return event;
}

}  // namespace nexus::cli
