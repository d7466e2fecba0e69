// Result<T>: the outcome of a control-path call (configuration, spawn, join): a value, or an Error that an operator can
// act on. The message path uses closed enums instead.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "core/base/check.h"

namespace nexus::core {

// One code each maps to exactly one gRPC status code of the same name.
enum class Errc : std::uint8_t {
  cancelled = 1,
  unknown = 2,
  invalid_argument = 3,
  deadline_exceeded = 4,
  not_found = 5,
  already_exists = 6,
  permission_denied = 7,
  resource_exhausted = 8,
  failed_precondition = 9,
  aborted = 10,
  out_of_range = 11,
  unimplemented = 12,
  internal = 13,
  unavailable = 14,
  data_loss = 15,
  unauthenticated = 16,
};

struct Error {
  Errc code = Errc::unknown;
  // What happened and what to do about it, in one sentence for an operator.
  std::string detail;
  // A stable word for programs, for example ACTOR_NOT_FOUND; empty where no program is meant to tell cases apart.
  std::string reason{};
  // What belongs to the reason, for example the nearest known name.
  std::map<std::string, std::string> metadata{};
};

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  // Only when ok().
  T& value() {
    CHECK(ok());
    return std::get<0>(state_);
  }
  const T& value() const {
    CHECK(ok());
    return std::get<0>(state_);
  }
  T& operator*() { return value(); }
  const T& operator*() const { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  // Only when not ok().
  const Error& error() const {
    CHECK(!ok());
    return std::get<1>(state_);
  }

 private:
  std::variant<T, Error> state_;
};

struct Nothing {};
// The outcome of a call that has no value to give back.
using Status = Result<Nothing>;

}  // namespace nexus::core
