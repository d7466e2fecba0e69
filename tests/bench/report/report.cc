#include "tests/bench/report/report.h"

#include <algorithm>
#include <iomanip>

#include "tests/bench/report/json_line.h"

namespace nexus::bench {
namespace {

double median_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

template <typename Of>
double median_over(const std::vector<Sample>& samples, Of of) {
  std::vector<double> values;
  for (const Sample& sample : samples) values.push_back(of(sample));
  return median_of(std::move(values));
}

std::string array_of(const std::vector<std::uint64_t>& values) {
  std::string text;
  for (const std::uint64_t value : values) {
    text += (text.empty() ? "" : ",") + std::to_string(value);
  }
  return "[" + text + "]";
}

void add_latency(JsonLine& line, const std::optional<Percentiles>& latency) {
  if (latency) line.number("p50", latency->p50_ns).number("p99", latency->p99_ns);
}

}  // namespace

Summary summary_of(const std::vector<Sample>& samples) {
  const auto value_of = [](const Sample& sample) { return sample.value; };
  const auto [least, most] =
      std::minmax_element(samples.begin(), samples.end(),
                          [](const Sample& a, const Sample& b) { return a.value < b.value; });
  Summary summary{.median = median_over(samples, value_of),
                  .min = least->value,
                  .max = most->value,
                  .run_count = samples.size()};
  if (samples.front().latency) {
    summary.latency = Percentiles{
        median_over(samples, [](const Sample& sample) { return sample.latency->p50_ns; }),
        median_over(samples, [](const Sample& sample) { return sample.latency->p99_ns; })};
  }
  for (std::size_t i = 0; i < samples.front().fields.size(); ++i) {
    summary.fields.emplace_back(
        samples.front().fields[i].first,
        median_over(samples, [i](const Sample& sample) { return sample.fields[i].second; }));
  }
  return summary;
}

Report::Report(std::ostream& out, Form form) : out_(out), form_(form) {
  if (form_ == Form::json) return;
  out_ << std::left << std::setw(26) << "workload" << std::right << std::setw(8) << "workers"
       << std::setw(14) << "median" << std::setw(14) << "min" << std::setw(14) << "max"
       << "  unit\n";
}

void Report::add_run(const Subject& subject, std::uint32_t index, const Sample& sample) {
  if (form_ == Form::table) return;
  JsonLine line;
  if (!subject.peer.empty()) line.word("peer", subject.peer);
  line.word("workload", subject.workload)
      .count("workers", subject.worker_count)
      .count("run", index)
      .word("unit", subject.unit)
      .number("value", sample.value);
  add_latency(line, sample.latency);
  for (const auto& [name, value] : sample.fields) line.number(name, value);
  if (!sample.worker_messages.empty()) {
    line.raw("worker_messages", array_of(sample.worker_messages));
  }
  line.write(out_);
}

void Report::add_summary(const Subject& subject, const Summary& summary,
                         std::optional<double> speedup) {
  if (form_ == Form::json) {
    write_json(subject, summary, speedup);
  } else {
    write_row(subject, summary, speedup);
  }
}

void Report::write_json(const Subject& subject, const Summary& summary,
                        std::optional<double> speedup) {
  JsonLine line;
  line.raw("summary", "true");
  if (!subject.peer.empty()) line.word("peer", subject.peer);
  line.word("workload", subject.workload)
      .count("workers", subject.worker_count)
      .word("unit", subject.unit)
      .number("median", summary.median)
      .number("min", summary.min)
      .number("max", summary.max)
      .count("runs", summary.run_count);
  add_latency(line, summary.latency);
  if (speedup) line.number("speedup", *speedup);
  line.write(out_);
}

void Report::write_row(const Subject& subject, const Summary& summary,
                       std::optional<double> speedup) {
  out_ << std::left << std::setw(26)
       << (subject.peer.empty() ? "" : subject.peer + " ") + subject.workload << std::right
       << std::setw(8) << subject.worker_count << std::setw(14) << text_of(summary.median)
       << std::setw(14) << text_of(summary.min) << std::setw(14) << text_of(summary.max) << "  "
       << subject.unit;
  if (summary.latency) {
    out_ << "  p50 " << text_of(summary.latency->p50_ns) << " ns, p99 "
         << text_of(summary.latency->p99_ns) << " ns";
  }
  if (speedup) out_ << "  speedup " << text_of(*speedup);
  for (const auto& [name, value] : summary.fields) out_ << "  " << name << " " << text_of(value);
  out_ << "\n" << std::flush;
}

}  // namespace nexus::bench
