#include "cluster/compat/gossip_codec.h"

#include <google/protobuf/any.pb.h>
#include <google/protobuf/empty.pb.h>

#include "protoactor/cluster.pb.h"

namespace nexus::cluster {
namespace {

template <typename Message>
bool read(std::string_view data, Message& message) {
  return message.ParseFromArray(data.data(), static_cast<int>(data.size()));
}

GossipContent content_of(const google::protobuf::Message& message) {
  google::protobuf::Any any;
  any.PackFrom(message);
  return {.type_url = any.type_url(), .bytes = any.value()};
}

}  // namespace

std::string encode_gossip(const GossipState& state, const std::string& receiver) {
  ::cluster::GossipRequest request;
  request.set_member_id(receiver);
  auto& members = *request.mutable_state()->mutable_members();
  for (const auto& [member, values] : state) {
    auto& written = *members[member].mutable_values();
    for (const auto& [key, value] : values) {
      ::cluster::GossipKeyValue& entry = written[key];
      entry.set_sequence_number(value.sequence);
      entry.mutable_value()->set_type_url(value.content.type_url);
      entry.mutable_value()->set_value(value.content.bytes);
    }
  }
  return request.SerializeAsString();
}

std::optional<GossipState> decode_gossip(std::string_view data) {
  // A response has its state in the same field.
  ::cluster::GossipRequest request;
  if (!read(data, request)) return std::nullopt;
  GossipState state;
  for (const auto& [member, values] : request.state().members()) {
    for (const auto& [key, entry] : values.values()) {
      state[member][key] = {
          .sequence = entry.sequence_number(),
          .content = {.type_url = entry.value().type_url(), .bytes = entry.value().value()}};
    }
  }
  return state;
}

GossipContent heartbeat_content() {
  ::cluster::MemberHeartbeat heartbeat;
  // There, though it counts nothing: readers look into it.
  heartbeat.mutable_actor_statistics();
  return content_of(heartbeat);
}

GossipContent left_content() { return content_of(google::protobuf::Empty()); }

std::optional<std::vector<std::string>> topology_members(const GossipContent& content) {
  ::cluster::ClusterTopology topology;
  if (!content.type_url.ends_with("/" + topology.GetDescriptor()->full_name()) ||
      !read(content.bytes, topology)) {
    return std::nullopt;
  }
  std::vector<std::string> ids;
  for (const ::cluster::Member& member : topology.members()) ids.push_back(member.id());
  return ids;
}

}  // namespace nexus::cluster
