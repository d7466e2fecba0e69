#include "cluster/compat/node_health.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <utility>

#include "core/base/escape.h"
#include "protoactor/cluster.pb.h"
#include "remote/block_list.h"

namespace nexus::cluster {
namespace {

namespace json_util = google::protobuf::util;

constexpr std::size_t kTextBytesMax = 255;

core::Error wrong(const std::string& what) {
  return core::Error{core::Errc::invalid_argument, what};
}

bool is_printable(std::string_view text) {
  return !text.empty() && text.size() <= kTextBytesMax &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

// Part of `host:port/actor`.
bool is_host(std::string_view text) {
  return is_printable(text) && text.find('/') == std::string_view::npos;
}

bool is_port(std::int32_t number) { return number > 0 && number <= 65535; }

}  // namespace

std::string to_json(const NodeHealth& health) {
  ::cluster::NodeModel model;
  model.set_id(health.id);
  model.set_address(health.host);
  model.set_auto_manage_port(health.health_port);
  model.set_port(health.port);
  for (const std::string& kind : health.kinds) model.add_kinds(kind);
  model.set_cluster_name(health.cluster);
  json_util::JsonPrintOptions options;
  options.always_print_primitive_fields = true;
  options.preserve_proto_field_names = true;
  std::string text;
  CHECK(json_util::MessageToJsonString(model, &text, options).ok());
  return text;
}

core::Result<NodeHealth> parse_node_health(std::string_view json) {
  ::cluster::NodeModel model;
  json_util::JsonParseOptions options;
  options.ignore_unknown_fields = true;
  const auto read =
      json_util::JsonStringToMessage(std::string(json.data(), json.size()), &model, options);
  if (!read.ok())
    return wrong("no such JSON: " + core::printable(std::string(read.message()), 160));
  if (!remote::BlockList::is_id(model.id())) {
    return wrong(core::quoted(model.id()) + " is no member id");
  }
  if (!is_host(model.address())) return wrong(core::quoted(model.address()) + " is no host");
  if (!is_port(model.port())) return wrong(std::to_string(model.port()) + " is no port");
  if (model.kinds_size() > static_cast<int>(kKindCountMax)) {
    return wrong(std::to_string(model.kinds_size()) + " kinds are more than " +
                 std::to_string(kKindCountMax));
  }
  NodeHealth health;
  health.id = model.id();
  const bool needs_brackets =
      model.address().find(':') != std::string::npos && model.address().front() != '[';
  health.host = needs_brackets ? "[" + model.address() + "]" : model.address();
  health.port = static_cast<std::uint16_t>(model.port());
  if (is_port(model.auto_manage_port())) {
    health.health_port = static_cast<std::uint16_t>(model.auto_manage_port());
  }
  health.kinds.assign(model.kinds().begin(), model.kinds().end());
  health.cluster = model.cluster_name();
  return health;
}

}  // namespace nexus::cluster
