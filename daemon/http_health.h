// HttpHealth: the node's `/_health` for nodes of Proto.Actor, and its questions for theirs, on a thread of their own (`nx-http`): a node
// whose workers are busy still answers. Go drops a member that misses one poll, for ever.
//
//   all calls   one thread
#pragma once

#include <memory>

#include "core/base/result.h"
#include "daemon/http_health_poller.h"
#include "daemon/http_health_server.h"

namespace nexus::daemon {

class HttpHealth {
 public:
  HttpHealth(HttpHealthServer::Options server, HttpHealthPoller::Options poller,
             HttpHealthPoller::OnRound on_round);
  // stop().
  ~HttpHealth();

  // Once, first: takes the port.
  core::Status listen();
  // Once: answers and asks from now on.
  void start();
  // Nobody is answered any more, and `on_round` is not called any more. Again: nothing happens.
  void stop();

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace nexus::daemon
