// Kinds that keep books about messages between nodes: what was sent, what arrived, what became a dead letter. Lines go to the file that
// the environment variable NEXUS_TEST_BOOK names, each in one write, so that none is lost when the process is killed:
//
//   sent <from> <to> <number>            before it is sent; numbers of a pair count from 1
//   posted <from> <to> <number>          it enters the mailbox of its target
//   handled <from> <to> <number>         in the target's turn
//   damaged <from> <to> <number>         the same, but it is not what was sent
//   dead <reason> <from> <to> <number>   by the event stream of this node
//   watched <from> <to> <number>         before the watch is set; numbers of a pair count from 1
//   told <reason> <from> <to> <number>   the watcher got Terminated; 0 when no watch of its was open
//   gone <reason> <address> - 0          this node has given a peer up, by the event stream
//
//   teller   {"targets","per_beat","beat_ms"} sends so many numbered messages to each target (Pids, separated by spaces) in each
//            beat and answers {}; {"stop"} ends that and answers {"sent"}, the messages to each target
//   ledger   gets them; answers {} to {}
//   witness  {"targets"} watches each of these, again some time after one was AddressTerminated, and answers {}; {"stop"} ends the
//            latter and answers {}
#pragma once

#include "daemon/node.h"

namespace nexus::test {

// Before the node runs.
void add_ledger_kinds(nexus::Node& node);

}  // namespace nexus::test
