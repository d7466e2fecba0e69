#include "daemon/cli/grpc_error.h"

#include <grpcpp/support/status.h>

#include <string_view>

#include "google/rpc/status.pb.h"

namespace nexus::cli {
namespace {

core::Errc errc_of(grpc::StatusCode code) {
  const int number = static_cast<int>(code);
  return number >= 1 && number <= 16 ? static_cast<core::Errc>(number) : core::Errc::unknown;
}

// True when the node sent an ErrorInfo; then `failure` holds what it says.
bool read_details(const std::string& details, Failure& failure) {
  google::rpc::Status status;
  if (details.empty() || !status.ParseFromString(details)) return false;
  for (const google::protobuf::Any& detail : status.details()) {
    google::rpc::ErrorInfo info;
    if (!detail.Is<google::rpc::ErrorInfo>() || !detail.UnpackTo(&info)) continue;
    if (info.reason().empty()) continue;
    failure.reason = info.reason();
    if (!status.message().empty()) failure.message = status.message();
    failure.metadata = {info.metadata().begin(), info.metadata().end()};
    return true;
  }
  return false;
}

// What the operating system said: gRPC puts it after the addresses that it tried.
std::string last_words(std::string_view message) {
  constexpr std::string_view kLastError = "last error: ";
  const std::size_t last = message.find(kLastError);
  if (last != std::string_view::npos) message.remove_prefix(last + kLastError.size());
  const std::size_t colon = message.rfind(": ");
  if (colon != std::string_view::npos) message.remove_prefix(colon + 2);
  return std::string(message);
}

// Whether a connection was given up over its certificates, as far as gRPC tells: a node that does not take ours just hangs up.
bool is_of_tls(std::string_view message) {
  for (const std::string_view words : {"Ssl handshake failed", "is not in peer certificate"}) {
    if (message.find(words) != std::string_view::npos) return true;
  }
  return false;
}

bool starts_with_any(std::string_view text, std::initializer_list<std::string_view> beginnings) {
  for (const std::string_view beginning : beginnings) {
    if (text.starts_with(beginning)) return true;
  }
  return false;
}

}  // namespace

Failure failure_of(const grpc::Status& status, const Connection& connection) {
  const std::string& node = connection.node;
  Failure failure{
      .code = errc_of(status.error_code()), .reason = "", .message = status.error_message()};
  if (read_details(status.error_details(), failure)) return failure;

  if (failure.code == core::Errc::unavailable) {
    if (starts_with_any(failure.message,
                        {"failed to connect", "DNS resolution failed", "empty address list"})) {
      const std::string why = last_words(failure.message);
      const bool hung_up =
          why == "Socket closed" || why == "Connection reset by peer" || why == "Broken pipe";
      const bool of_tls =
          is_of_tls(failure.message) || (connection.tls && (hung_up || why.empty()));
      failure.reason = of_tls ? kReasonTlsFailed : kReasonConnectFailed;
      failure.message = "cannot connect to " + node + ": " +
                        (why.empty() ? "the files of --ca, --cert and --key cannot be used" : why);
    } else {
      failure.reason = kReasonConnectionLost;
      failure.message = "the connection to " + node + " broke: " + failure.message;
    }
  } else if (failure.code == core::Errc::deadline_exceeded && !connection.connected) {
    failure.code = core::Errc::unavailable;
    failure.reason = kReasonConnectFailed;
    failure.message = "cannot connect to " + node + ": no answer within the time allowed";
  } else if (failure.code == core::Errc::deadline_exceeded) {
    failure.message = node + " did not answer within the time allowed";
  }
  return failure;
}

Failure failure_of_newer(const grpc::Status& status, const Connection& connection,
                         const std::string& service) {
  Failure failure = failure_of(status, connection);
  if (failure.code == core::Errc::unimplemented && failure.reason.empty()) {
    failure.reason = kReasonNodeTooOld;
    failure.message =
        "the node at " + connection.node + " is older than this nexusctl: it has no " + service;
  }
  return failure;
}

}  // namespace nexus::cli
