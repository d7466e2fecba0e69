// SamePid: Pid::operator== for two handles or two records, without the copies of text that the operator makes. For the rivals,
// so that they are compared by their structure.
#pragma once

#include "core/actor/pid.h"

namespace nexus::bench {

struct SamePid {
  bool operator()(const core::Pid& a, const core::Pid& b) const {
    if (!a.is_record() || !b.is_record()) return a == b;
    return a.record() == b.record() ||
           (a.record()->id == b.record()->id && a.record()->address == b.record()->address);
  }
};

}  // namespace nexus::bench
