// Text that came from outside (a file, a peer, a user) made safe to put on one line of a log, a
// message or a document. Pure functions; any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace nexus::core {

// Bytes of the well-formed UTF-8 sequence that `text` begins with: 1..4, or 0 if it begins with
// none (overlong forms, surrogates and values above U+10FFFF are not well formed; neither is an
// empty text).
std::size_t utf8_sequence_bytes(std::string_view text);
// Nothing but well-formed sequences.
bool is_utf8(std::string_view text);

// Appends `text` as the inside of a JSON string: quote, backslash and control characters
// (U+0000..U+001F, U+007F..U+009F) escaped, each byte that is not UTF-8 replaced by \ufffd. The
// result is also valid inside a double-quoted YAML scalar.
void append_escaped(std::string& out, std::string_view text);

// `text` escaped, for a message to a person. At most `bytes_max` bytes of it, then "...".
std::string printable(std::string_view text, std::size_t bytes_max = 64);
// The same in double quotes.
std::string quoted(std::string_view text, std::size_t bytes_max = 64);

}  // namespace nexus::core
