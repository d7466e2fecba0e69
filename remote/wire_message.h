// WireMessage: one message on its way to a peer, its body already encoded, so that its size is known to every limit.
#pragma once

#include <cstdint>
#include <string>

#include "core/actor/envelope.h"
#include "core/process/process.h"

namespace nexus::remote {

struct WireMessage {
  core::Pid target;
  core::Pid sender;
  // Full protobuf name of what `data` holds.
  std::string type_name;
  std::string data;
  core::Headers headers;
  bool wants_notices = false;
  core::Lane lane = core::Lane::user;

  // What it costs in a batch, at least: body, names and headers.
  std::size_t bytes() const {
    std::size_t total = type_name.size() + data.size() + kEnvelopeBytes;
    for (const auto& [key, value] : headers) total += key.size() + value.size() + 8;
    return total;
  }

  // Field tags, indices and table entries of one envelope, rounded up.
  static constexpr std::size_t kEnvelopeBytes = 96;
};

// Header by which a nexus node asks for notices; other peers ignore it.
inline constexpr const char* kNoticesHeader = "nexus-notices";

}  // namespace nexus::remote
