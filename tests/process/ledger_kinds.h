// Kinds that keep books about messages between nodes: what was sent, what arrived, what became a dead letter. Lines go to the file that
// the environment variable NEXUS_TEST_BOOK names, each in one write, so that none is lost when the process is killed:
//
//   sent <from> <to> <number>            before it is sent; numbers of a pair count from 1
//   posted <from> <to> <number>          it enters the mailbox of its target
//   handled <from> <to> <number>         in the target's turn
//   damaged <from> <to> <number>         the same, but it is not what was sent
//   dead <reason> <from> <to> <number>   by the event stream of this node
//
//   teller   {"targets","per_beat","beat_ms"} sends so many numbered messages to each target (Pids, separated by spaces) in each
//            beat and answers {}; {"stop"} ends that and answers {"sent"}, the messages to each target
//   ledger   gets them; answers {} to {}
#pragma once

#include "daemon/node.h"

namespace nexus::test {

// Before the node runs.
void add_ledger_kinds(nexus::Node& node);

}  // namespace nexus::test
