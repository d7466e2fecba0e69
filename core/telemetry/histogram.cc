#include "core/telemetry/histogram.h"

#include <cmath>

#include "core/base/check.h"

namespace nexus::core {

Duration HistogramSnapshot::quantile(double q) const {
  CHECK(q >= 0.0 && q <= 1.0);
  if (count_ == 0) return Duration::zero();
  // A hair less than asked, because the product may be a hair more: 0.07 * 100 is greater than 7.
  const double share = q * static_cast<double>(count_) * (1.0 - 1e-12);
  const auto wanted = static_cast<std::uint64_t>(std::ceil(share));
  const std::uint64_t rank = std::clamp<std::uint64_t>(wanted, 1, count_);
  std::uint64_t seen = 0;
  std::size_t index = 0;
  while ((seen += counts_[index]) < rank) ++index;
  // The greatest value is known exactly.
  const std::uint64_t value = rank == count_ ? max_ : HistogramBuckets::middle_of(index);
  return Duration(static_cast<std::int64_t>(std::min(value, max_)));
}

void HistogramSnapshot::merge(const HistogramSnapshot& other) {
  for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
  count_ += other.count_;
  sum_ += other.sum_;
  max_ = std::max(max_, other.max_);
}

}  // namespace nexus::core
