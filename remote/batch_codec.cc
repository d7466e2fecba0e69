#include "remote/batch_codec.h"

#include <limits>
#include <unordered_map>

#include "protoactor/actor.pb.h"
#include "protoactor/remote.pb.h"

namespace nexus::remote {
namespace {

std::string serialise(const ::remote::RemoteMessage& message) {
  return message.SerializeAsString();
}

// Ids never begin with the tag bytes of actor.PID's fields 1 and 2, so the first byte tells the dialects apart.
bool looks_like_pid(const std::string& target) {
  return !target.empty() && (target[0] == 0x0a || target[0] == 0x12);
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
  ::remote::RemoteMessage frame;
  auto* batch = frame.mutable_message_batch();
  std::unordered_map<std::string, std::int32_t> types;
  std::unordered_map<std::string, std::int32_t> targets;
  std::unordered_map<std::string, std::int32_t> senders;
  for (const WireMessage& message : messages) {
    auto* envelope = batch->add_envelopes();
    const auto [type, new_type] =
        types.emplace(message.type_name, static_cast<std::int32_t>(types.size()));
    if (new_type) batch->add_type_names(message.type_name);
    envelope->set_type_id(type->second);

    std::string target_text = message.target.id();
    if (dialect == Dialect::pids) {
      actor::PID pid;
      pid.set_address(message.target.address());
      pid.set_id(std::move(target_text));
      target_text = pid.SerializeAsString();
    }
    const auto [target, new_target] =
        targets.emplace(target_text, static_cast<std::int32_t>(targets.size()));
    if (new_target) batch->add_targets(target_text);
    envelope->set_target(target->second);
    envelope->set_target_request_id(message.target.request_id());

    if (message.sender) {
      // 1-based: 0 means that there is no sender.
      const auto [sender, new_sender] = senders.emplace(
          message.sender.to_string(), static_cast<std::int32_t>(senders.size()) + 1);
      if (new_sender) {
        auto* pid = batch->add_senders();
        pid->set_address(message.sender.address());
        pid->set_id(message.sender.id());
      }
      envelope->set_sender(sender->second);
      envelope->set_sender_request_id(message.sender.request_id());
    }
    envelope->set_message_data(message.data);
    if (!message.headers.empty() || message.wants_notices) {
      auto& data = *envelope->mutable_message_header()->mutable_header_data();
      for (const auto& [key, value] : message.headers) data[key] = value;
      if (message.wants_notices) data[kNoticesHeader] = kAllNotices;
    }
  }
  return serialise(frame);
}

namespace {

ReceivedBatch to_batch(::remote::MessageBatch& batch) {
  ReceivedBatch received;
  std::vector<std::string> target_ids;
  target_ids.reserve(static_cast<std::size_t>(batch.targets_size()));
  for (const std::string& target : batch.targets()) {
    actor::PID pid;
    if (looks_like_pid(target) && pid.ParseFromString(target)) {
      received.dialect = Dialect::pids;
      target_ids.push_back(pid.id());
    } else {
      target_ids.push_back(target);
    }
  }
  received.messages.reserve(static_cast<std::size_t>(batch.envelopes_size()));
  for (auto& envelope : *batch.mutable_envelopes()) {
    const bool type_ok = envelope.type_id() >= 0 && envelope.type_id() < batch.type_names_size();
    const bool target_ok = envelope.target() >= 0 && envelope.target() < batch.targets_size();
    const bool sender_ok = envelope.sender() >= 0 && envelope.sender() <= batch.senders_size();
    if (!type_ok || !target_ok || !sender_ok) {
      ++received.bad_envelope_count;
      continue;
    }
    ReceivedMessage message;
    message.type_name = batch.type_names(envelope.type_id());
    message.target_id = target_ids[static_cast<std::size_t>(envelope.target())];
    message.target_request_id = envelope.target_request_id();
    if (envelope.sender() > 0) {
      const actor::PID& sender = batch.senders(envelope.sender() - 1);
      message.sender_address = sender.address();
      message.sender_id = sender.id();
      message.sender_request_id = envelope.sender_request_id();
    }
    message.serializer_id = envelope.serializer_id();
    message.data = std::move(*envelope.mutable_message_data());
    for (const auto& [key, value] : envelope.message_header().header_data()) {
      message.headers.emplace_back(key, value);
    }
    received.messages.push_back(std::move(message));
  }
  return received;
}

}  // namespace

core::Result<Frame> decode_frame(std::string_view bytes) {
  ::remote::RemoteMessage message;
  if (bytes.size() > static_cast<std::size_t>(std::numeric_limits<int>::max()) ||
      !message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return core::Error{core::Errc::invalid_argument,
                       "the peer sent bytes that are no RemoteMessage"};
  }
  switch (message.message_type_case()) {
    case ::remote::RemoteMessage::kMessageBatch:
      return Frame{to_batch(*message.mutable_message_batch())};
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
    case ::remote::RemoteMessage::MESSAGE_TYPE_NOT_SET:
      break;
  }
  return core::Error{core::Errc::invalid_argument, "the peer sent an empty RemoteMessage"};
}

}  // namespace nexus::remote
