// What many seeds measured, as one line of JSON or a few lines for people.
//
//   all calls   the simulation's thread
#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "tests/sim/harness/observer.h"

namespace nexus::sim {

// What was measured.
struct RunSubject {
  std::string scenario;
  std::uint32_t node_count;
  std::string model;
  // Empty where the model has none to choose.
  std::string policy;
};

class Summary {
 public:
  void add(SeedResult result);

  void write_json(std::ostream& out, const RunSubject& subject, double wall_s) const;
  void write_text(std::ostream& out, const RunSubject& subject, double wall_s) const;

  std::uint64_t trace_hash() const { return trace_hash_; }
  std::uint64_t event_count() const { return event_count_; }
  std::uint64_t violation_count() const { return violation_count_; }

 private:
  std::vector<double> detection_ms_;
  std::vector<double> convergence_ms_;
  std::vector<double> learned_ms_;
  std::vector<double> sent_bytes_s_;
  std::vector<double> sent_count_s_;
  std::vector<double> received_bytes_s_;
  std::vector<double> received_count_s_;
  std::uint32_t seed_count_ = 0;
  std::uint32_t unconverged_count_ = 0;
  std::uint32_t healthy_removed_ = 0;
  std::uint64_t false_removal_count_ = 0;
  std::uint32_t faulty_left_ = 0;
  std::uint32_t view_change_count_ = 0;
  std::uint32_t distinct_size_count_ = 0;
  std::uint64_t memory_bytes_ = 0;
  std::uint64_t violation_count_ = 0;
  std::uint64_t trace_hash_ = 0;
  std::uint64_t event_count_ = 0;
  double simulated_s_ = 0;
};

std::string hash_text(std::uint64_t hash);

}  // namespace nexus::sim
