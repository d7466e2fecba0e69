#include "daemon/config/yaml_reader.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <sstream>
#include <unordered_map>
#include <utility>

#include "core/base/escape.h"

namespace nexus::daemon {

namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

Position position_of(const YAML::Mark& mark) {
  if (mark.is_null()) return {};
  return {mark.line + 1, mark.column + 1};
}

// Ends the parse from inside an event: yaml-cpp offers no other way out. Caught in read_yaml().
struct Refused {
  Position at;
  std::string what;
};

// Builds the tree from the parser's events. The events name each key and value with its place,
// which the parser's own tree does not; nor does that tree show a repeated key.
class TreeBuilder final : public YAML::EventHandler {
 public:
  // How many documents have begun.
  int document_count() const { return document_count_; }
  YamlNode take_root() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++document_count_ > 1)
      throw Refused{position_of(mark),
                    "a second document begins here; the file must hold exactly one"};
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    refuse_anchor(mark, anchor);
    add(make(YamlNode::Kind::null, mark));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { refuse_anchor(mark, 1); }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    refuse_anchor(mark, anchor);
    refuse_tag(mark, tag);
    YamlNode node = make(YamlNode::Kind::scalar, mark);
    node.scalar = value;
    add(std::move(node));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(YamlNode::Kind::list, mark, tag, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(YamlNode::Kind::map, mark, tag, anchor);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Frame {
    YamlNode node;
    // Maps only: a key that waits for its value.
    bool has_key = false;
    std::string key;
    Position key_at;
  };

  static void refuse_anchor(const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (anchor != 0)
      throw Refused{position_of(mark),
                    "anchors and aliases (& and *) are not supported; write the value out"};
  }

  static void refuse_tag(const YAML::Mark& mark, const std::string& tag) {
    // What yaml-cpp reports for values without a tag, plain and quoted.
    if (tag.empty() || tag == "?" || tag == "!") return;
    throw Refused{position_of(mark),
                  "the tag " + core::quoted(tag) + " is not supported; remove it"};
  }

  YamlNode make(YamlNode::Kind kind, const YAML::Mark& mark) {
    if (++node_count_ > kYamlNodeCountMax)
      throw Refused{position_of(mark),
                    "there are more than " + std::to_string(kYamlNodeCountMax) + " values"};
    YamlNode node;
    node.kind = kind;
    node.at = position_of(mark);
    return node;
  }

  void open(YamlNode::Kind kind, const YAML::Mark& mark, const std::string& tag,
            YAML::anchor_t anchor) {
    refuse_anchor(mark, anchor);
    refuse_tag(mark, tag);
    if (open_.size() >= kYamlDepthMax)
      throw Refused{position_of(mark),
                    "maps and lists are nested deeper than " + std::to_string(kYamlDepthMax)};
    Frame frame;
    frame.node = make(kind, mark);
    open_.push_back(std::move(frame));
  }

  void close() {
    YamlNode node = std::move(open_.back().node);
    open_.pop_back();
    add(std::move(node));
  }

  void add(YamlNode node) {
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    Frame& parent = open_.back();
    if (parent.node.kind == YamlNode::Kind::list) {
      parent.node.items.push_back(std::move(node));
    } else if (parent.has_key) {
      parent.node.entries.push_back({std::move(parent.key), parent.key_at, std::move(node)});
      parent.has_key = false;
    } else {
      if (node.kind != YamlNode::Kind::scalar)
        throw Refused{node.at, "a key must be a word, not " + std::string(describe(node.kind))};
      parent.key = std::move(node.scalar);
      parent.key_at = node.at;
      parent.has_key = true;
    }
  }

  YamlNode root_;
  std::vector<Frame> open_;
  std::size_t node_count_ = 0;
  int document_count_ = 0;
};

// Whether every byte may stand in a file of ours. yaml-cpp takes byte 4 for the end of the text and
// guesses at what is not UTF-8; both would hide part of what an operator wrote.
bool check_characters(std::string_view text, Problems& problems) {
  Position at{1, 1};
  for (std::size_t i = 0; i < text.size();) {
    const auto first = static_cast<unsigned char>(text[i]);
    const std::size_t bytes = core::utf8_sequence_bytes(text.substr(i));
    if (bytes == 0) {
      problems.add(at, {}, "this byte is not UTF-8 text");
      return false;
    }
    if (first == '\r' && !text.substr(i + 1).starts_with('\n')) {
      problems.add(at, {}, "a carriage return stands alone; end lines with a line feed");
      return false;
    }
    if ((first < 0x20 && first != '\t' && first != '\n' && first != '\r') || first == 0x7F) {
      problems.add(
          at, {},
          "the control character " + core::quoted(text.substr(i, 1)) + " cannot stand here");
      return false;
    }
    if (first == '\n') {
      ++at.line;
      at.column = 1;
    } else {
      at.column += static_cast<int>(bytes);
    }
    i += bytes;
  }
  return true;
}

std::string_view line_at(std::string_view text, int line) {
  for (int i = 1; i < line; ++i) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  return text.substr(0, text.find('\n'));
}

// The likely cause, where what yaml-cpp says would leave an operator guessing.
std::string syntax_hint(std::string_view text, Position at, std::string_view said) {
  const std::string_view line = line_at(text, at.line);
  const std::string_view indent = line.substr(0, line.find_first_not_of(" \t"));
  const auto holds = [&](std::string_view part) {
    return line.find(part) != std::string_view::npos;
  };
  if (indent.find('\t') != std::string_view::npos)
    return " (this line is indented with a tab; YAML wants blanks)";
  if (holds(": [") && holds("]:"))
    return " (an address in brackets needs quotes, for example \"[::1]:7701\")";
  if (holds("${") && said.find("flow") != std::string_view::npos)
    return " (between { } or [ ], a value with a variable needs quotes)";
  if (said == "end of map not found")
    return " (is this line indented like those around it, and does nothing follow a value?)";
  return {};
}

// Depth is at most kYamlDepthMax, so the recursion is bounded.
void drop_repeated_keys(YamlNode& node, const std::string& path, Problems& problems) {
  const auto inside = [&](std::string_view name) {
    return path.empty() ? std::string(name) : path + "." + std::string(name);
  };
  std::unordered_map<std::string, Position> first_at;
  std::vector<YamlEntry> kept;
  for (YamlEntry& entry : node.entries) {
    const auto [first, is_new] = first_at.try_emplace(entry.key, entry.key_at);
    if (!is_new) {
      problems.add(entry.key_at, inside(entry.key),
                   "this key is already set at " + to_string(first->second) + "; keep one of them");
      continue;
    }
    drop_repeated_keys(entry.value, inside(entry.key), problems);
    kept.push_back(std::move(entry));
  }
  node.entries = std::move(kept);
  for (std::size_t i = 0; i < node.items.size(); ++i)
    drop_repeated_keys(node.items[i], inside(std::to_string(i)), problems);
}

}  // namespace

