// BatchCodec: the frames of remote.Remoting/Receive as bytes, one whole frame at a time. Batches go through BatchEncoder and
// BatchDecoder, handshakes through protobuf's classes. docs/protocol.md has the rules.
//
//   all calls   any thread, no state
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/base/result.h"
#include "remote/batch_decoder.h"
#include "remote/batch_layout.h"
#include "remote/wire_message.h"

namespace nexus::remote {

// What nodes of ours agree on; proto/nexus/internal/v1/link.proto says what the numbers mean.
struct LinkOffer {
  std::uint64_t link = 0;
  std::uint64_t session = 0;
};
struct LinkAccept {
  bool resumed = false;
  std::uint64_t received = 0;
  std::uint64_t credit_bytes = 0;
  std::uint64_t frame_bytes_max = 0;
};
struct LinkAck {
  std::uint64_t received = 0;
  std::uint64_t credit_bytes = 0;
};
struct LinkPing {};

struct ConnectRequest {
  std::string member_id;
  // Where the peer can be dialled, `host:port`; empty for a client connection.
  std::string address;
  bool client = false;
  // None from other members of the family, and from nodes of ours with another version of the protocol.
  std::optional<LinkOffer> link{};
  // Members that the dialler has blocked.
  std::vector<std::string> block_list{};
};
struct ConnectResponse {
  std::string member_id;
  bool blocked = false;
  std::optional<LinkAccept> link{};
};
struct DisconnectRequest {
  // The last word about what arrived.
  std::optional<LinkAck> ack{};
};

// Messages, which BatchDecoder reads where they stand.
struct MessageBatch {};

using Frame = std::variant<MessageBatch, ConnectRequest, ConnectResponse, DisconnectRequest,
                           LinkAck, LinkPing>;

std::string encode(const ConnectRequest& request);
std::string encode(const ConnectResponse& response);
std::string encode(const DisconnectRequest& request);
std::string encode(const LinkAck& ack);
std::string encode(const LinkPing& ping);
// What stands before a batch that has a number.
std::array<char, layout::kSequenceFieldBytes> encode_sequence(std::uint64_t sequence);

// As a map reads them: of equal keys the last one counts.
core::Headers to_headers(const HeaderViews& views);

// Of a frame that is no batch: protobuf makes an object of each two bytes. The ids of 7,000 blocked members have room.
inline constexpr std::size_t kHandshakeBytesMax = 256 * 1024;

// An error when the bytes are no frame at all, or too many.
core::Result<Frame> decode_frame(std::string_view bytes);

}  // namespace nexus::remote
