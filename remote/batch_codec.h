// BatchCodec: the frames of remote.Remoting/Receive as bytes, one whole frame at a time. Batches go through BatchEncoder and
// BatchDecoder, handshakes through protobuf's classes. docs/protocol.md has the rules.
//
//   all calls   any thread, no state
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/base/result.h"
#include "remote/batch_decoder.h"
#include "remote/batch_layout.h"
#include "remote/wire_message.h"

namespace nexus::remote {

struct ConnectRequest {
  std::string member_id;
  // Where the peer can be dialled, `host:port`; empty for a client connection.
  std::string address;
  bool client = false;
};
struct ConnectResponse {
  std::string member_id;
  bool blocked = false;
};
struct DisconnectRequest {};

// One received envelope, still as text and bytes.
struct ReceivedMessage {
  std::string target_id;
  std::uint32_t target_request_id = 0;
  // Empty id = no sender. An empty address means the peer's own.
  std::string sender_address;
  std::string sender_id;
  std::uint32_t sender_request_id = 0;
  std::string type_name;
  std::string data;
  std::int32_t serializer_id = 0;
  core::Headers headers;
};
struct ReceivedBatch {
  std::vector<ReceivedMessage> messages;
  // Envelopes that pointed outside the tables; they are left out of `messages`.
  std::uint32_t bad_envelope_count = 0;
  Dialect dialect = Dialect::strings;
};

using Frame = std::variant<ReceivedBatch, ConnectRequest, ConnectResponse, DisconnectRequest>;

std::string encode(const ConnectRequest& request);
std::string encode(const ConnectResponse& response);
std::string encode(const DisconnectRequest& request);
// Messages keep their order. Of headers with equal keys the last one counts.
std::string encode_batch(const std::vector<WireMessage>& messages, Dialect dialect);

// As a map reads them: of equal keys the last one counts.
core::Headers to_headers(const HeaderViews& views);

// An error when the bytes are no frame at all.
core::Result<Frame> decode_frame(std::string_view bytes);

}  // namespace nexus::remote
