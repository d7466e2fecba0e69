// WireMessage, ReceivedMessage: messages with text and bytes of their own, for tests that write and read whole frames. The node itself
// writes and reads in place.
//
//   all calls   any thread, no state
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "core/base/check.h"
#include "remote/batch_codec.h"
#include "remote/batch_decoder.h"
#include "remote/batch_encoder.h"
#include "remote/wire_message.h"
#include "remote/wire_types.h"

namespace nexus::remote {

// What a peer writes.
struct WireMessage {
  core::Pid target;
  core::Pid sender;
  // Full protobuf name of what `data` holds.
  std::string type_name;
  std::string data;
  core::Headers headers;
  bool wants_notices = false;
};

// Messages keep their order.
inline std::string encode_batch(const std::vector<WireMessage>& messages, Dialect dialect) {
  static constexpr std::array<HeaderView, 1> kWish{HeaderView{kNoticesHeader, kAllNotices}};
  BatchEncoder encoder;
  encoder.begin(dialect);
  for (const WireMessage& message : messages) {
    const BatchEncoder::Message parts{
        .type_name = message.type_name,
        .target = message.target,
        .sender = message.sender,
        .headers = message.headers,
        .more_headers = message.wants_notices ? kWish : std::span<const HeaderView>{}};
    CHECK(encoder.try_add(parts, message.data));
  }
  return std::string(encoder.finish());
}

// A message of the runtime or of a type with a codec.
inline WireMessage wire_message(const WireTypes& types, const core::EnvelopePtr& envelope,
                                core::Pid target = {}) {
  std::string scratch;
  const auto encoded = types.encode(*envelope, scratch);
  CHECK(encoded.has_value());
  WireMessage made;
  made.target = std::move(target);
  made.type_name = encoded->type_name;
  made.data = encoded->data;
  return made;
}

// One received envelope.
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

// As BatchDecoder has read it last.
inline ReceivedBatch to_batch(const BatchDecoder& decoder) {
  ReceivedBatch received;
  received.bad_envelope_count = decoder.bad_envelope_count();
  received.dialect = decoder.dialect();
  received.messages.reserve(decoder.envelopes().size());
  for (const BatchDecoder::Envelope& envelope : decoder.envelopes()) {
    ReceivedMessage& message = received.messages.emplace_back();
    message.type_name = decoder.type_names()[envelope.type];
    message.target_id = decoder.targets()[envelope.target].id;
    message.target_request_id = envelope.target_request_id;
    if (const BatchDecoder::Sender* sender = decoder.sender_of(envelope)) {
      message.sender_address = sender->address;
      message.sender_id = sender->id;
      message.sender_request_id = envelope.sender_request_id;
    }
    message.serializer_id = envelope.serializer_id;
    message.data = envelope.data;
    message.headers = to_headers(envelope.headers);
  }
  return received;
}

// As decode_frame(), with what is in a batch.
using ReceivedFrame = std::variant<ReceivedBatch, ConnectRequest, ConnectResponse,
                                   DisconnectRequest, LinkAck, LinkPing>;
inline core::Result<ReceivedFrame> read_frame(std::string_view bytes) {
  core::Result<Frame> frame = decode_frame(bytes);
  if (!frame.ok()) return frame.error();
  return std::visit(
      [&]<typename Sort>(Sort& sort) {
        if constexpr (std::is_same_v<Sort, MessageBatch>) {
          BatchDecoder decoder;
          CHECK(decoder.decode(bytes).ok());
          return ReceivedFrame{to_batch(decoder)};
        } else {
          return ReceivedFrame{std::move(sort)};
        }
      },
      *frame);
}

}  // namespace nexus::remote
