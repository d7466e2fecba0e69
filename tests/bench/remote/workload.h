// Workload: one question about the link between two nodes, as the runner sees it.
//
//   all calls   main thread
//
// Adding one: a function `Sample run_x(const Link&)` in the file of its group, and a line in that file's list.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tests/bench/remote/bench_node.h"
#include "tests/bench/remote/peer_process.h"
#include "tests/bench/report/sample.h"

namespace nexus::bench {

// One run: this node, and the peer in the other process.
struct Link {
  BenchNode& node;
  PeerProcess& peer;
  // Sizes are multiplied by it; > 0.
  double scale;

  std::uint64_t scaled(std::uint64_t count) const {
    return std::max<std::uint64_t>(
        1, static_cast<std::uint64_t>(static_cast<double>(count) * scale + 0.5));
  }
  core::Pid target(const std::string& id) const { return core::Pid::of_name(peer.address(), id); }
};

struct Workload {
  std::string name;
  std::string unit;
  std::string question;
  std::function<Sample(const Link&)> run;
};

std::vector<Workload> one_way_workloads();
std::vector<Workload> round_trip_workloads();
std::vector<Workload> stalled_receiver_workloads();
std::vector<Workload> watch_storm_workloads();

// The same over a bare stream of gRPC: what the transport alone can do. `raw` is one on the completion queue, `raw_callback` one of
// the callback API.
struct RawWorkload {
  std::string name;
  std::string unit;
  std::string question;
  std::function<Sample(const std::string& address, double scale)> run;
};
std::vector<RawWorkload> raw_workloads(const std::string& peer);
// In the peer process.
void serve_raw(const std::string& peer);

}  // namespace nexus::bench