std::string_view describe(YamlNode::Kind kind) {
  switch (kind) {
    case YamlNode::Kind::null:
      return "nothing";
    case YamlNode::Kind::scalar:
      return "text";
    case YamlNode::Kind::list:
      return "a list";
    case YamlNode::Kind::map:
      return "a map";
  }
  return "nothing";
}

std::optional<YamlNode> read_yaml(std::string_view text, Problems& problems) {
  if (text.size() > kYamlBytesMax) {
    problems.add({}, {}, "is larger than " + std::to_string(kYamlBytesMax) + " bytes");
    return std::nullopt;
  }
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  if (!check_characters(text, problems)) return std::nullopt;

  TreeBuilder builder;
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const Refused& refused) {
    problems.add(refused.at, {}, refused.what);
    return std::nullopt;
  } catch (const YAML::Exception& error) {
    const Position at = position_of(error.mark);
    problems.add(
        at, {},
        "not valid YAML: " + core::printable(error.msg, 256) + syntax_hint(text, at, error.msg));
    return std::nullopt;
  } catch (const std::exception& error) {
    problems.add({}, {}, "cannot be parsed: " + core::printable(error.what(), 256));
    return std::nullopt;
  }

  YamlNode root = builder.take_root();
  if (builder.document_count() == 0 || root.kind == YamlNode::Kind::null) {
    problems.add({}, {}, "holds no document; an empty configuration is written {}");
    return std::nullopt;
  }
  drop_repeated_keys(root, {}, problems);
  return root;
}

}  // namespace nexus::daemon
