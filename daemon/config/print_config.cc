#include "daemon/config/print_config.h"

#include <string_view>

#include "core/base/escape.h"
#include "daemon/config/expansion.h"
#include "daemon/config/option_table.h"

namespace nexus::daemon {

namespace {

// Unlike messages, a document must hold all of it.
std::string double_quoted(std::string_view text) {
  std::string out = "\"";
  core::append_escaped(out, text);
  return out + '"';
}

template <typename Owner>
std::string line(std::string_view indent, const Option<Owner>& option, const Owner& owner) {
  const std::string text = value_text(option, owner);
  if (is_list(option.spec)) {
    std::string items = escape_variables(text);
    // No item has a quote or a comma.
    for (std::size_t at = 0; (at = items.find(',', at)) != std::string::npos; at += 4) {
      items.replace(at, 1, "\", \"");
    }
    return std::string(indent) + std::string(option.spec.key()) + ": [" +
           (items.empty() ? "" : '"' + items + '"') + "]\n";
  }
  const bool is_text = option.spec.type == OptionType::name ||
                       option.spec.type == OptionType::address ||
                       option.spec.type == OptionType::file;
  return std::string(indent) + std::string(option.spec.key()) + ": " +
         (is_text ? double_quoted(escape_variables(text)) : text) + "\n";
}

std::string kinds_of(const NodeConfig& config) {
  std::string out;
  for (const auto& [name, kind] : config.kinds) {
    out += "  " + double_quoted(name) + ":\n";
    for (const KindOption& option : kind_options()) out += line("    ", option, kind);
  }
  return out;
}

std::string section_of(const NodeConfig& config, std::string_view section) {
  std::string out;
  for (const NodeOption& option : node_options())
    if (option.spec.section() == section) out += line("  ", option, config);
  return out;
}

}  // namespace

std::string print_config(const NodeConfig& config) {
  std::string out;
  for (const SectionSpec& section : sections()) {
    const std::string body =
        section.name == "kinds" ? kinds_of(config) : section_of(config, section.name);
    out += std::string(section.name) + (body.empty() ? ": {}\n" : ":\n" + body);
  }
  return out;
}

}  // namespace nexus::daemon
