// Clients: nodes without an address at which they could be dialled. What is for an actor of theirs leaves over the connection that the
// client has opened, so the actor's Pid has the address of the node that has this connection, and an id that begins with the
// client's name: `$client/<member id>/<id at the client>`. Such a Pid leads there from every node.
//
//   all calls   any thread
#pragma once

#include <string>
#include <string_view>

#include "core/actor/pid.h"

namespace nexus::core {

inline constexpr std::string_view kClientPrefix = "$client/";

inline std::string client_name(std::string_view member_id) {
  return std::string(kClientPrefix).append(member_id);
}

// The name of the client whose actor has this id; empty when it is no client's.
inline std::string_view client_of(std::string_view id) {
  if (!id.starts_with(kClientPrefix)) return {};
  const std::size_t end = id.find('/', kClientPrefix.size());
  const bool has_both =
      end != std::string_view::npos && end > kClientPrefix.size() && end + 1 < id.size();
  return has_both ? id.substr(0, end) : std::string_view{};
}

// Whose link takes what is for that actor, seen from the node at `home`: the address of another node, or the name of a client of this
// one; empty for what is of the node itself.
inline std::string_view route_of(const PidRecord& record, std::string_view home) {
  return record.address == home ? client_of(record.id) : std::string_view(record.address);
}

}  // namespace nexus::core
