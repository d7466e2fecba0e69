#include "daemon/config/expansion.h"

#include <cstdlib>
#include <utility>

#include "core/base/escape.h"

namespace nexus::daemon {

namespace {

constexpr std::size_t kResultBytesMax = 65536;

core::Error invalid(std::string detail) {
  return core::Error{core::Errc::invalid_argument, std::move(detail)};
}

bool is_name_start(char c) { return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

std::size_t name_bytes(std::string_view text) {
  if (text.empty() || !is_name_start(text.front())) return 0;
  std::size_t bytes = 1;
  while (bytes < text.size() &&
         (is_name_start(text[bytes]) || (text[bytes] >= '0' && text[bytes] <= '9')))
    ++bytes;
  return bytes;
}

// The value of what stands between "${" and "}".
core::Result<std::string> value_of(std::string_view inside, const Environment& environment,
                                   std::vector<std::string>& variables) {
  const std::string name(inside.substr(0, name_bytes(inside)));
  const std::string_view rest = inside.substr(name.size());
  const bool has_default = rest.starts_with(":-");
  const bool has_message = rest.starts_with(":?");
  if (name.empty() || (!rest.empty() && !has_default && !has_message))
    return invalid(core::quoted("${" + std::string(inside) + "}") +
                   " is not ${NAME}, ${NAME:-default} or ${NAME:?message}");
  const std::string_view argument = rest.empty() ? rest : rest.substr(2);
  if (argument.find("${") != std::string_view::npos)
    return invalid("the default or message of ${" + name + "} cannot hold another variable");

  variables.push_back(name);
  const std::optional<std::string> value = environment ? environment(name) : std::nullopt;
  const bool absent = !value || ((has_default || has_message) && value->empty());
  if (!absent) return *value;
  if (has_default) return std::string(argument);
  if (has_message && !argument.empty())
    return invalid("variable ${" + name + "} is not set: " + core::quoted(argument, 256));
  return invalid("variable ${" + name + "} is not set; set it, or give a default: ${" + name +
                 ":-value}");
}

}  // namespace

Environment process_environment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    if (!value) return std::nullopt;
    return value;
  };
}

core::Result<Expanded> expand(std::string_view text, const Environment& environment) {
  Expanded result;
  while (!text.empty()) {
    const std::size_t dollar = text.find('$');
    result.text += text.substr(0, dollar);
    if (dollar == std::string_view::npos) break;
    text.remove_prefix(dollar + 1);
    if (text.starts_with('$')) {
      result.text += '$';
      text.remove_prefix(1);
    } else if (text.starts_with('{')) {
      const std::size_t end = text.find('}');
      if (end == std::string_view::npos)
        return invalid(core::quoted("$" + std::string(text)) + " lacks its closing brace");
      auto value = value_of(text.substr(1, end - 1), environment, result.variables);
      if (!value) return value.error();
      result.text += *value;
      text.remove_prefix(end + 1);
    } else {
      return invalid("a single '$' stands before " + core::quoted(text, 16) +
                     "; write ${NAME} for a variable, $$ for a dollar sign");
    }
    if (result.text.size() > kResultBytesMax) break;
  }
  if (result.text.size() > kResultBytesMax)
    return invalid("the value has more than " + std::to_string(kResultBytesMax) +
                   " bytes after variables were replaced");
  return result;
}

std::string escape_variables(std::string_view text) {
  std::string out;
  for (const char c : text) {
    out += c;
    if (c == '$') out += '$';
  }
  return out;
}

}  // namespace nexus::daemon
