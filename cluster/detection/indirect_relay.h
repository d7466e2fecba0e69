// IndirectRelay: answers members that ask whether this one hears another: probes it for them, and says yes or, when the time is up, no.
// Pure; owner only. Source: SWIM (Das, Gupta, Motivala, DSN 2002), ping-req; the no is Lifeguard's nack.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cluster/view/member_id.h"
#include "core/base/clock.h"

namespace nexus::cluster {

class IndirectRelay {
 public:
  struct Options {
    // Before the one who asks has given up.
    core::Duration patience = std::chrono::milliseconds(400);
    // What is asked beyond is not answered.
    std::size_t pending_count_max = 256;
  };
  struct Answer {
    std::string asker_address;
    MemberId subject;
    // As the asker gave it.
    core::Instant sent;
    bool heard;
  };

  explicit IndirectRelay(Options options) : options_(options) {}

  // False when too much is pending. Otherwise the caller probes the subject now.
  bool on_asked(std::string asker_address, const MemberId& subject, core::Instant sent,
                core::Instant now);
  // The subject has answered a probe that left at `probe_sent` on this member's clock.
  [[nodiscard]] std::vector<Answer> on_ack(const MemberId& subject, core::Instant probe_sent);
  [[nodiscard]] std::vector<Answer> on_time(core::Instant now);
  core::Instant next_time() const {
    return pending_.empty() ? core::Instant::max() : pending_.front().asked + options_.patience;
  }

 private:
  struct Pending {
    Answer answer;
    core::Instant asked;
  };

  const Options options_;
  // In the order in which they came.
  std::vector<Pending> pending_;
};

}  // namespace nexus::cluster
