// The activator: an actor that spawns actors of registered kinds for other nodes.
#pragma once

#include "core/actor/props.h"
#include "remote/activation_messages.h"
#include "remote/remote.h"

namespace nexus::remote {

core::PropsPtr activator_props(Remote::SpawnKind spawn, ActivatorOf family);

}  // namespace nexus::remote
