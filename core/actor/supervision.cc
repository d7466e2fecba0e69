#include "core/actor/supervision.h"

#include <algorithm>

#include "core/base/check.h"

namespace nexus::core {

void RestartStatistics::record_failure(Instant now) {
  failures_[next_] = now;
  next_ = (next_ + 1) % kFailureCountMax;
  count_ = std::min(count_ + 1, kFailureCountMax);
}

std::size_t RestartStatistics::failure_count(Instant now, Duration window) const {
  CHECK(window > Duration::zero());
  return static_cast<std::size_t>(
      std::count_if(failures_.begin(), failures_.begin() + static_cast<std::ptrdiff_t>(count_),
                    [&](Instant failed_at) { return failed_at > now - window; }));
}

OneForOneStrategy::OneForOneStrategy(Options options) : options_(std::move(options)) {
  CHECK(options_.restart_count_max < RestartStatistics::kFailureCountMax);
}

Directive OneForOneStrategy::decide(const Failure& failure, const RestartStatistics& statistics,
                                    Instant now) const {
  const Directive wish = options_.decider ? options_.decider(failure) : Directive::restart;
  if (wish != Directive::restart) return wish;
  return statistics.failure_count(now, options_.window) > options_.restart_count_max
             ? Directive::stop
             : Directive::restart;
}

}  // namespace nexus::core
