// The kinds that every node offers, so that its first minute needs no code.
#pragma once

#include "daemon/kinds.h"

namespace nexus::daemon {

//   echo     answers each message with the same message
//   counter  adds up nexus.v1.CounterRequest.add and answers with nexus.v1.CounterReply
void add_builtin_kinds(Kinds& kinds);

}  // namespace nexus::daemon
