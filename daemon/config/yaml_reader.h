// read_yaml(): one YAML document as a tree in which every key knows where it stands. Pure; any
// thread; never throws but for want of memory.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/config/problems.h"

namespace nexus::daemon {

struct YamlEntry;

struct YamlNode {
  // null: nothing stands there, or ~ or null.
  enum class Kind { null, scalar, list, map };

  Kind kind = Kind::null;
  Position at;
  std::string scalar;
  std::vector<YamlNode> items;
  // In the order of the text; no key twice.
  std::vector<YamlEntry> entries;
};

struct YamlEntry {
  std::string key;
  Position key_at;
  YamlNode value;
};

// "a map", "a list", "text", "nothing": for messages.
std::string_view describe(YamlNode::Kind kind);

inline constexpr std::size_t kYamlBytesMax = 1024 * 1024;
inline constexpr std::size_t kYamlDepthMax = 32;
inline constexpr std::size_t kYamlNodeCountMax = 20'000;

// Y1  refused, each with its place: text over kYamlBytesMax, bytes that are not UTF-8, control
//     characters, syntax errors, maps and lists deeper than kYamlDepthMax, more than
//     kYamlNodeCountMax values, no document, a second document.
// Y2  anchors, aliases and tags are refused: a small file cannot unfold into a large tree, and a
//     value means what it shows.
// Y3  a key that repeats one of the same map is a problem that names both places; the first one
//     is kept.
// Returns nullopt when there is no tree to go on with; a tree may come together with problems.
std::optional<YamlNode> read_yaml(std::string_view text, Problems& problems);

}  // namespace nexus::daemon
