// From an Error to what a gRPC client sees: google.rpc.Status with one ErrorInfo{reason, domain: "nexus", metadata}.
#pragma once

#include "core/base/result.h"

namespace grpc {
class Status;
}

namespace nexus::daemon {

// docs/errors.md lists the reasons and their metadata. An error without a reason gets that of its code.
grpc::Status to_grpc_status(const core::Error& error);

}  // namespace nexus::daemon
