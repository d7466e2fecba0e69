// Comparing and hashing short texts, such as names and addresses, without a call. Pure; domain: any bytes, also none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace nexus::core {

namespace internal {

inline std::uint64_t word_at(std::string_view text, std::size_t begin) {
  std::uint64_t word = 0;
  std::memcpy(&word, text.data() + begin, sizeof(word));
  return word;
}

}  // namespace internal

// To call memcmp() takes longer than to compare a name.
inline bool same_text(std::string_view a, std::string_view b) {
  constexpr std::size_t kWord = sizeof(std::uint64_t);
  if (a.size() != b.size()) return false;
  const std::size_t size = a.size();
  if (size < kWord) {
    for (std::size_t i = 0; i < size; ++i) {
      if (a[i] != b[i]) return false;
    }
    return true;
  }
  // The last word first: names that differ mostly do so in their end.
  const std::size_t last = size - kWord;
  if (internal::word_at(a, last) != internal::word_at(b, last)) return false;
  for (std::size_t i = 0; i < last; i += kWord) {
    if (internal::word_at(a, i) != internal::word_at(b, i)) return false;
  }
  return true;
}

// For tables in memory: the value differs between machines of other byte orders. Not against an adversary's choice of texts.
inline std::uint64_t mix_hash(std::uint64_t hash, std::uint64_t word) {
  // Any odd number with many bits set; this one is 2^64 divided by the golden ratio.
  hash = (hash ^ word) * 0x9E3779B97F4A7C15u;
  return hash ^ (hash >> 32);
}

// Eight bytes at a time, the last ones maybe twice.
inline std::uint64_t hash_text(std::string_view text) {
  constexpr std::size_t kWord = sizeof(std::uint64_t);
  std::uint64_t hash = text.size();
  if (text.size() < kWord) {
    for (const char c : text) hash = mix_hash(hash, static_cast<unsigned char>(c));
    return hash;
  }
  const std::size_t last = text.size() - kWord;
  for (std::size_t i = 0; i < last; i += kWord) hash = mix_hash(hash, internal::word_at(text, i));
  return mix_hash(hash, internal::word_at(text, last));
}

}  // namespace nexus::core
