// The activator: an actor that spawns actors of registered kinds for other nodes.
#pragma once

#include <cstdint>

#include "core/actor/props.h"
#include "remote/remote.h"

namespace nexus::remote {

// Whose numbers the answers have. Peers of either family ask by the name that the activator has in theirs.
enum class ActivatorOf : std::uint8_t { go, dotnet };

core::PropsPtr activator_props(Remote::SpawnKind spawn, ActivatorOf family);

}  // namespace nexus::remote
