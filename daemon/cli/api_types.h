// What a node answers, as plain values: the rest of nexusctl knows neither gRPC nor protobuf.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace nexus::cli {

inline constexpr const char* kContentTypeJson = "application/json";
inline constexpr const char* kContentTypeProtobuf = "application/x-protobuf";
inline constexpr const char* kContentTypeBytes = "application/octet-stream";

struct Payload {
  // Full protobuf name; may be empty.
  std::string type{};
  std::string content_type{};
  std::string data{};
};

struct Spawned {
  std::string pid{};
  // False when an actor of that name was there already.
  bool created = false;
};

struct ActorInfo {
  std::string pid{};
  std::string kind{};
  std::string parent{};
  // alive, restarting, stopping or unknown.
  std::string state{};
  // Seconds since 1970; 0 when the node does not say.
  std::int64_t started_at_unix_s = 0;
  std::uint64_t processed_count = 0;
  std::uint64_t mailbox_count = 0;
  std::uint64_t restart_count = 0;
  std::uint64_t child_count = 0;
  std::uint64_t watcher_count = 0;
};

struct ActorPage {
  std::vector<ActorInfo> actors{};
  // Empty on the last page.
  std::string next_page_token{};
};

struct KindInfo {
  std::string name{};
  std::string description{};
  std::uint64_t actor_count = 0;
};

struct ViewInfo {
  std::uint64_t epoch = 0;
  // 16 hex digits.
  std::string id{};
  std::uint64_t member_count = 0;
};

struct MemberInfo {
  std::string address{};
  // 32 hex digits.
  std::string id{};
  // up, leaving, suspect or unknown.
  std::string status{};
  // It is the node that answers.
  bool self = false;
  std::uint64_t since_epoch = 0;
  std::string version{};
  std::string zone{};
  std::vector<std::string> kinds{};
  std::map<std::string, std::string> labels{};
  // Bytes under names.
  std::map<std::string, std::string> state{};
};

// What the node that answers knows of its cluster.
struct ClusterInfo {
  std::string name{};
  // joining, member, frozen or unknown.
  std::string node_status{};
  std::string node_address{};
  std::string node_id{};
};

struct MemberList {
  ViewInfo view{};
  std::vector<MemberInfo> members{};
};

struct DepartureInfo {
  MemberInfo member{};
  // failed, left, replaced, forced or unknown.
  std::string reason{};
};

struct ClusterEvent {
  enum class What : std::uint8_t { snapshot, change };
  What what = What::snapshot;
  // The view that it led to.
  ViewInfo view{};
  // Of `snapshot`: who is in it.
  std::vector<MemberInfo> members{};
  // Of `change`.
  std::vector<MemberInfo> joined{};
  std::vector<DepartureInfo> departed{};
  // Seconds since 1970; 0 when the node does not say.
  std::int64_t at_unix_s = 0;
};

// What force-view has done, or would do.
struct ForcedView {
  bool done = false;
  // The new one; the present one when nothing is done.
  ViewInfo view{};
  std::vector<MemberInfo> kept{};
  std::vector<MemberInfo> removed{};
};

}  // namespace nexus::cli
