// OutgoingFrame: a batch as it leaves the node. Shared by those who send it and those who must know what was in it when it gets
// lost.
#pragma once

#include <cstdint>
#include <memory>

#include "core/mailbox/mailbox.h"
#include "remote/batch_layout.h"
#include "remote/frame_bytes.h"

namespace nexus::remote {

struct OutgoingFrame {
  FrameBytes bytes;
  // Of messages.
  std::uint32_t count;
  core::Lane lane;
  Dialect dialect;
};
using OutgoingFramePtr = std::shared_ptr<const OutgoingFrame>;

}  // namespace nexus::remote
