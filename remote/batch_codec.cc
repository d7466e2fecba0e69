#include "remote/batch_codec.h"

#include <array>
#include <unordered_map>

#include "core/base/check.h"
#include "protoactor/remote.pb.h"
#include "remote/batch_decoder.h"
#include "remote/protobuf_wire.h"

namespace nexus::remote {
namespace {

constexpr std::uint32_t kLinkVersion = 1;

std::string serialise(const ::remote::RemoteMessage& message) {
  return message.SerializeAsString();
}

void write_ack(const LinkAck& ack, ::remote::RemoteMessage& message) {
  message.mutable_nexus_ack()->set_received(ack.received);
  message.mutable_nexus_ack()->set_credit_bytes(ack.credit_bytes);
}

std::optional<LinkAck> read_ack(const ::remote::RemoteMessage& message) {
  if (!message.has_nexus_ack()) return std::nullopt;
  return LinkAck{message.nexus_ack().received(), message.nexus_ack().credit_bytes()};
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
    for (const std::string& member_id : request.block_list) server->add_block_list(member_id);
    if (request.link) {
      auto* link = server->mutable_nexus_link();
      link->set_version(kLinkVersion);
      link->set_link(request.link->link);
      link->set_session(request.link->session);
    }
  }
  return serialise(message);
}

std::string encode(const ConnectResponse& response) {
  ::remote::RemoteMessage message;
  auto* connect = message.mutable_connect_response();
  connect->set_member_id(response.member_id);
  connect->set_blocked(response.blocked);
  if (response.link) {
    auto* link = connect->mutable_nexus_link();
    link->set_version(kLinkVersion);
    link->set_resumed(response.link->resumed);
    link->set_received(response.link->received);
    link->set_credit_bytes(response.link->credit_bytes);
    link->set_frame_bytes_max(response.link->frame_bytes_max);
  }
  return serialise(message);
}

std::string encode(const DisconnectRequest& request) {
  ::remote::RemoteMessage message;
  message.mutable_disconnect_request();
  if (request.ack) write_ack(*request.ack, message);
  return serialise(message);
}

std::string encode(const LinkAck& ack) {
  ::remote::RemoteMessage message;
  write_ack(ack, message);
  return serialise(message);
}

std::string encode(const LinkPing&) {
  ::remote::RemoteMessage message;
  message.mutable_nexus_ping();
  return serialise(message);
}

std::array<char, layout::kSequenceFieldBytes> encode_sequence(std::uint64_t sequence) {
  std::array<char, layout::kSequenceFieldBytes> field;
  char* at = pb::put_varint(field.data(), layout::kSequence);
  for (unsigned shift = 0; shift < 64; shift += 8) *at++ = static_cast<char>(sequence >> shift);
  CHECK(at == field.data() + field.size());
  return field;
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

core::Error garbage() {
  return {core::Errc::invalid_argument, "the peer sent bytes that are no RemoteMessage"};
}

ConnectRequest read_connect(const ::remote::ConnectRequest& connect) {
  if (connect.has_client_connection()) {
    return {.member_id = connect.client_connection().member_id(), .address = {}, .client = true};
  }
  const auto& server = connect.server_connection();
  ConnectRequest request{.member_id = server.member_id(), .address = server.address()};
  request.block_list = {server.block_list().begin(), server.block_list().end()};
  if (server.has_nexus_link() && server.nexus_link().version() == kLinkVersion) {
    request.link = LinkOffer{server.nexus_link().link(), server.nexus_link().session()};
  }
  return request;
}

ConnectResponse read_connected(const ::remote::ConnectResponse& connected) {
  ConnectResponse response{.member_id = connected.member_id(), .blocked = connected.blocked()};
  if (connected.has_nexus_link() && connected.nexus_link().version() == kLinkVersion) {
    const auto& link = connected.nexus_link();
    response.link = LinkAccept{.resumed = link.resumed(),
                               .received = link.received(),
                               .credit_bytes = link.credit_bytes(),
                               .frame_bytes_max = link.frame_bytes_max()};
  }
  return response;
}

core::Result<Frame> decode_handshake(std::string_view bytes) {
  if (bytes.size() > kHandshakeBytesMax) {
    return core::Error{core::Errc::resource_exhausted,
                       "the peer sent a frame that is too large for one without messages"};
  }
  ::remote::RemoteMessage message;
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return garbage();
  switch (message.message_type_case()) {
    case ::remote::RemoteMessage::kConnectRequest:
      return Frame{read_connect(message.connect_request())};
    case ::remote::RemoteMessage::kConnectResponse:
      return Frame{read_connected(message.connect_response())};
    case ::remote::RemoteMessage::kDisconnectRequest:
      return Frame{DisconnectRequest{read_ack(message)}};
    case ::remote::RemoteMessage::kMessageBatch:
      // Both in one frame, and the batch was the last, which wins.
      return Frame{MessageBatch{}};
    case ::remote::RemoteMessage::MESSAGE_TYPE_NOT_SET:
      if (const auto ack = read_ack(message)) return Frame{*ack};
      if (message.has_nexus_ping()) return Frame{LinkPing{}};
      break;
  }
  return garbage();
}

}  // namespace

core::Result<Frame> decode_frame(std::string_view bytes) {
  BatchDecoder decoder;
  const core::Result<BatchDecoder::Kind> kind = decoder.decode(bytes);
  if (!kind.ok()) return kind.error();
  if (*kind == BatchDecoder::Kind::batch) return Frame{MessageBatch{}};
  return decode_handshake(bytes);
}

}  // namespace nexus::remote
