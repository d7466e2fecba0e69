// What the activator of a node understands: spawn an actor of a kind for somebody else.
#pragma once

#include <cstdint>
#include <string>

#include "core/actor/pid.h"

namespace nexus::remote {

// Whose numbers the answers have. Peers of either family ask by the name that the activator has in theirs.
enum class ActivatorOf : std::uint8_t { go, dotnet };
constexpr const char* activator_name(ActivatorOf family) {
  return family == ActivatorOf::go ? "activator" : "$activator";
}

struct ActorPidRequest {
  // Empty: the node makes a name up.
  std::string name;
  std::string kind;
};

// Numbers of Go, and those of .NET for the same where they differ.
enum class ActivationStatus : std::int32_t {
  ok = 0,
  unavailable = 1,
  timeout = 2,
  name_exists = 3,
  error = 4,
  dead_letter = 5,
  dotnet_name_exists = 1,
  dotnet_error = 2
};

struct ActorPidResponse {
  core::Pid pid;
  ActivationStatus status = ActivationStatus::ok;
};

}  // namespace nexus::remote
