#include "daemon/grpc_error.h"

#include <grpcpp/support/status.h>

#include "google/rpc/status.pb.h"

namespace nexus::daemon {
namespace {

std::string reason_of(core::Errc code) {
  switch (code) {
    case core::Errc::invalid_argument:
      return "INVALID_REQUEST";
    case core::Errc::resource_exhausted:
      return "OVERLOADED";
    default:
      return "INTERNAL";
  }
}

}  // namespace

grpc::Status to_grpc_status(const core::Error& error) {
  const auto code = static_cast<grpc::StatusCode>(error.code);
  google::rpc::Status status;
  status.set_code(static_cast<int>(code));
  status.set_message(error.detail);
  google::rpc::ErrorInfo info;
  info.set_reason(error.reason.empty() ? reason_of(error.code) : error.reason);
  info.set_domain("nexus");
  for (const auto& [key, value] : error.metadata) (*info.mutable_metadata())[key] = value;
  status.add_details()->PackFrom(info);
  // What may succeed by itself a little later.
  if (code == grpc::StatusCode::RESOURCE_EXHAUSTED || code == grpc::StatusCode::UNAVAILABLE) {
    google::rpc::RetryInfo retry;
    retry.mutable_retry_delay()->set_nanos(200'000'000);
    status.add_details()->PackFrom(retry);
  }
  return grpc::Status(code, error.detail, status.SerializeAsString());
}

}  // namespace nexus::daemon
