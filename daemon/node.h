// Node: one node of nexus: configuration, runtime, links to peers and the door for clients, built bottom-up and stopped
// top-down. Two nodes in one process are independent of each other.
//
// A binary of your own is a node with your kinds:
//
//   int main(int argc, char** argv) {
//     nexus::Node node;
//     node.add_kind("greeter", nexus::core::props<Greeter>(), "greets");
//     return node.run(argc, argv);
//   }
//
//   all calls   one thread, unless said otherwise
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/actor/actor.h"
#include "core/actor/context.h"
#include "core/actor/props.h"
#include "core/actor_system.h"
#include "core/base/result.h"
#include "daemon/config/node_config.h"
#include "daemon/exit_codes.h"
#include "daemon/kinds.h"

namespace nexus::cluster {
class Cluster;
}

namespace nexus::remote {
class Remote;
}

namespace nexus::daemon {

class Node {
 public:
  // Has the built-in kinds `echo` and `counter`.
  Node();
  // stop(), if it is running. After a missed deadline it waits for the turns that are still running.
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  // Before run() or start(). The name: as an actor's name. Replaces a kind of the same name.
  Kind& add_kind(const std::string& name, core::Props props, const std::string& description = "");
  // Before run() or start(). Messages of this type that peers send arrive as a T and not as a core::Payload. What a kind
  // accepts is known anyway.
  template <typename T>
  void add_message() {
    messages_.push_back(&core::message_type<T>());
  }

  // All that nexusd does: reads the command line and the configuration, serves until SIGTERM, SIGINT or SIGHUP, drains, and
  // returns the status for exit(); `nexusd --help` lists the options. Ends the process itself when the drain misses its
  // deadline, because then some actor holds a thread. A second signal ends it at once.
  int run(int argc, char** argv);

  // For embedding: run() without command line and signals. Answers when the node serves; UNAVAILABLE when it cannot listen.
  core::Status start(const NodeConfig& config);
  // Drains within node.shutdown_timeout. False when something had not ended by then; the node is then of no more use.
  bool stop();

  // Before start(), for embedding: called, on some thread, when an operator asks this node to leave and to end; whoever owns it
  // then calls stop(). Without it such calls are refused.
  void on_leave(std::function<void()> leave) { leave_ = std::move(leave); }

  // While it runs; any thread.
  core::ActorSystem& system();
  remote::Remote& remote();
  cluster::Cluster& cluster();
  // `host:port` by which others reach it.
  const std::string& address() const;

 private:
  struct Running;
  static void find_seeds(Running& running);
  static void watch_tls(Running& running, const std::string& own_host,
                        std::chrono::system_clock::time_point expires_at);
  static core::Status prepare_family(Running& running, const HostPort& advertised,
                                     const std::string& member_id);

  Kinds kinds_;
  std::vector<const core::MessageType*> messages_;
  std::function<void()> leave_;
  std::unique_ptr<Running> running_;
  bool stop_missed_ = false;
};

}  // namespace nexus::daemon

namespace nexus {
using daemon::Node;
}  // namespace nexus
