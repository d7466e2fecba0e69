// What a node answers, as plain values: the rest of nexusctl knows neither gRPC nor protobuf.
#pragma once

#include <cstdint>
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

}  // namespace nexus::cli
