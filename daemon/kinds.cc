#include "daemon/kinds.h"

#include "daemon/payload_codec.h"

namespace nexus::daemon {
namespace {

core::Error unreadable(std::string detail) {
  return {core::Errc::invalid_argument, std::move(detail), "INVALID_PAYLOAD"};
}

std::string list_of(const std::vector<const core::MessageType*>& types) {
  std::string text;
  for (const core::MessageType* type : types)
    text += (text.empty() ? "" : ", ") + type->wire_name();
  return text;
}

core::Result<core::EnvelopePtr> read_payload(const std::string& kind,
                                             const std::vector<const core::MessageType*>& accepted,
                                             const core::Payload& payload) {
  const core::MessageType* type = payload.type.empty() ? accepted.front() : nullptr;
  for (const core::MessageType* candidate : accepted) {
    if (candidate->wire_name() == payload.type) type = candidate;
  }
  if (type == nullptr) {
    return unreadable("kind " + kind + " takes " + list_of(accepted) + ", not " + payload.type);
  }
  core::EnvelopePtr envelope;
  if (payload.content_type == core::Payload::kJson) {
    core::Result<std::string> bytes = json_to_protobuf(type->wire_name(), payload.data);
    if (!bytes.ok()) return unreadable(bytes.error().detail);
    envelope = type->decode(*bytes);
  } else if (payload.content_type == core::Payload::kProtobuf) {
    envelope = type->decode(payload.data);
  } else {
    return unreadable("kind " + kind + " takes application/json and application/x-protobuf, not " +
                      payload.content_type);
  }
  if (envelope == nullptr) return unreadable("the bytes are no " + type->wire_name());
  return envelope;
}

core::Result<core::Payload> write_payload(const core::Envelope& answer,
                                          const std::string& content_type) {
  if (!answer.type().remotable()) {
    return core::Error{core::Errc::internal, "the answer is a " + answer.type().cpp_name() +
                                                 ", which cannot leave the process"};
  }
  core::Payload payload{answer.type().wire_name(), core::Payload::kProtobuf, {}};
  if (!answer.type().encode(answer.message(), &payload.data)) {
    return core::Error{core::Errc::internal, "the answer cannot be encoded"};
  }
  if (content_type != core::Payload::kJson) return payload;
  core::Result<std::string> json = protobuf_to_json(payload.type, payload.data);
  if (!json.ok()) return json.error();
  return core::Payload{payload.type, core::Payload::kJson, std::move(*json)};
}

}  // namespace

Kind& Kind::accepts(const core::MessageType& type) {
  accepted_.push_back(&type);
  return *this;
}

core::PropsPtr Kind::make_props(std::uint32_t mailbox_user_count_max) const {
  core::Props props = props_;
  props.kind = name_;
  if (mailbox_user_count_max != 0) props.mailbox_user_count_max = mailbox_user_count_max;
  if (!accepted_.empty()) {
    props.read_payload = [kind = name_, accepted = accepted_](const core::Payload& payload) {
      return read_payload(kind, accepted, payload);
    };
    props.write_payload = &write_payload;
  }
  return core::share(std::move(props));
}

Kind& Kinds::add(std::string name, core::Props props, std::string description) {
  kinds_.erase(name);
  return kinds_.try_emplace(name, name, std::move(props), std::move(description)).first->second;
}

const Kind* Kinds::find(const std::string& name) const {
  const auto found = kinds_.find(name);
  return found == kinds_.end() ? nullptr : &found->second;
}

std::vector<std::string> Kinds::names() const {
  std::vector<std::string> names;
  for (const auto& [name, kind] : kinds_) names.push_back(name);
  return names;
}

}  // namespace nexus::daemon
