// The activator: an actor that spawns actors of registered kinds for other nodes.
#pragma once

#include "core/actor/props.h"
#include "remote/remote.h"

namespace nexus::remote {

core::PropsPtr activator_props(Remote::SpawnKind spawn);

}  // namespace nexus::remote
