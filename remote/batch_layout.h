// The layout of a batch on the wire, as far as who writes and who reads it share it: remote.MessageBatch of
// proto/protoactor/remote.proto. docs/protocol.md has the rules.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace nexus::remote {

// How a peer writes the targets of a batch: as id text (current), or as serialised actor.PID (before 2025).
enum class Dialect : std::uint8_t { strings, pids };

struct HeaderView {
  std::string_view key;
  std::string_view value;
};

// Tags: field number << 3 | wire type. Those of the family are below 128, which is one byte.
namespace layout {

enum Frame : std::uint8_t {
  kMessageBatch = 1 << 3 | 2,
  kConnectRequest = 2 << 3 | 2,
  kConnectResponse = 3 << 3 | 2,
  kDisconnectRequest = 4 << 3 | 2,
};
// Between nodes that have agreed on them.
enum Link : std::uint16_t {
  kSequence = 1001 << 3 | 1,
  kAck = 1002 << 3 | 2,
  kPing = 1003 << 3 | 2,
};
// Of kSequence as it is written: two bytes and the number in eight, lowest first.
inline constexpr std::size_t kSequenceFieldBytes = 10;
enum Batch : std::uint8_t {
  kTypeName = 1 << 3 | 2,
  kTarget = 2 << 3 | 2,
  kEnvelope = 3 << 3 | 2,
  kSender = 4 << 3 | 2,
};
enum Envelope : std::uint8_t {
  kEnvelopeType = 1 << 3 | 0,
  kEnvelopeData = 2 << 3 | 2,
  kEnvelopeTarget = 3 << 3 | 0,
  kEnvelopeSender = 4 << 3 | 0,
  kEnvelopeSerializer = 5 << 3 | 0,
  kEnvelopeHeader = 6 << 3 | 2,
  kEnvelopeTargetRequestId = 7 << 3 | 0,
  kEnvelopeSenderRequestId = 8 << 3 | 0,
};
enum Header : std::uint8_t {
  kHeaderEntry = 1 << 3 | 2,
  kHeaderKey = 1 << 3 | 2,
  kHeaderValue = 2 << 3 | 2
};
enum Pid : std::uint8_t {
  kPidAddress = 1 << 3 | 2,
  kPidId = 2 << 3 | 2,
  kPidRequestId = 3 << 3 | 0
};

}  // namespace layout
}  // namespace nexus::remote
