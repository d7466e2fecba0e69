// GrpcReflectionV1: grpc.reflection.v1.ServerReflection, for tools that ask for v1 first; the library of Debian 12 answers
// v1alpha only. Serves the descriptors that are compiled into this binary.
#pragma once

#include <memory>
#include <string>
#include <vector>

namespace grpc {
class Service;
}

namespace nexus::daemon {

// `services`: full names of what the server offers. The service lives as long as the returned pointer.
std::shared_ptr<grpc::Service> make_reflection_v1(std::vector<std::string> services);

}  // namespace nexus::daemon
