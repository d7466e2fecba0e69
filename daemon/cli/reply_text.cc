#include "daemon/cli/reply_text.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <google/protobuf/util/json_util.h>

#include <memory>
#include <optional>

#include "daemon/cli/base64.h"
#include "daemon/cli/json_text.h"

namespace nexus::cli {
namespace {

std::string content_type_of(const Payload& payload) {
  if (!payload.content_type.empty()) return payload.content_type;
  return payload.type.empty() ? kContentTypeJson : kContentTypeProtobuf;
}

std::optional<std::string> known_protobuf_as_json(const Payload& payload) {
  const auto* descriptor =
      google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(payload.type);
  if (descriptor == nullptr) return std::nullopt;
  const auto* prototype =
      google::protobuf::MessageFactory::generated_factory()->GetPrototype(descriptor);
  if (prototype == nullptr) return std::nullopt;
  const std::unique_ptr<google::protobuf::Message> message(prototype->New());
  if (!message->ParseFromString(payload.data)) return std::nullopt;
  google::protobuf::util::JsonPrintOptions options;
  options.always_print_primitive_fields = true;
  options.preserve_proto_field_names = true;
  std::string json;
  if (!google::protobuf::util::MessageToJsonString(*message, &json, options).ok())
    return std::nullopt;
  return json;
}

// The reply as JSON, if there is a way to write it so.
std::optional<std::string> as_json(const Payload& reply) {
  const std::string content_type = content_type_of(reply);
  if (content_type == kContentTypeJson) return reply.data;
  if (content_type == kContentTypeProtobuf) return known_protobuf_as_json(reply);
  return std::nullopt;
}

}  // namespace

std::string reply_text(const Payload& reply) {
  if (const auto json = as_json(reply)) return *json + '\n';
  const std::string what = reply.type.empty() ? content_type_of(reply) : reply.type;
  return what + ' ' + base64(reply.data) + '\n';
}

std::string reply_json(const Payload& reply) {
  JsonObject object;
  object.put("type", reply.type).put("content_type", content_type_of(reply));
  const auto json = as_json(reply);
  // What calls itself JSON and is not must not break the line.
  const auto compact = json ? compact_json(*json) : core::Result<std::string>(core::Error{});
  if (compact) {
    object.put_json("message", *compact);
  } else {
    object.put("data_base64", base64(reply.data));
  }
  return object.text() + '\n';
}

}  // namespace nexus::cli
