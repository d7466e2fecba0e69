// Alert: what one observer says of one subject: that it does not hear it, or that it does so again. The newest word of an observer
// counts. An alert of a member about itself says that it leaves.
#pragma once

#include <cstdint>

#include "cluster/view/member.h"

namespace nexus::cluster {

struct Alert {
  MemberIndex subject = 0;
  MemberIndex observer = 0;
  // Counts up with each word of this observer about this subject in one view; from 1.
  std::uint32_t sequence = 0;
  bool down = false;

  bool leaves() const { return subject == observer; }
  bool operator==(const Alert&) const = default;
};

}  // namespace nexus::cluster
