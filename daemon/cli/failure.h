// Failure: why a command did not do what it was asked for, told so that its reader knows what to do
// next. Pure; any thread.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "core/base/result.h"

namespace nexus::cli {

enum ExitCode : int {
  kExitOk = 0,
  kExitError = 1,
  kExitUsage = 2,
  kExitUnavailable = 3,
  kExitNotFound = 4,
  kExitDeadlineExceeded = 5,
};

struct Failure {
  core::Errc code = core::Errc::unknown;
  // A stable word: the node's (ACTOR_NOT_FOUND), one of kReason* below, or empty; then the name of
  // the code stands in.
  std::string reason{};
  std::string message{};
  // What the node said besides, for example stage=queued.
  std::map<std::string, std::string> metadata{};
};

// Reasons that no node sends.
inline constexpr const char* kReasonUsage = "USAGE";
inline constexpr const char* kReasonNotJson = "NOT_JSON";
inline constexpr const char* kReasonConnectFailed = "CONNECT_FAILED";
inline constexpr const char* kReasonConnectionLost = "CONNECTION_LOST";
inline constexpr const char* kReasonTlsFailed = "TLS_FAILED";
// Join was asked for, and has not come about within the time allowed.
inline constexpr const char* kReasonJoinPending = "JOIN_PENDING";
// The node does not have the service that was called.
inline constexpr const char* kReasonNodeTooOld = "NODE_TOO_OLD";

// The outcome of a call to a node: `value` counts only when there is no failure.
template <typename T>
struct Outcome {
  T value{};
  std::optional<Failure> failure{};

  Outcome() = default;
  Outcome(T v) : value(std::move(v)) {}
  Outcome(Failure f) : failure(std::move(f)) {}
  bool ok() const { return !failure.has_value(); }
};

// The command line asks for what cannot be: ends with exit code 2.
Failure usage_failure(std::string message);

ExitCode exit_code(const Failure& failure);
// NOT_FOUND for core::Errc::not_found, and so on.
std::string code_name(core::Errc code);
// What the user can do about it; empty when there is nothing to say.
std::string hint(const Failure& failure);

// For people: `nexusctl: REASON: message`, a line for each piece of metadata, and the hint. Ends
// with a newline.
std::string failure_text(const Failure& failure);
// For programs: one object on one line, {"error":{code,reason,message,metadata,hint}}. Ends with a
// newline.
std::string failure_json(const Failure& failure);

}  // namespace nexus::cli
