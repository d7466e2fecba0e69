// Reads what a failed call tells: the google.rpc.Status that nodes send with every error, or else
// what gRPC itself says. Pure; any thread.
#pragma once

#include <string>

#include "daemon/cli/failure.h"

namespace grpc {
class Status;
}  // namespace grpc

namespace nexus::cli {

// `status` is not OK. `connected` says whether the channel to `node` was up when the call failed.
Failure failure_of(const grpc::Status& status, const std::string& node, bool connected);

}  // namespace nexus::cli
