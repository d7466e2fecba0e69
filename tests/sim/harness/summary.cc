#include "tests/sim/harness/summary.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <numeric>
#include <utility>

#include "tests/bench/report/json_line.h"

namespace nexus::sim {
namespace {

using bench::JsonLine;

double ms_of(SimTime time) { return static_cast<double>(time.count()) / 1e6; }
double s_of(SimTime time) { return static_cast<double>(time.count()) / 1e9; }

// Of a nearest rank; `values` are sorted and not empty.
double percentile(const std::vector<double>& values, double share) {
  const double rank = std::ceil(share * static_cast<double>(values.size()));
  const auto index = static_cast<std::size_t>(std::max(rank, 1.0)) - 1;
  return values[std::min(index, values.size() - 1)];
}

std::string percentiles_of(std::vector<double> values, bool with_p999) {
  JsonLine line;
  if (values.empty()) {
    line.raw("p50", "null").raw("p99", "null");
    if (with_p999) line.raw("p999", "null");
    return line.text();
  }
  std::sort(values.begin(), values.end());
  line.number("p50", percentile(values, 0.5)).number("p99", percentile(values, 0.99));
  if (with_p999) line.number("p999", percentile(values, 0.999));
  return line.text();
}

std::string spread_of(std::vector<double> values) {
  JsonLine line;
  if (values.empty()) return line.raw("mean", "null").raw("p99", "null").raw("max", "null").text();
  std::sort(values.begin(), values.end());
  const double sum = std::accumulate(values.begin(), values.end(), 0.0);
  return line.number("mean", sum / static_cast<double>(values.size()))
      .number("p99", percentile(values, 0.99))
      .number("max", values.back())
      .text();
}

}  // namespace

void Summary::add(SeedResult result) {
  ++seed_count_;
  for (const SimTime time : result.detection) detection_ms_.push_back(ms_of(time));
  for (const SimTime time : result.learned) learned_ms_.push_back(ms_of(time));
  if (result.convergence) {
    convergence_ms_.push_back(ms_of(*result.convergence));
  } else {
    ++unconverged_count_;
  }
  const double window = s_of(result.traffic_window);
  for (const Traffic& traffic : result.traffic) {
    if (window <= 0) break;
    sent_bytes_s_.push_back(static_cast<double>(traffic.sent_bytes) / window);
    sent_count_s_.push_back(static_cast<double>(traffic.sent_count) / window);
    received_bytes_s_.push_back(static_cast<double>(traffic.received_bytes) / window);
    received_count_s_.push_back(static_cast<double>(traffic.received_count) / window);
  }
  healthy_removed_ += result.healthy_removed;
  false_removal_count_ += result.false_removal_count;
  faulty_left_ += result.faulty_left;
  view_change_count_ = std::max(view_change_count_, result.view_change_count);
  distinct_size_count_ = std::max(distinct_size_count_, result.distinct_size_count);
  memory_bytes_ = std::max(memory_bytes_, result.memory_bytes);
  violation_count_ += result.violations.size();
  trace_hash_ = mix64(trace_hash_, result.trace_hash);
  event_count_ += result.event_count;
  simulated_s_ += s_of(result.simulated);
}

void Summary::write_json(std::ostream& out, const RunSubject& subject, double wall_s) const {
  JsonLine line;
  line.raw("summary", "true")
      .word("scenario", subject.scenario)
      .count("nodes", subject.node_count)
      .word("model", subject.model);
  if (!subject.policy.empty()) line.word("policy", subject.policy);
  line.count("seeds", seed_count_)
      .raw("detection_ms", percentiles_of(detection_ms_, true))
      .raw("convergence_ms", percentiles_of(convergence_ms_, false))
      .count("unconverged_seeds", unconverged_count_)
      .count("healthy_removed", healthy_removed_)
      .count("false_removals", false_removal_count_)
      .count("faulty_left", faulty_left_)
      .count("view_changes", view_change_count_)
      .count("distinct_sizes", distinct_size_count_)
      .raw("learned_ms", percentiles_of(learned_ms_, true))
      .raw("bytes_per_node_s", spread_of(sent_bytes_s_))
      .raw("msgs_per_node_s", spread_of(sent_count_s_))
      .raw("received_bytes_per_node_s", spread_of(received_bytes_s_))
      .raw("received_msgs_per_node_s", spread_of(received_count_s_))
      .count("memory_per_node_bytes", memory_bytes_)
      .count("violations", violation_count_)
      .number("simulated_s", simulated_s_)
      .count("events", event_count_)
      .number("wall_s", wall_s)
      .word("trace_hash", hash_text(trace_hash_))
      .write(out);
}

void Summary::write_text(std::ostream& out, const RunSubject& subject, double wall_s) const {
  out << subject.scenario << ", " << subject.node_count << " nodes, " << subject.model << ", "
      << subject.policy << (subject.policy.empty() ? "" : ", ") << seed_count_ << " seeds\n"
      << "  detection ms    " << percentiles_of(detection_ms_, true) << "\n"
      << "  convergence ms  " << percentiles_of(convergence_ms_, false)
      << ", not converged: " << unconverged_count_ << "\n"
      << "  learned ms      " << percentiles_of(learned_ms_, true) << "\n"
      << "  healthy removed " << healthy_removed_ << " (" << false_removal_count_
      << " removals), faulty left " << faulty_left_ << ", view changes " << view_change_count_
      << ", distinct sizes " << distinct_size_count_ << "\n"
      << "  a node and second: bytes sent " << spread_of(sent_bytes_s_) << ", messages sent "
      << spread_of(sent_count_s_) << "\n"
      << "  memory " << memory_bytes_ << " bytes a node, violations " << violation_count_
      << ", simulated " << bench::text_of(simulated_s_) << " s, events " << event_count_
      << ", wall " << bench::text_of(wall_s) << " s, trace " << hash_text(trace_hash_) << "\n";
}

std::string hash_text(std::uint64_t hash) {
  std::array<char, 17> text{};
  std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(hash));
  return text.data();
}

}  // namespace nexus::sim
