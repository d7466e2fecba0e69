// GrpcRemotingService: the server side of remote.Remoting: takes the streams that peers open, and answers their
// tools.
//
//   add_to(), start()   once, in this order, the server being started in between
//   say_goodbye()       any thread
#pragma once

#include <memory>

#include "remote/grpc_poller.h"
#include "remote/inbound_stream.h"
#include "remote/process_diagnostics.h"

namespace grpc {
class ServerBuilder;
}

namespace nexus::remote {

class GrpcRemotingService {
 public:
  // Both must outlive it.
  GrpcRemotingService(InboundStream::Shared& shared, ProcessDiagnostics& diagnostics);
  ~GrpcRemotingService();

  // The server that is built must end before this does.
  void add_to(grpc::ServerBuilder& builder);
  // The poller must have been drained before this ends.
  void start(GrpcPoller& poller);

  // Before the poller is shut down: nothing is answered any more.
  void end();

  // Tells every peer that this node ends the link for good, and takes no new streams.
  void say_goodbye();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace nexus::remote
