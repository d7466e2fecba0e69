// ControlLinks: how control messages reach other nodes, and what comes back. gRPC's side is in grpc_control_links.h; tests have their own.
#pragma once

#include <functional>
#include <string>

#include "cluster/messages.h"

namespace nexus::cluster {

class ControlLinkEvents {
 public:
  virtual ~ControlLinkEvents() = default;

  // Any thread. `taken` is called once the message has been dealt with; until then nothing more is read from that peer.
  virtual void on_message(Peer from, ControlMessagePtr message, std::function<void()> taken) = 0;
  // Any thread. Nobody listens at this address.
  virtual void on_refused(const std::string& address) = 0;
  // Any thread. The link to this address has ended, with what was under way; `why` for a log.
  virtual void on_lost(const std::string& address, const std::string& why) = 0;
  // Any thread. What was to be sent to this address is over a limit, here or there, and was not taken: for the operator.
  virtual void on_dropped(const std::string& address, const std::string& why) = 0;
};

class ControlLinks {
 public:
  virtual ~ControlLinks() = default;

  // Dials when there is no link. Never waits: a link that takes nothing off is ended when too much waits for it.
  virtual void send(const std::string& address, const ControlMessagePtr& message) = 0;
  // This node has another id from now on: links are made anew.
  virtual void set_self(const Peer& self) = 0;
  // Whose messages count: the members of this view. Empty: the node is in none.
  virtual void set_view(const ViewPtr& view) = 0;
  // Ends the links that have not been used for long.
  virtual void prune(core::Instant now) = 0;
  // Waits up to `patience` until what was sent has left, then ends all. No link of this side tells anything after the return.
  virtual void close(core::Duration patience) = 0;
};

}  // namespace nexus::cluster
