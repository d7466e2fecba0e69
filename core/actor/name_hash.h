// NameHash: where the name of an actor belongs in the table of names. Names that differ in their last character only belong
// together, so that numbered children, which come and go one after the other, lie side by side.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

namespace nexus::core {

struct NameHash {
  explicit NameHash(std::string_view name)
      : NameHash(fold(std::hash<std::string_view>{}(name.substr(0, name.size() - !name.empty()))),
                 name.empty() ? '\0' : name.back()) {}
  // From the family of a name and its last character.
  NameHash(std::uint32_t hash, char last)
      : family(hash),
        tag(static_cast<std::uint8_t>(1 + (hash % 251 + static_cast<unsigned char>(last)) % 255)) {}

  // The same for all names that differ in their last character only. All bits are used.
  std::uint32_t family;
  // Tells neighbours in the alphabet apart. Never 0.
  std::uint8_t tag;

 private:
  static std::uint32_t fold(std::uint64_t hash) {
    return static_cast<std::uint32_t>(hash ^ hash >> 32);
  }
};

}  // namespace nexus::core
