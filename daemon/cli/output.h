// How actors, kinds and events are shown: aligned for people, one JSON object a line for programs.
// Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "daemon/cli/api_types.h"
#include "daemon/cli/grpc_client.h"

namespace nexus::cli {

// `now_unix_s` is the time that ages are counted up to.
std::string actors_text(const std::vector<ActorInfo>& actors, std::int64_t now_unix_s);
std::string actor_text(const ActorInfo& actor);
std::string actor_json(const ActorInfo& actor);

std::string kinds_text(const std::vector<KindInfo>& kinds);
std::string kind_json(const KindInfo& kind);

// Of `watching` and `terminated`; a failed watch is shown as a Failure.
std::string event_text(const WatchEvent& event);
std::string event_json(const WatchEvent& event);

}  // namespace nexus::cli
