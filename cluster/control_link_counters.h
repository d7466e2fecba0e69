// ControlLinkCounters: what the control connections of a node count as they go; any thread.
#pragma once

#include "cluster/control_link_counts.h"
#include "core/base/sharded_counter.h"

namespace nexus::cluster {

struct ControlLinkCounters {
  core::ShardedCounter sent_message_count;
  core::ShardedCounter sent_bytes;
  core::ShardedCounter dropped_message_count;
  core::ShardedCounter overrun_count;
  core::ShardedCounter oversized_message_count;
  core::ShardedCounter received_message_count;
  core::ShardedCounter refused_message_count;
  core::ShardedCounter refused_link_count;

  ControlLinkCounts counts() const {
    return {.sent_message_count = sent_message_count.sum(),
            .sent_bytes = sent_bytes.sum(),
            .dropped_message_count = dropped_message_count.sum(),
            .overrun_count = overrun_count.sum(),
            .oversized_message_count = oversized_message_count.sum(),
            .received_message_count = received_message_count.sum(),
            .refused_message_count = refused_message_count.sum(),
            .refused_link_count = refused_link_count.sum()};
  }
};

}  // namespace nexus::cluster
