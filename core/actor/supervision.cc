#include "core/actor/supervision.h"

#include <utility>

#include "core/base/check.h"

namespace nexus::core {
namespace {

Directive first_word(const Decider& decider, const Failure& failure) {
  return decider ? decider(failure) : Directive::restart;
}

}  // namespace

const char* to_string(Directive directive) {
  switch (directive) {
    case Directive::resume:
      return "resume";
    case Directive::restart:
      return "restart";
    case Directive::stop:
      return "stop";
    case Directive::escalate:
      break;
  }
  return "escalate";
}

OneForOneStrategy::OneForOneStrategy(Options options) : options_(std::move(options)) {
  CHECK(options_.restart_count_max < RestartStatistics::kFailureCountMax);
}

Verdict OneForOneStrategy::decide(const Failure& failure, const RestartStatistics& statistics,
                                  Instant now) const {
  const Directive wish = first_word(options_.decider, failure);
  if (wish != Directive::restart) return wish;
  return statistics.failure_count(now, options_.window) > options_.restart_count_max
             ? Directive::stop
             : Directive::restart;
}

Verdict AllForOneStrategy::decide(const Failure& failure, const RestartStatistics& statistics,
                                  Instant now) const {
  Verdict verdict = one_.decide(failure, statistics, now);
  verdict.all_children = true;
  return verdict;
}

ExponentialBackoffStrategy::ExponentialBackoffStrategy(Options options)
    : options_(std::move(options)) {
  // A child that is restarted after the longest wait and fails at once must not look as if it had begun anew.
  CHECK(options_.reset_after > options_.backoff.max);
  CHECK(options_.restart_count_max < RestartStatistics::kFailureCountMax);
}

Verdict ExponentialBackoffStrategy::decide(const Failure& failure,
                                           const RestartStatistics& statistics, Instant now) const {
  const Directive wish = first_word(options_.decider, failure);
  if (wish != Directive::restart) return wish;
  const std::size_t failures = statistics.recent_row(now, options_.reset_after);
  if (failures > options_.restart_count_max) return Directive::stop;
  // Seeded by the moment of the failure, so that equal children part and a test can repeat it.
  Backoff backoff(options_.backoff, static_cast<std::uint32_t>(now.time_since_epoch().count()));
  const auto attempt = static_cast<std::uint32_t>(failures == 0 ? 0 : failures - 1);
  return {Directive::restart, backoff.wait_before(attempt)};
}

}  // namespace nexus::core
