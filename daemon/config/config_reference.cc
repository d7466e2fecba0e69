#include "daemon/config/config_reference.h"

#include <string_view>

#include "daemon/config/option_table.h"
#include "daemon/config/problems.h"
#include "daemon/config/yaml_reader.h"

namespace nexus::daemon {

namespace {

constexpr std::string_view kHead = R"(# Configuration reference

`nexusd --config-reference` prints this page. `config/node.yaml` is an example that shows every key at its default.
`nexusd --check -c FILE` checks a file without starting anything; `--print-config` shows the values in effect.

The file is one YAML document: a map of the sections below. Every section and every key may be left out and then has its
default. Nothing is ignored: an unknown or repeated key, a wrong type or a value out of range is an error that names the
line and column of the key, and the node does not start.

## How values are written

| type | written as |
| --- | --- |
| name | letters, digits, `.`, `_` and `-` |
| address | `host:port`; an IPv6 address stands in brackets, and the whole in quotes: `"[::1]:7701"` |
| file | its name, absolute or relative to where the node is started |
| list | items in brackets, `["a", "b"]`, or one a line, each behind `- ` |
| duration | a whole number and a unit: `200ms`, `5s`, `10m`, `1h` |
| bytes | a whole number of bytes, or one with a power of 1024: `3500000`, `512KiB`, `4MiB`, `1GiB` |
| count | a whole number |
| flag | `true` or `false` |
| word | one of the words listed |

Any value may hold environment variables. They are put in after the YAML has been read, so a variable is always part of
one value and can never add a key. Between `{ }` or `[ ]`, a value with a variable needs quotes.

| written | becomes |
| --- | --- |
| `${NAME}` | the variable's value; an error when it is not set |
| `${NAME:-default}` | the default when the variable is not set or empty |
| `${NAME:?message}` | an error with this message when the variable is not set or empty |
| `$$` | one `$` |

Anchors, aliases and tags of YAML are refused.
)";

// Text with a pipe in it would end the cell.
std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

std::string code(std::string_view text) { return "`" + cell(text) + "`"; }

template <typename Owner>
std::string row(const Option<Owner>& option) {
  const OptionSpec& spec = option.spec;
  const std::string value = value_text(option, Owner{});
  const std::string shown = value.empty() ? "empty: " + cell(spec.if_empty) : code(value);
  std::string allowed = allowed_values(spec);
  if (!spec.unit.empty()) allowed += " " + std::string(spec.unit);
  return "| " + code(spec.path) + " | " + std::string(type_name(spec.type)) + " | " + shown +
         " | " + cell(allowed) + " | " + cell(spec.doc) + " |\n";
}

}  // namespace

std::string config_reference() {
  std::string out(kHead);
  out += "A file has at most " + std::to_string(kYamlBytesMax / 1024) + " KiB, maps at most " +
         std::to_string(kYamlDepthMax) + " levels.\nOf many problems the first " +
         std::to_string(Problems::kShownMax) + " are shown.\n";
  for (const SectionSpec& section : sections()) {
    out += "\n## " + std::string(section.name) + "\n\n" + std::string(section.doc) + "\n";
    std::string rows;
    if (section.name == "kinds")
      for (const KindOption& option : kind_options()) rows += row(option);
    for (const NodeOption& option : node_options())
      if (option.spec.section() == section.name) rows += row(option);
    if (rows.empty()) continue;
    out +=
        "\n| key | type | default | allowed | meaning |\n| --- | --- | --- | --- | --- |\n" + rows;
  }
  return out;
}

}  // namespace nexus::daemon
