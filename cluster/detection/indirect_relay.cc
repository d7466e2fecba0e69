#include "cluster/detection/indirect_relay.h"

#include <utility>

namespace nexus::cluster {

bool IndirectRelay::on_asked(std::string asker_address, const MemberId& subject, core::Instant sent,
                             core::Instant now) {
  if (pending_.size() >= options_.pending_count_max) return false;
  pending_.push_back({.answer = {.asker_address = std::move(asker_address),
                                 .subject = subject,
                                 .sent = sent,
                                 .heard = false},
                      .asked = now});
  return true;
}

std::vector<IndirectRelay::Answer> IndirectRelay::on_ack(const MemberId& subject,
                                                         core::Instant probe_sent) {
  std::vector<Answer> answers;
  std::erase_if(pending_, [&](Pending& pending) {
    if (pending.answer.subject != subject || probe_sent < pending.asked) return false;
    pending.answer.heard = true;
    answers.push_back(std::move(pending.answer));
    return true;
  });
  return answers;
}

std::vector<IndirectRelay::Answer> IndirectRelay::on_time(core::Instant now) {
  std::vector<Answer> answers;
  while (!pending_.empty() && pending_.front().asked + options_.patience <= now) {
    answers.push_back(std::move(pending_.front().answer));
    pending_.erase(pending_.begin());
  }
  return answers;
}

}  // namespace nexus::cluster
