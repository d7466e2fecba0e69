// Report: what was measured, as one JSON object a line or as a table for people.
//
//   all calls   main thread
//
// G2  A line of JSON is one whole object. The summary of a workload has the keys summary, peer where there are several, workload,
//     workers, unit, median, min, max, runs; p50 and p99 (medians over the runs, in ns) where single messages were timed; speedup
//     where it was asked for.
#pragma once

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "tests/bench/report/sample.h"

namespace nexus::bench {

struct Summary {
  double median;
  double min;
  double max;
  std::size_t run_count;
  std::optional<Percentiles> latency{};
  // Medians over the runs.
  std::vector<std::pair<std::string, double>> fields{};
};

// What was measured.
struct Subject {
  std::string workload;
  std::string unit;
  std::uint32_t worker_count;
  // Empty where there is only nexus.
  std::string peer{};
};

// Of at least one sample.
Summary summary_of(const std::vector<Sample>& samples);

class Report {
 public:
  enum class Form : std::uint8_t { table, json };

  Report(std::ostream& out, Form form);

  // `index` counts from 1.
  void add_run(const Subject& subject, std::uint32_t index, const Sample& sample);
  void add_summary(const Subject& subject, const Summary& summary,
                   std::optional<double> speedup = std::nullopt);

 private:
  void write_json(const Subject& subject, const Summary& summary, std::optional<double> speedup);
  void write_row(const Subject& subject, const Summary& summary, std::optional<double> speedup);

  std::ostream& out_;
  const Form form_;
};

}  // namespace nexus::bench
