// Poller: what comes from outside, such as the sockets of a node's links. A worker that has nothing to do waits in it instead of
// sleeping, and a busy one looks into it now and then, so that what comes is handled where the actors run, without a wake-up.
//
//   enter() .. leave()   a worker of the system's own dispatcher; the one that entered, between two turns
//   flush()              the same, without enter()
//   wake(), attach()     any thread
#pragma once

#include "core/base/clock.h"

namespace nexus::core {

class Poller {
 public:
  virtual ~Poller() = default;

  // False when another thread is in it. Otherwise leave() must follow.
  [[nodiscard]] virtual bool enter() = 0;
  virtual void leave() = 0;
  // Waits for something to handle until `deadline`, which may have passed, or until wake(). False when there is nothing.
  [[nodiscard]] virtual bool wait(Instant deadline) = 0;
  // After wait() answered true: handles what there is, but not for ever. It may send messages, and must not block.
  virtual void handle() = 0;
  // The wait() that goes on, or else the next one, comes back.
  virtual void wake() = 0;

  // Sends what was held back so that more could go with it. Called when a worker has nothing to do, and now and then.
  virtual void flush() = 0;

  // Whether a dispatcher does all this. While none does the poller has to help itself.
  virtual void attach(bool attached) = 0;
};

}  // namespace nexus::core
