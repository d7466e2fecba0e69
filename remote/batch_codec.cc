#include "remote/batch_codec.h"

#include <array>
#include <span>
#include <unordered_map>

#include "core/base/check.h"
#include "protoactor/remote.pb.h"
#include "remote/batch_decoder.h"
#include "remote/batch_encoder.h"

namespace nexus::remote {
namespace {

std::string serialise(const ::remote::RemoteMessage& message) {
  return message.SerializeAsString();
}

}  // namespace

std::string encode(const ConnectRequest& request) {
  ::remote::RemoteMessage message;
  auto* connect = message.mutable_connect_request();
  if (request.client) {
    connect->mutable_client_connection()->set_member_id(request.member_id);
  } else {
    auto* server = connect->mutable_server_connection();
    server->set_member_id(request.member_id);
    server->set_address(request.address);
  }
  return serialise(message);
}

std::string encode(const ConnectResponse& response) {
  ::remote::RemoteMessage message;
  message.mutable_connect_response()->set_member_id(response.member_id);
  message.mutable_connect_response()->set_blocked(response.blocked);
  return serialise(message);
}

std::string encode(const DisconnectRequest&) {
  ::remote::RemoteMessage message;
  message.mutable_disconnect_request();
  return serialise(message);
}

std::string encode_batch(const std::vector<WireMessage>& messages, Dialect dialect) {
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

core::Headers to_headers(const HeaderViews& views) {
  core::Headers headers;
  headers.reserve(views.count());
  std::unordered_map<std::string_view, std::size_t> places;
  for (const HeaderView& header : views) {
    if (views.count() > 1) {
      const auto [place, is_new] = places.emplace(header.key, headers.size());
      if (!is_new) {
        headers[place->second].second = header.value;
        continue;
      }
    }
    headers.emplace_back(header.key, header.value);
  }
  return headers;
}

namespace {

ReceivedBatch to_batch(const BatchDecoder& decoder) {
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

core::Error garbage() {
  return {core::Errc::invalid_argument, "the peer sent bytes that are no RemoteMessage"};
}

core::Result<Frame> decode_handshake(std::string_view bytes) {
  ::remote::RemoteMessage message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return garbage();
  switch (message.message_type_case()) {
    case ::remote::RemoteMessage::kConnectRequest: {
      const auto& connect = message.connect_request();
      if (connect.has_client_connection()) {
        return Frame{ConnectRequest{connect.client_connection().member_id(), {}, true}};
      }
      return Frame{ConnectRequest{connect.server_connection().member_id(),
                                  connect.server_connection().address(), false}};
    }
    case ::remote::RemoteMessage::kConnectResponse:
      return Frame{ConnectResponse{message.connect_response().member_id(),
                                   message.connect_response().blocked()}};
    case ::remote::RemoteMessage::kDisconnectRequest:
      return Frame{DisconnectRequest{}};
    case ::remote::RemoteMessage::kMessageBatch:
      // Both in one frame, and the batch was the last, which wins: once more without the rest.
      return decode_frame(serialise(message));
    case ::remote::RemoteMessage::MESSAGE_TYPE_NOT_SET:
      break;
  }
  return garbage();
}

}  // namespace

core::Result<Frame> decode_frame(std::string_view bytes) {
  BatchDecoder decoder;
  const core::Result<BatchDecoder::Kind> kind = decoder.decode(bytes);
  if (!kind.ok()) return kind.error();
  if (*kind == BatchDecoder::Kind::batch) return Frame{to_batch(decoder)};
  return decode_handshake(bytes);
}

}  // namespace nexus::remote
