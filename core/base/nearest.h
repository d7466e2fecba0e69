// nearest(): the known name that a mistyped word most likely meant. Pure; any thread. Costs as
// many steps a name as the product of both lengths: for error messages, never on the message path.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace nexus::core {

// Fewest insertions, deletions, replacements and swaps of neighbouring characters that turn `a`
// into `b`, each place edited at most once; upper and lower case count as equal. Counts bytes.
// Source: optimal string alignment, the restricted form of the Damerau-Levenshtein distance.
std::size_t edit_distance(std::string_view a, std::string_view b);

// The closest of `known` (the first of equals), or empty when none is near: more than a third of
// the word's bytes (at least one, at most three) would have to change, or the word is empty or
// longer than 256 bytes.
std::string nearest(std::string_view word, std::span<const std::string> known);

}  // namespace nexus::core
