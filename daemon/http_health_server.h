// HttpHealthServer: answers `GET /_health` in plain HTTP/1.1 with one text, and nothing else. Runs on a loop of Asio.
//
//   listen()          any thread, once, first
//   start(), close()  the loop's thread
//
// HS1  At most connection_count_max connections. One more ends the one that has been quiet for longest, so that idle or hostile ones do not
//      keep out who asks.
// HS2  A connection that is quiet for `patience` ends, in the middle of a request or not.
// HS3  What is no HTTP is answered 400, and the connection ends; another path 404, another method 405.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "daemon/config/host_port.h"

namespace boost::asio {
class io_context;
}

namespace nexus::daemon {

class HttpHealthServer {
 public:
  struct Options {
    HostPort listen;
    // JSON.
    std::string body;
    std::size_t connection_count_max = 256;
    core::Duration patience = std::chrono::seconds(30);
  };

  // The loop must outlive it.
  HttpHealthServer(boost::asio::io_context& loop, Options options);
  ~HttpHealthServer();

  // Takes the port; nobody is answered before start(). Error: unavailable.
  core::Status listen();
  void start();
  // The port is free, and all connections end.
  void close();

 private:
  class Impl;
  const std::shared_ptr<Impl> impl_;
};

}  // namespace nexus::daemon
