#include "daemon/config/option.h"

#include <algorithm>
#include <utility>

#include "core/base/escape.h"
#include "core/base/nearest.h"
#include "daemon/config/units.h"
#include "remote/block_list.h"

namespace nexus::daemon {

namespace {

using std::chrono::milliseconds;

constexpr std::size_t kNameBytesMax = 64;
constexpr std::size_t kPathBytesMax = 4096;

const std::vector<std::string>& level_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (int i = 0; i <= static_cast<int>(core::LogLevel::off); ++i)
      all.emplace_back(core::log_level_name(static_cast<core::LogLevel>(i)));
    return all;
  }();
  return names;
}

// In the order of the enumerators.
const std::vector<std::string>& format_names() {
  static const std::vector<std::string> names = {"text", "json"};
  return names;
}

const std::vector<std::string>& partition_policy_names() {
  static const std::vector<std::string> names = {"keep-majority", "static-quorum", "keep-oldest",
                                                 "none"};
  return names;
}

const std::vector<std::string>& flag_names() {
  static const std::vector<std::string> names = {"false", "true"};
  return names;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

core::Error invalid(std::string detail) {
  return core::Error{core::Errc::invalid_argument, std::move(detail)};
}

// A parse error, and what would be right.
core::Error with_allowed(const core::Error& error, const OptionSpec& spec) {
  return invalid(error.detail + "; allowed: " + allowed_values(spec));
}

core::Result<std::size_t> parse_word(std::string_view text, const std::vector<std::string>& words) {
  const auto found = std::find(words.begin(), words.end(), text);
  if (found != words.end()) return static_cast<std::size_t>(found - words.begin());
  const std::string near = core::nearest(text, words);
  return invalid(core::quoted(text) + " is not one of " + joined(words) +
                 (near.empty() ? "" : " (did you mean " + core::quoted(near) + "?)"));
}

template <typename Number>
core::Status store(const core::Result<Number>& parsed, std::uint64_t number, std::string_view text,
                   const OptionSpec& spec) {
  if (!parsed) return with_allowed(parsed.error(), spec);
  if (number < spec.min || number > spec.max)
    return invalid(core::printable(text) + " is not in " + allowed_values(spec));
  return core::Nothing{};
}

core::Status set(std::string_view text, const OptionSpec& spec, std::string& value) {
  const bool valid = !text.empty() && text.size() <= kNameBytesMax &&
                     std::all_of(text.begin(), text.end(), [](char c) {
                       return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                              (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
                     });
  if (!valid && !(text.empty() && !spec.if_empty.empty()))
    return invalid(core::quoted(text) + " is not a valid name; allowed: " + allowed_values(spec));
  value = text;
  return core::Nothing{};
}

core::Status set(std::string_view text, const OptionSpec& spec, HostPort& value) {
  if (text.empty() && !spec.if_empty.empty()) {
    value = {};
    return core::Nothing{};
  }
  auto parsed = parse_host_port(text);
  if (!parsed) return parsed.error();
  value = std::move(*parsed);
  return core::Nothing{};
}

core::Status set(std::string_view text, const OptionSpec& spec, FilePath& value) {
  const bool valid = text.size() <= kPathBytesMax && text.find('\0') == std::string_view::npos;
  if (!valid || (text.empty() && spec.if_empty.empty()))
    return invalid(core::quoted(text) +
                   " is not the name of a file; allowed: " + allowed_values(spec));
  value.text = text;
  return core::Nothing{};
}

core::Status set(std::string_view text, const OptionSpec& spec, std::vector<std::string>& value) {
  std::vector<std::string> items;
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t comma = rest.find(',');
    const std::string_view item = rest.substr(0, comma);
    const bool ends_in_comma = comma + 1 == rest.size();
    if (!remote::BlockList::is_id(item) || ends_in_comma)
      return invalid(core::quoted(item) + " is not a member id; allowed: " + allowed_values(spec));
    items.emplace_back(item);
    rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
  }
  value = std::move(items);
  return core::Nothing{};
}

core::Status set(std::string_view text, const OptionSpec&, std::vector<HostPort>& value) {
  std::vector<HostPort> items;
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t comma = rest.find(',');
    auto parsed = parse_host_port(rest.substr(0, comma));
    if (!parsed) return parsed.error();
    if (parsed->port == 0) return invalid(core::quoted(rest.substr(0, comma)) + " has no port");
    items.push_back(std::move(*parsed));
    if (comma + 1 == rest.size()) return invalid("an address is missing after the last comma");
    rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
  }
  value = std::move(items);
  return core::Nothing{};
}

core::Status set(std::string_view text, const OptionSpec&, cluster::PartitionPolicy::Kind& value) {
  const auto parsed = parse_word(text, partition_policy_names());
  if (!parsed) return parsed.error();
  value = static_cast<cluster::PartitionPolicy::Kind>(*parsed);
  return core::Nothing{};
}

core::Status set(std::string_view text, const OptionSpec& spec, milliseconds& value) {
  const auto parsed = parse_duration(text);
  auto status = store(parsed, parsed ? static_cast<std::uint64_t>(parsed->count()) : 0, text, spec);
  if (status) value = *parsed;
  return status;
}

core::Status set(std::string_view text, const OptionSpec& spec, std::uint64_t& value) {
  const auto parsed = parse_bytes(text);
  auto status = store(parsed, parsed ? *parsed : 0, text, spec);
  if (status) value = *parsed;
  return status;
}

core::Status set(std::string_view text, const OptionSpec& spec, std::uint32_t& value) {
  const auto parsed = parse_count(text);
  auto status = store(parsed, parsed ? *parsed : 0, text, spec);
  // The range of every count ends below 2^32; a test says so.
  if (status) value = static_cast<std::uint32_t>(*parsed);
  return status;
}

