#include "daemon/config/load_config.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>
#include <span>

#include "core/base/escape.h"
#include "core/base/nearest.h"
#include "daemon/config/checks.h"
#include "daemon/config/config_file.h"
#include "daemon/config/option_table.h"
#include "daemon/config/yaml_reader.h"

namespace nexus::daemon {

namespace {

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

// A host's name as a node's name: what a node's name may not hold becomes '-'.
std::string host_name() {
  std::array<char, 65> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "node";
  std::string result = name.data();
  for (char& c : result) {
    const bool allowed = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                         (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
    if (!allowed) c = '-';
  }
  return result.empty() ? "node" : result;
}

// One pass over the tree: each method stores what is right of its part and reports what is not.
class ConfigReader {
 public:
  ConfigReader(const LoadOptions& options, Problems& problems)
      : options_(options),
        environment_(options.environment ? options.environment : process_environment()),
        problems_(problems) {}

  NodeConfig read(const YamlNode& root) {
    if (root.kind != YamlNode::Kind::map) {
      problems_.add(root.at, {},
                    "expected a map with the sections " + joined(section_names()) + "; found " +
                        std::string(describe(root.kind)));
      return config_;
    }
    for (const YamlEntry& entry : root.entries) read_section(entry);
    check_rules(config_, places_, problems_);
    if (config_.node.name.empty())
      config_.node.name = options_.host_name.empty() ? host_name() : options_.host_name;
    if (problems_.empty() && options_.look_further) {
      for (KeyProblem& problem : options_.look_further(config_)) {
        const auto place = places_.at.find(problem.path);
        problems_.add(place == places_.at.end() ? Position{} : place->second,
                      std::move(problem.path), std::move(problem.what));
      }
    }
    return config_;
  }

 private:
  static std::vector<std::string> section_names() {
    std::vector<std::string> names;
    for (const SectionSpec& section : sections()) names.emplace_back(section.name);
    return names;
  }

  void read_section(const YamlEntry& section) {
    const std::vector<std::string> names = section_names();
    if (std::find(names.begin(), names.end(), section.key) == names.end()) {
      unknown(section, {}, names, "section");
      return;
    }
    if (!is_map(section, section.key)) return;
    if (section.key == "kinds") {
      for (const YamlEntry& kind : section.value.entries) read_kind(kind);
      return;
    }
    std::vector<const NodeOption*> known;
    for (const NodeOption& option : node_options())
      if (option.spec.section() == section.key) known.push_back(&option);
    read_options(section, section.key, section.key, known, config_);
  }

  void read_kind(const YamlEntry& kind) {
    if (std::find(options_.kinds.begin(), options_.kinds.end(), kind.key) == options_.kinds.end()) {
      unknown(kind, "kinds", options_.kinds, "kind");
      return;
    }
    const std::string path = "kinds." + kind.key;
    if (!is_map(kind, path)) return;
    std::vector<const KindOption*> known;
    for (const KindOption& option : kind_options()) known.push_back(&option);
    read_options(kind, path, "kinds.<kind>", known, config_.kinds[kind.key]);
  }

  // `path`: of the map that is read, as messages name it. `table_path`: as the table does.
  // `known`: the options below it.
  template <typename Owner>
  void read_options(const YamlEntry& parent, const std::string& path, const std::string& table_path,
                    const std::vector<const Option<Owner>*>& known, Owner& owner) {
    for (const YamlEntry& entry : parent.value.entries) {
      const std::string entry_path = path + "." + entry.key;
      const std::string entry_table_path = table_path + "." + entry.key;
      std::vector<const Option<Owner>*> below;
      const Option<Owner>* found = nullptr;
      std::vector<std::string> names;
      for (const Option<Owner>* option : known) {
        if (option->spec.path == entry_table_path) found = option;
        if (option->spec.path.starts_with(entry_table_path + ".")) below.push_back(option);
        const std::string_view rest = option->spec.path.substr(table_path.size() + 1);
        std::string name(rest.substr(0, rest.find('.')));
        if (names.empty() || names.back() != name) names.push_back(std::move(name));
      }
      if (found != nullptr) {
        read_value(entry, entry_path, *found, owner);
      } else if (below.empty()) {
        unknown(entry, path, names, "key");
      } else if (is_map(entry, entry_path)) {
        read_options(entry, entry_path, entry_table_path, below, owner);
      }
    }
  }

  template <typename Owner>
  void read_value(const YamlEntry& entry, const std::string& path, const Option<Owner>& option,
                  Owner& owner) {
    places_.at[path] = entry.key_at;
    const auto reject = [&](std::string what) {
      places_.unusable.insert(path);
      problems_.add(entry.key_at, path, std::move(what));
    };
    if (entry.value.kind == YamlNode::Kind::null) {
      reject("has no value; expected " + expectation(option.spec));
      return;
    }
    const auto text = text_of(entry.value, option.spec);
    if (!text) {
      reject(text.error().detail);
      return;
    }
    const auto status = assign(option, text->text, owner);
    if (status) return;
    std::string what = status.error().detail;
    for (std::size_t i = 0; i < text->variables.size(); ++i)
      what += (i == 0 ? " (from ${" : ", ${") + core::printable(text->variables[i]) + "}";
    if (!text->variables.empty()) what += ")";
    reject(std::move(what));
  }

  // What assign() takes: the value, or the items of a list with commas between them, with their variables put in.
  core::Result<Expanded> text_of(const YamlNode& value, const OptionSpec& spec) const {
    const auto unexpected = [&](const YamlNode& node) {
      return core::Error{
          core::Errc::invalid_argument,
          "expected " + expectation(spec) + "; found " + std::string(describe(node.kind))};
    };
    if (!is_list(spec)) {
      if (value.kind != YamlNode::Kind::scalar) return unexpected(value);
      return expand(value.scalar, environment_);
    }
    if (value.kind != YamlNode::Kind::list) return unexpected(value);
    Expanded joined;
    for (const YamlNode& item : value.items) {
      if (item.kind != YamlNode::Kind::scalar) return unexpected(item);
      auto expanded = expand(item.scalar, environment_);
      if (!expanded) return expanded.error();
      // It would vanish between the commas, or become two.
      if (expanded->text.empty() || expanded->text.find(',') != std::string::npos) {
        return core::Error{core::Errc::invalid_argument,
                           core::quoted(expanded->text) + " can be no item of the list; expected " +
                               expectation(spec)};
      }
      joined.text += (joined.text.empty() ? "" : ",") + expanded->text;
      for (std::string& variable : expanded->variables) {
        joined.variables.push_back(std::move(variable));
      }
    }
    return joined;
  }

  // A section or kind without a value is an empty one: all its lines may be commented out.
  bool is_map(const YamlEntry& entry, const std::string& path) {
    if (entry.value.kind == YamlNode::Kind::map || entry.value.kind == YamlNode::Kind::null)
      return true;
    problems_.add(entry.key_at, path,
                  "expected a map of keys; found " + std::string(describe(entry.value.kind)));
    return false;
  }

  // `what`: what the key was expected to name.
  void unknown(const YamlEntry& entry, const std::string& path,
               const std::vector<std::string>& known, std::string_view what) {
    std::string message = "unknown " + std::string(what);
    const std::string near = core::nearest(entry.key, known);
    const std::string elsewhere = path_of_key(entry.key);
    if (!near.empty())
      message += " (did you mean " + core::quoted(near) + "?)";
    else if (!elsewhere.empty())
      message += " (did you mean " + core::quoted(elsewhere) + "?)";
    else if (known.empty())
      message += "; none is known here";
    else
      message += "; known here: " + joined(known);
    problems_.add(entry.key_at, path.empty() ? entry.key : path + "." + entry.key, message);
  }

  // The path of an option of this name in any section: the key may stand in the wrong place.
  static std::string path_of_key(std::string_view key) {
    for (const NodeOption& option : node_options())
      if (option.spec.key() == key) return std::string(option.spec.path);
    return {};
  }

  const LoadOptions& options_;
  const Environment environment_;
  Problems& problems_;
  NodeConfig config_;
  KeyPlaces places_;
};

}  // namespace

core::Result<NodeConfig> load_config(const std::string& path, const LoadOptions& options) {
  const auto text = read_config_file(path, kYamlBytesMax);
  if (!text) return text.error();
  return load_config_text(*text, path, options);
}

core::Result<NodeConfig> load_config_text(std::string_view text, std::string_view source,
                                          const LoadOptions& options) {
  Problems problems;
  const std::optional<YamlNode> root = read_yaml(text, problems);
  if (!root) return problems.report(source);
  NodeConfig config = ConfigReader(options, problems).read(*root);
  if (!problems.empty()) return problems.report(source);
  return config;
}

}  // namespace nexus::daemon
