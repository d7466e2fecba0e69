// Reads what a failed call tells: the google.rpc.Status that nodes send with every error, or else
// what gRPC itself says. Pure; any thread.
#pragma once

#include <string>

#include "daemon/cli/failure.h"

namespace grpc {
class Status;
}  // namespace grpc

namespace nexus::cli {

struct Connection {
  std::string node{};
  // Whether the channel was up when the call failed.
  bool connected = false;
  bool tls = false;
};

// `status` is not OK.
Failure failure_of(const grpc::Status& status, const Connection& connection);
// The same of `service`, which older nodes do not have.
Failure failure_of_newer(const grpc::Status& status, const Connection& connection,
                         const std::string& service);

}  // namespace nexus::cli
