// Peer: the far end of a stream that it has opened, as its handshake says, and as far as its certificate bears that out.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "remote/certified_names.h"

namespace nexus::remote {

struct Peer {
  // Of the address of a node.
  static constexpr std::size_t kAddressBytesMax = 512;

  // `host:port`, or the name of a client.
  std::string address;
  // What it says. Nobody checks it, so it counts only together with an address.
  std::string member_id;
  // Hosts that it may be at, of which that of `address` is one; a client is at none. Nothing: whatever it says is taken.
  std::optional<std::vector<std::string>> hosts{};

  // Whether a link to `other` that has met the same member id may lead to this peer.
  bool may_be_at(std::string_view other) const {
    return other == address || !hosts || certifies(*hosts, host_of(other));
  }
};

}  // namespace nexus::remote
