// SwimMessage: what members of the SWIM model say to each other, with the sizes that memberlist's msgpack gives them.
//
//   all calls   swim_model.cc
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "tests/sim/process.h"

namespace nexus::sim {

// One rumour about one member, or a value of a user.
struct SwimUpdate {
  enum class Kind : std::uint8_t { alive, suspect, dead, left, user };

  Kind kind = Kind::alive;
  // user: the key.
  NodeIndex node = 0;
  // alive: the process's identity. user: bytes of the value.
  std::uint32_t run = 0;
  // SWIM's own count of refutations.
  std::uint32_t incarnation = 0;
  // suspect, dead: who says so.
  NodeIndex from = 0;

  // A map of field names and values: alive has 6 fields, suspect and dead 3. Names of members have some 20 characters.
  std::uint32_t bytes() const {
    if (kind == Kind::user) return 1 + run;
    return kind == Kind::alive ? 85 : 72;
  }
};

class SwimMessage final : public Payload {
 public:
  enum class Kind : std::uint8_t {
    gossip,
    ping,
    ping_request,
    ack,
    nack,
    fallback_ping,
    fallback_ack,
    push_pull,
    push_pull_reply,
  };
  // Of a compound packet, and of each message in it.
  static constexpr std::uint32_t kCompoundBytes = 2;
  static constexpr std::uint32_t kPartBytes = 2;

  SwimMessage(Kind kind_of, std::uint32_t sequence_of, NodeIndex target_of,
              std::vector<SwimUpdate> all)
      : kind(kind_of), sequence(sequence_of), target(target_of), updates(std::move(all)) {
    digest_ = mix64(static_cast<std::uint64_t>(kind) << 32 | sequence, target);
    for (const SwimUpdate& update : updates) {
      digest_ = mix64(digest_ ^ update.node, std::uint64_t{update.incarnation} << 8 |
                                                 static_cast<std::uint64_t>(update.kind));
    }
  }

  std::uint64_t digest() const override { return digest_; }

  // Without rumours.
  static std::uint32_t bytes_of(Kind kind) {
    switch (kind) {
      case Kind::ping:
      case Kind::fallback_ping:
        return 80;
      case Kind::ping_request:
        return 100;
      case Kind::ack:
      case Kind::fallback_ack:
        return 19;
      case Kind::nack:
        return 9;
      default:
        return 0;
    }
  }

  const Kind kind;
  const std::uint32_t sequence;
  // ping_request: who shall be pinged.
  const NodeIndex target;
  const std::vector<SwimUpdate> updates;

 private:
  std::uint64_t digest_;
};

}  // namespace nexus::sim
