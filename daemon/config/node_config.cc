#include "daemon/config/node_config.h"

namespace nexus::daemon {

HostPort advertised_address(const NodeSection& node, std::uint16_t bound_port) {
  HostPort address = node.advertise.empty() ? node.listen : node.advertise;
  if (address.port == 0) address.port = bound_port;
  return address;
}

}  // namespace nexus::daemon
