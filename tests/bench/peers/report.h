// What the programs for C++ runtimes share: how runs become the summary line of core_bench. C++17.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

using Count = std::uint64_t;

struct Result {
  double ns;
  Count count;
  // Of single asks; empty where there are none.
  std::vector<double> times_ns{};
};

inline double percentile(std::vector<double> values, std::size_t per_cent) {
  std::sort(values.begin(), values.end());
  return values[(values.size() - 1) * per_cent / 100];
}

inline double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

struct Head {
  const char* peer;
  std::string version;
  const char* workload;
  // `ns/..`, or so many a second.
  const char* unit;
  std::size_t worker_count;
};

// `run_once()` gives a Result; the first one does not count.
template <typename RunOnce>
void report(const Head& head, int run_count, RunOnce run_once) {
  run_once();
  std::vector<double> values;
  std::vector<double> p50s;
  std::vector<double> p99s;
  for (int run = 0; run < run_count; ++run) {
    const Result result = run_once();
    const bool is_time = std::string(head.unit).rfind("ns/", 0) == 0;
    const auto count = static_cast<double>(result.count);
    values.push_back(is_time ? result.ns / count : count * 1e9 / result.ns);
    if (result.times_ns.empty()) continue;
    p50s.push_back(percentile(result.times_ns, 50));
    p99s.push_back(percentile(result.times_ns, 99));
  }
  std::printf(
      "{\"summary\":true,\"peer\":\"%s\",\"version\":\"%s\",\"workload\":\"%s\",\"workers\":%zu,"
      "\"unit\":\"%s\",\"median\":%.2f,\"min\":%.2f,\"max\":%.2f,\"runs\":%d",
      head.peer, head.version.c_str(), head.workload, head.worker_count, head.unit, median(values),
      percentile(values, 0), percentile(values, 100), run_count);
  if (!p50s.empty()) {
    std::printf(",\"p50\":%.2f,\"p99\":%.2f", median(p50s), median(p99s));
  }
  std::printf("}\n");
  std::fflush(stdout);
}
