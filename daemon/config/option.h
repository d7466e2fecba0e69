// Option: one thing that may stand in a configuration, and how its value is written. To add a type of value, add it to OptionType,
// to Option::member, and to the functions of option.cc. Constant data and pure functions; any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/base/result.h"
#include "daemon/config/node_config.h"

namespace nexus::daemon {

// How a value is written. Each corresponds to one C++ type, see type_of() in option_table.cc.
enum class OptionType {
  name,
  address,
  file,
  member_ids,
  addresses,
  duration,
  bytes,
  count,
  flag,
  log_level,
  log_format,
  partition_policy
};

// What is known of an option besides where its value lives.
struct OptionSpec {
  // For example core.workers. In the options of a kind the second part is <kind>. What stands between the first part and the last
  // are maps in the section.
  std::string_view path;
  // Set from the type of the member.
  OptionType type = OptionType::name;
  // What a count counts; empty for other types.
  std::string_view unit{};
  // Inclusive. Counts as they are, bytes in bytes, durations in milliseconds; unused for other
  // types.
  std::uint64_t min = 0;
  std::uint64_t max = 0;
  // What an empty text means; when this is empty, an empty text is an error.
  std::string_view if_empty{};
  // One sentence or more for the reference page.
  std::string_view doc;

  // The last part of the path.
  std::string_view key() const { return path.substr(path.rfind('.') + 1); }
  // The first part.
  std::string_view section() const { return path.substr(0, path.find('.')); }
  // What stands before the last part: "cluster.compat.protoactor".
  std::string_view parent() const { return path.substr(0, path.rfind('.')); }
};

// Where a value of type T lives in an Owner.
template <typename Owner, typename T>
struct Member {
  T& (*write)(Owner&);
  const T& (*read)(const Owner&);
};

template <typename Owner>
struct Option {
  OptionSpec spec;
  std::variant<Member<Owner, std::string>, Member<Owner, HostPort>, Member<Owner, FilePath>,
               Member<Owner, std::vector<std::string>>, Member<Owner, std::vector<HostPort>>,
               Member<Owner, cluster::PartitionPolicy::Kind>,
               Member<Owner, std::chrono::milliseconds>, Member<Owner, std::uint64_t>,
               Member<Owner, std::uint32_t>, Member<Owner, bool>, Member<Owner, core::LogLevel>,
               Member<Owner, core::LogFormat>>
      member;
};

using NodeOption = Option<NodeConfig>;
using KindOption = Option<KindConfig>;

// What the reference calls the type: "duration".
std::string_view type_name(OptionType type);
// The allowed values: "1s..10m", "true, false".
std::string allowed_values(const OptionSpec& spec);
// The same with what they are, to follow "expected": "a duration in 1s..10m".
std::string expectation(const OptionSpec& spec);

// Written as a YAML list; its items, joined by commas, are the text that assign() takes.
bool is_list(const OptionSpec& spec);

// Parses `text` and stores it. On an error `owner` is as before, and the detail says what is wrong
// and what is allowed.
core::Status assign(const NodeOption& option, std::string_view text, NodeConfig& owner);
core::Status assign(const KindOption& option, std::string_view text, KindConfig& owner);

// The value as assign() takes it.
std::string value_text(const NodeOption& option, const NodeConfig& owner);
std::string value_text(const KindOption& option, const KindConfig& owner);

}  // namespace nexus::daemon
