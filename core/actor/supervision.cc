#include "core/actor/supervision.h"

#include <utility>

#include "core/base/check.h"

namespace nexus::core {

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
