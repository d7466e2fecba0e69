// RemoteNode: an actor system that other nodes of the test reach over loopback gRPC: what a daemon is to its peers.
//
//   all calls   the test's thread
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "remote/remote.h"
#include "tests/support/test_system.h"

namespace grpc {
class Server;
class ServerCredentials;
}  // namespace grpc

namespace nexus::remote {

// `127.0.0.1:port`, free at this moment and not given out before.
std::string free_address();

class RemoteNode {
 public:
  struct Settings {
    Options remote;
    core::ActorSystem::Options system;
    std::string address = free_address();
    std::string member_id = "11111111111111111111111111111111";
    // Null: plaintext.
    std::shared_ptr<TlsIdentity> tls{};
  };

  // Serves at once. Knows nexus.v1.CounterRequest and CounterReply.
  explicit RemoteNode(Settings settings);
  // stop(), unless it has ended.
  ~RemoteNode();

  const std::string& address() const { return settings_.address; }
  core::ActorSystem* operator->() { return system_.get(); }
  core::ActorSystem& operator*() { return *system_; }
  Remote& remote() { return *remote_; }
  core::Pid pid(const std::string& id) const { return core::Pid::of_name(address(), id); }
  core::Pid spawn(core::Props props, const std::string& name = {});

  // An orderly end: says goodbye. False when something was left unsent, or unread by peers, after `patience`.
  bool stop(core::Duration patience = std::chrono::seconds(5));
  // All connections break, and nobody is told why.
  void crash();
  // Breaks the connections to this node and serves again, as the same incarnation.
  void drop_connections();

 private:
  void serve();
  void end();

  const Settings settings_;
  std::unique_ptr<core::ActorSystem> system_;
  std::unique_ptr<Remote> remote_;
  // Asked by the server for as long as that exists.
  std::shared_ptr<grpc::ServerCredentials> credentials_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace nexus::remote
