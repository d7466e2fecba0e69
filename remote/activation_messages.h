// What the activator of a node understands: spawn an actor of a kind for somebody else.
#pragma once

#include <cstdint>
#include <string>

#include "core/actor/pid.h"

namespace nexus::remote {

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
