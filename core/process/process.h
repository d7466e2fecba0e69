// Process: something of this process other than an actor that takes envelopes, for example the future table.
// ForeignRoute: the socket that upper floors plug into: it takes what is addressed to another node.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/actor/envelope.h"
#include "core/mailbox/mailbox.h"

namespace nexus::core {

// Which exit of the door a message took.
enum class [[nodiscard]] Delivered : std::uint8_t{mailbox, process, foreign, mailbox_full,
                                                  dead_letter};

class Process {
 public:
  virtual ~Process() = default;

  // Any thread. Must not block; takes the envelope whatever happens.
  virtual void deliver(const Pid& target, EnvelopePtr envelope, Lane lane) = 0;

  // Set at construction, then read by any thread.
  virtual const std::string& address() const = 0;
  virtual const std::string& id() const = 0;
};

class ForeignRoute {
 public:
  virtual ~ForeignRoute() = default;

  // Any thread. Must not block; takes the envelope whatever happens, and turns what it cannot send into a dead letter.
  virtual void deliver_foreign(const Pid& target, EnvelopePtr envelope, Lane lane) = 0;
};

}  // namespace nexus::core
