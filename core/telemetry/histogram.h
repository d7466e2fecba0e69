// Histogram, SharedHistogram: how often which duration was seen. HistogramSnapshot: what one or several of them held, to merge
// and to ask for quantiles.
//
//   Histogram::record()         owner        three relaxed stores at most; no lock, no atomic read-modify-write
//   SharedHistogram::record()   any thread   two atomic adds, and a third operation for a new maximum
//   add_to()                    any thread   while others record
//   HistogramSnapshot           owner        a plain value
//
// H1  quantile() differs from the exact quantile by at most 1/64 (1.6 %) of it, for durations from 0 to kHistogramValueMax.
// H2  Nothing recorded is lost: what is negative counts as 0, what is beyond kHistogramValueMax as that; sum and maximum stay exact.
// H3  A snapshot holds all that was recorded before it was begun, and perhaps some of what is recorded meanwhile.
//
// Source: the log-linear buckets of HdrHistogram (Gil Tene, http://hdrhistogram.org): each power of two is divided into equal
// parts, so that a bucket's width grows with its values.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "core/base/clock.h"

namespace nexus::core {

inline constexpr Duration kHistogramValueMax = std::chrono::hours(1);

// Which bucket a value in nanoseconds belongs to. Pure.
struct HistogramBuckets {
  static constexpr int kPartBits = 5;
  static constexpr std::uint64_t kPartCount = 1u << kPartBits;
  static constexpr std::uint64_t kValueMax = static_cast<std::uint64_t>(kHistogramValueMax.count());

  // Greater values than kValueMax belong to the last bucket.
  static constexpr std::size_t index_of(std::uint64_t value) {
    value = std::min(value, kValueMax);
    if (value < kPartCount) return value;
    // value >> shift lies in [kPartCount, 2 * kPartCount).
    const int shift = static_cast<int>(std::bit_width(value)) - 1 - kPartBits;
    return (static_cast<std::size_t>(shift) << kPartBits) + (value >> shift);
  }
  static constexpr std::uint64_t first_of(std::size_t index) {
    return index < 2 * kPartCount ? index : (index % kPartCount + kPartCount) << shift_of(index);
  }
  // The value that stands for all of the bucket.
  static constexpr std::uint64_t middle_of(std::size_t index) {
    return first_of(index) + (std::uint64_t{1} << shift_of(index)) / 2;
  }

 private:
  static constexpr std::size_t shift_of(std::size_t index) {
    return index < 2 * kPartCount ? 0 : (index >> kPartBits) - 1;
  }
};
inline constexpr std::size_t kHistogramBucketCount =
    HistogramBuckets::index_of(HistogramBuckets::kValueMax) + 1;

class HistogramSnapshot {
 public:
  std::uint64_t count() const { return count_; }
  Duration sum() const { return Duration(static_cast<std::int64_t>(sum_)); }
  // Exact; zero when nothing was recorded.
  Duration max() const { return Duration(static_cast<std::int64_t>(max_)); }
  Duration mean() const {
    return Duration(count_ == 0 ? 0 : static_cast<std::int64_t>(sum_ / count_));
  }
  // The smallest duration such that at least the share `q` of all is not greater; see H1. `q` in [0, 1]; zero when empty.
  Duration quantile(double q) const;

  void merge(const HistogramSnapshot& other);

 private:
  template <typename Writer>
  friend class BasicHistogram;

  std::array<std::uint64_t, kHistogramBucketCount> counts_{};
  std::uint64_t count_ = 0;
  std::uint64_t sum_ = 0;
  std::uint64_t max_ = 0;
};

// Relaxed throughout: statistics, they publish nothing.
struct OneWriter {
  static void add(std::atomic<std::uint64_t>& cell, std::uint64_t amount) {
    cell.store(cell.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }
  static void raise(std::atomic<std::uint64_t>& cell, std::uint64_t value) {
    if (value > cell.load(std::memory_order_relaxed)) cell.store(value, std::memory_order_relaxed);
  }
};
struct ManyWriters {
  static void add(std::atomic<std::uint64_t>& cell, std::uint64_t amount) {
    cell.fetch_add(amount, std::memory_order_relaxed);
  }
  static void raise(std::atomic<std::uint64_t>& cell, std::uint64_t value) {
    std::uint64_t known = cell.load(std::memory_order_relaxed);
    while (value > known && !cell.compare_exchange_weak(known, value, std::memory_order_relaxed)) {
    }
  }
};

template <typename Writer>
class BasicHistogram {
 public:
  BasicHistogram() = default;
  BasicHistogram(const BasicHistogram&) = delete;
  BasicHistogram& operator=(const BasicHistogram&) = delete;

  void record(Duration duration) {
    const auto value = static_cast<std::uint64_t>(std::max(duration.count(), Duration::rep{0}));
    Writer::add(counts_[HistogramBuckets::index_of(value)], 1);
    Writer::add(sum_, value);
    Writer::raise(max_, value);
  }

  void add_to(HistogramSnapshot& snapshot) const {
    std::size_t last = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      const std::uint64_t count = counts_[i].load(std::memory_order_relaxed);
      if (count == 0) continue;
      snapshot.counts_[i] += count;
      snapshot.count_ += count;
      last = i;
    }
    snapshot.sum_ += sum_.load(std::memory_order_relaxed);
    // A value that is being recorded may be counted already and not be in max_ yet.
    snapshot.max_ = std::max(
        {snapshot.max_, max_.load(std::memory_order_relaxed), HistogramBuckets::first_of(last)});
  }
  HistogramSnapshot snapshot() const {
    HistogramSnapshot taken;
    add_to(taken);
    return taken;
  }

 private:
  std::array<std::atomic<std::uint64_t>, kHistogramBucketCount> counts_{};
  std::atomic<std::uint64_t> sum_{0};
  std::atomic<std::uint64_t> max_{0};
};

using Histogram = BasicHistogram<OneWriter>;
using SharedHistogram = BasicHistogram<ManyWriters>;

}  // namespace nexus::core
