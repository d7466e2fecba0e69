#include "daemon/payload_codec.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <google/protobuf/util/json_util.h>

#include <memory>

namespace nexus::daemon {
namespace {

namespace pb = google::protobuf;

std::unique_ptr<pb::Message> make_message(const std::string& type_name) {
  const pb::Descriptor* descriptor =
      pb::DescriptorPool::generated_pool()->FindMessageTypeByName(type_name);
  if (descriptor == nullptr) return nullptr;
  const pb::Message* prototype = pb::MessageFactory::generated_factory()->GetPrototype(descriptor);
  return prototype == nullptr ? nullptr : std::unique_ptr<pb::Message>(prototype->New());
}

core::Error unknown_type(const std::string& type_name) {
  return {core::Errc::invalid_argument,
          "this node was not compiled with the protobuf message " + type_name};
}

}  // namespace

bool knows_protobuf(const std::string& type_name) { return make_message(type_name) != nullptr; }

core::Result<std::string> json_to_protobuf(const std::string& type_name, std::string_view json) {
  const auto message = make_message(type_name);
  if (message == nullptr) return unknown_type(type_name);
  const auto status =
      pb::util::JsonStringToMessage(pb::StringPiece(json.data(), json.size()), message.get());
  if (!status.ok()) {
    return core::Error{core::Errc::invalid_argument,
                       "the JSON is no " + type_name + ": " + std::string(status.message())};
  }
  return message->SerializeAsString();
}

core::Result<std::string> protobuf_to_json(const std::string& type_name, const std::string& bytes) {
  const auto message = make_message(type_name);
  if (message == nullptr) return unknown_type(type_name);
  if (!message->ParseFromString(bytes)) {
    return core::Error{core::Errc::invalid_argument, "the bytes are no " + type_name};
  }
  pb::util::JsonPrintOptions options;
  options.always_print_primitive_fields = true;
  options.preserve_proto_field_names = true;
  std::string json;
  const auto status = pb::util::MessageToJsonString(*message, &json, options);
  if (!status.ok()) {
    return core::Error{core::Errc::internal, "the " + type_name + " cannot be written as JSON: " +
                                                 std::string(status.message())};
  }
  return json;
}

}  // namespace nexus::daemon
