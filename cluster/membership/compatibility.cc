#include "cluster/membership/compatibility.h"

#include "core/base/escape.h"

namespace nexus::cluster {

std::string why_not_together(const Compatibility& mine, const Compatibility& theirs) {
  if (theirs.cluster != mine.cluster) {
    return "this is a node of cluster " + core::quoted(mine.cluster) + ", not of " +
           core::quoted(theirs.cluster) + "; check cluster.name and cluster.seeds";
  }
  if (theirs.protocol_max < mine.protocol_min || theirs.protocol_min > mine.protocol_max) {
    return "this node speaks cluster protocol " + std::to_string(mine.protocol_min) + " to " +
           std::to_string(mine.protocol_max) + ", the other one " +
           std::to_string(theirs.protocol_min) + " to " + std::to_string(theirs.protocol_max) +
           "; upgrade the older one";
  }
  if (theirs.settings != mine.settings) {
    return "the settings that all members of a cluster must share differ; compare the section "
           "cluster of both configurations";
  }
  return {};
}

}  // namespace nexus::cluster
