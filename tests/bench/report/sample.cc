#include "tests/bench/report/sample.h"

namespace nexus::bench {

Percentiles percentiles_of(std::vector<std::uint32_t>& times_ns) {
  const auto at = [&times_ns](std::size_t per_cent) {
    const auto index = (times_ns.size() - 1) * per_cent / 100;
    const auto place = times_ns.begin() + static_cast<std::ptrdiff_t>(index);
    std::nth_element(times_ns.begin(), place, times_ns.end());
    return static_cast<double>(*place);
  };
  const double p50_ns = at(50);
  return {p50_ns, at(99)};
}

double clock_read_ns() {
  constexpr std::uint64_t kReadCount = 100'000;
  const core::SteadyClock clock;
  const core::Instant begin = clock.now();
  core::Instant end = begin;
  for (std::uint64_t i = 0; i < kReadCount; ++i) end = clock.now();
  return ns_per(end - begin, kReadCount);
}

}  // namespace nexus::bench
