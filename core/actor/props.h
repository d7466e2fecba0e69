// Props: how to make an actor of one sort, and how it is to be run. Immutable once shared.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "core/actor/actor.h"
#include "core/actor/envelope.h"
#include "core/actor/supervision.h"
#include "core/base/result.h"

namespace nexus::core {

class Props {
 public:
  // Makes the actor object; called in the actor's own first turn and after each restart. May throw.
  using Producer = std::function<std::unique_ptr<Actor>()>;
  // Reads a Payload that clients send to actors of this sort. Any worker thread.
  using PayloadReader = std::function<Result<EnvelopePtr>(const Payload&)>;
  // Writes the answer to such a message in the content type of the request. Any worker thread.
  using PayloadWriter =
      std::function<Result<Payload>(const Envelope&, const std::string& content_type)>;

  explicit Props(Producer make) : producer(std::move(make)) {}

  Producer producer;
  // Name of the kind this belongs to; empty for actors that only code can spawn.
  std::string kind;
  // User messages that may wait; 0 = the system's default.
  std::uint32_t mailbox_user_count_max = 0;
  // What the actor does about its failed children.
  std::shared_ptr<const SupervisionStrategy> strategy = std::make_shared<OneForOneStrategy>();
  // Both or none. Without them a Payload reaches `receive` as it is.
  PayloadReader read_payload;
  PayloadWriter write_payload;
  // One of the node's own actors; lists hide it unless asked.
  bool system = false;
};

using PropsPtr = std::shared_ptr<const Props>;

// Props of an actor class, made from copies of `arguments`.
template <typename T, typename... Arguments>
Props props(Arguments... arguments) {
  return Props([=]() -> std::unique_ptr<Actor> { return std::make_unique<T>(arguments...); });
}

// Props of a function that is called for each message.
template <typename F>
Props props_of(F receive) {
  class FunctionActor final : public Actor {
   public:
    explicit FunctionActor(F f) : receive_(std::move(f)) {}
    void receive(Context& context) override { receive_(context); }

   private:
    F receive_;
  };
  return Props(
      [receive]() -> std::unique_ptr<Actor> { return std::make_unique<FunctionActor>(receive); });
}

}  // namespace nexus::core
