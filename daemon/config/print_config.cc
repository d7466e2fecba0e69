#include "daemon/config/print_config.h"

#include <algorithm>
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

// The maps in the section that `parent` is in and `before` is not; the indent of what stands in `parent`.
std::string open_maps(std::string_view before, std::string_view parent, std::string& out) {
  std::string indent = "  ";
  for (std::size_t at = parent.find('.'); at != std::string_view::npos;) {
    const std::size_t end = std::min(parent.find('.', at + 1), parent.size());
    const std::string_view map = parent.substr(0, end);
    const bool is_open = before == map || before.starts_with(std::string(map) + ".");
    if (!is_open) out += indent + std::string(parent.substr(at + 1, end - at - 1)) + ":\n";
    indent += "  ";
    at = end == parent.size() ? std::string_view::npos : end;
  }
  return indent;
}

std::string section_of(const NodeConfig& config, std::string_view section) {
  std::string out;
  std::string_view before = section;
  for (const NodeOption& option : node_options()) {
    if (option.spec.section() != section) continue;
    const std::string indent = open_maps(before, option.spec.parent(), out);
    out += line(indent, option, config);
    before = option.spec.parent();
  }
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
