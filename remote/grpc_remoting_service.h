// GrpcRemotingService: the server side of remote.Remoting: takes the streams that peers open.
//
//   all calls   any thread
#pragma once

#include <memory>

#include "remote/inbound_stream.h"

namespace grpc {
class Service;
}

namespace nexus::remote {

class GrpcRemotingService {
 public:
  // `shared` must outlive it.
  explicit GrpcRemotingService(InboundStream::Shared& shared);
  ~GrpcRemotingService();

  // To be registered with the node's server; lives as long as this object.
  grpc::Service& service();

  // Tells every peer that this node ends the link for good, and takes no new streams.
  void say_goodbye();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace nexus::remote
