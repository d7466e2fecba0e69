// Notifier: tells a service manager (systemd's Type=notify) what the node is doing.
//
//   ready(), stopping(), status()   any thread; a receiver that does not read holds them one second
//
// Without an address every call does nothing and succeeds. A failure comes back as a Status and is
// harmless to the node: log it, go on. Nothing throws but for want of memory.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "core/base/result.h"

namespace nexus::daemon {

class Notifier {
 public:
  // `address` as in NOTIFY_SOCKET: an absolute path, or '@' and a name of the abstract namespace;
  // empty for none.
  explicit Notifier(std::string address) : address_(std::move(address)) {}
  // The address in NOTIFY_SOCKET. Call it before other threads start: it reads the environment.
  static Notifier from_environment();

  bool enabled() const { return !address_.empty(); }

  // The node serves. Send it once; `status` is one line for the operator, as in status().
  core::Status ready(std::string_view status) const;
  // The node drains; it will exit by itself.
  core::Status stopping() const;
  // One line for `systemctl status`. Control characters become blanks; at most 1024 bytes are sent.
  core::Status status(std::string_view text) const;

 private:
  core::Status send(std::string_view message) const;

  // Set at construction, then read by any thread.
  const std::string address_;
};

}  // namespace nexus::daemon