core::Status set(std::string_view text, const OptionSpec&, bool& value) {
  const auto parsed = parse_word(text, flag_names());
  if (!parsed) return parsed.error();
  value = *parsed == 1;
  return core::Nothing{};
}

core::Status set(std::string_view text, const OptionSpec&, core::LogLevel& value) {
  const auto parsed = parse_word(text, level_names());
  if (!parsed) return parsed.error();
  value = static_cast<core::LogLevel>(*parsed);
  return core::Nothing{};
}

core::Status set(std::string_view text, const OptionSpec&, core::LogFormat& value) {
  const auto parsed = parse_word(text, format_names());
  if (!parsed) return parsed.error();
  value = static_cast<core::LogFormat>(*parsed);
  return core::Nothing{};
}

std::string text_of(const std::string& value) { return value; }
std::string text_of(const HostPort& value) { return value.to_string(); }
std::string text_of(const FilePath& value) { return value.text; }
std::string text_of(const std::vector<std::string>& value) {
  std::string text;
  for (const std::string& item : value) text += (text.empty() ? "" : ",") + item;
  return text;
}
std::string text_of(const std::vector<HostPort>& value) {
  std::string text;
  for (const HostPort& item : value) text += (text.empty() ? "" : ",") + item.to_string();
  return text;
}
std::string text_of(cluster::PartitionPolicy::Kind value) {
  return partition_policy_names()[static_cast<std::size_t>(value)];
}
std::string text_of(milliseconds value) { return format_duration(value); }
std::string text_of(std::uint64_t value) { return format_bytes(value); }
std::string text_of(std::uint32_t value) { return std::to_string(value); }
std::string text_of(bool value) { return value ? "true" : "false"; }
std::string text_of(core::LogLevel value) { return std::string(core::log_level_name(value)); }
std::string text_of(core::LogFormat value) {
  return format_names()[static_cast<std::size_t>(value)];
}

template <typename Owner>
core::Status assign_to(const Option<Owner>& option, std::string_view text, Owner& owner) {
  return std::visit([&](const auto& member) { return set(text, option.spec, member.write(owner)); },
                    option.member);
}

template <typename Owner>
std::string text_in(const Option<Owner>& option, const Owner& owner) {
  return std::visit([&](const auto& member) { return text_of(member.read(owner)); }, option.member);
}

}  // namespace

std::string_view type_name(OptionType type) {
  switch (type) {
    case OptionType::name:
      return "name";
    case OptionType::address:
      return "address";
    case OptionType::file:
      return "file";
    case OptionType::member_ids:
    case OptionType::addresses:
      return "list";
    case OptionType::duration:
      return "duration";
    case OptionType::bytes:
      return "bytes";
    case OptionType::count:
      return "count";
    case OptionType::flag:
      return "flag";
    case OptionType::log_level:
    case OptionType::log_format:
    case OptionType::partition_policy:
      return "word";
  }
  return "name";
}

std::string allowed_values(const OptionSpec& spec) {
  switch (spec.type) {
    case OptionType::name:
      return "1.." + std::to_string(kNameBytesMax) + " letters, digits, '.', '_' or '-'" +
             (spec.if_empty.empty() ? "" : ", or empty");
    case OptionType::address:
      return std::string("host:port, port 0..65535") + (spec.if_empty.empty() ? "" : ", or empty");
    case OptionType::file:
      return "1.." + std::to_string(kPathBytesMax) + " bytes" +
             (spec.if_empty.empty() ? "" : ", or empty");
    case OptionType::member_ids:
      return "member ids, each 1.." + std::to_string(remote::BlockList::kIdBytesMax) +
             " printable ASCII characters without space, quote or comma";
    case OptionType::addresses:
      return "addresses host:port, port 1..65535";
    case OptionType::duration:
      return format_duration(milliseconds(spec.min)) + ".." +
             format_duration(milliseconds(spec.max));
    case OptionType::bytes:
      return format_bytes(spec.min) + ".." + format_bytes(spec.max);
    case OptionType::count:
      return std::to_string(spec.min) + ".." + std::to_string(spec.max);
    case OptionType::flag:
      return joined(flag_names());
    case OptionType::log_level:
      return joined(level_names());
    case OptionType::log_format:
      return joined(format_names());
    case OptionType::partition_policy:
      return joined(partition_policy_names());
  }
  return {};
}

std::string expectation(const OptionSpec& spec) {
  const std::string allowed = allowed_values(spec);
  switch (spec.type) {
    case OptionType::name:
      return "a name of " + allowed;
    case OptionType::address:
      return "an address " + allowed;
    case OptionType::file:
      return "the name of a file of " + allowed;
    case OptionType::member_ids:
    case OptionType::addresses:
      return "a list of " + allowed;
    case OptionType::duration:
      return "a duration in " + allowed;
    case OptionType::bytes:
      return "a number of bytes in " + allowed;
    case OptionType::count:
      return "a whole number in " + allowed;
    case OptionType::flag:
    case OptionType::log_level:
    case OptionType::log_format:
    case OptionType::partition_policy:
      return "one of " + allowed;
  }
  return allowed;
}

bool is_list(const OptionSpec& spec) {
  return spec.type == OptionType::member_ids || spec.type == OptionType::addresses;
}

core::Status assign(const NodeOption& option, std::string_view text, NodeConfig& owner) {
  return assign_to(option, text, owner);
}

core::Status assign(const KindOption& option, std::string_view text, KindConfig& owner) {
  return assign_to(option, text, owner);
}

std::string value_text(const NodeOption& option, const NodeConfig& owner) {
  return text_in(option, owner);
}

std::string value_text(const KindOption& option, const KindConfig& owner) {
  return text_in(option, owner);
}

}  // namespace nexus::daemon
