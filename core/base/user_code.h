// failure_of(): the border at which the exceptions of users' code end, where the runtime calls it outside an actor's turn or must
// go on after it.
//
//   any thread
#pragma once

#include <exception>
#include <optional>
#include <string>
#include <utility>

namespace nexus::core {

// What `code` threw, as text; nothing when it threw nothing.
template <typename Code>
[[nodiscard, gnu::always_inline]] inline std::optional<std::string> failure_of(Code&& code) {
  try {
    std::forward<Code>(code)();
    return std::nullopt;
  } catch (const std::exception& exception) {
    return exception.what();
  } catch (...) {
    return "exception that is no std::exception";
  }
}

}  // namespace nexus::core
