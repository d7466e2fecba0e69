// HttpHealthPoller: asks a list of hosts for `/_health`, all at once, round after round. Runs on a loop of Asio.
//
//   start(), close()   the loop's thread
//
// HP1  A round ends when each host has answered, failed, or had `timeout`; the next begins `refresh` later.
// HP2  Of an answer at most body_bytes_max bytes are read.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "daemon/config/host_port.h"

namespace boost::asio {
class io_context;
}

namespace nexus::daemon {

class HttpHealthPoller {
 public:
  struct Options {
    std::vector<HostPort> hosts;
    core::Duration refresh;
    core::Duration timeout = std::chrono::seconds(2);
    std::size_t body_bytes_max = 64 * 1024;
  };
  // One round: for each host, in their order, the body that it answered 200 with. Errors: unavailable when there is no answer,
  // invalid_argument when it is another. The loop's thread.
  using OnRound = std::function<void(const std::vector<core::Result<std::string>>&)>;

  // The loop must outlive it.
  HttpHealthPoller(boost::asio::io_context& loop, Options options, OnRound on_round);
  ~HttpHealthPoller();

  void start();
  void close();

 private:
  class Impl;
  const std::shared_ptr<Impl> impl_;
};

}  // namespace nexus::daemon
