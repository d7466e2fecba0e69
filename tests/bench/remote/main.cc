// How fast is the link between two nodes, workload by workload, and how fast is a bare gRPC stream?
//
//   remote_bench --workload NAME[,NAME..]|all [--peer nexus|raw|raw_callback] [--workers N] [--runs R] [--json]
//   remote_bench --list
//
// This process is one node, a second process of this program the other; both are on this machine. Each workload runs once
// unmeasured, then R times, over one connection.

#include <CLI/CLI.hpp>
#include <cstdint>
#include <exception>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "core/base/nearest.h"
#include "tests/bench/remote/workload.h"
#include "tests/bench/report/report.h"

namespace nexus::bench {
namespace {

constexpr const char* kAll = "all";
constexpr const char* kNexus = "nexus";
constexpr const char* kRaw = "raw";
constexpr const char* kRawCallback = "raw_callback";

struct Request {
  std::vector<std::string> names{kAll};
  std::string peer = kNexus;
  std::uint32_t worker_count = 2;
  std::uint32_t run_count = 5;
  double scale = 1;
  bool json = false;
  bool list = false;
  // Given by this program to the peer process.
  bool serve = false;
};

void declare(CLI::App& app, Request& request) {
  app.add_option("--workload", request.names, "NAME[,NAME..], or all; --list has the names")
      ->delimiter(',')
      ->capture_default_str();
  app.add_option("--peer", request.peer,
                 "nexus; raw, raw_callback: a bare gRPC stream on a completion queue as the "
                 "links of a node, and of gRPC's callback API")
      ->check(CLI::IsMember({kNexus, kRaw, kRawCallback}))
      ->capture_default_str();
  app.add_option("--workers", request.worker_count, "worker threads of each node")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  app.add_option("--runs", request.run_count, "measured runs of each, after one that is not")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--scale", request.scale,
                 "multiplies the number of messages; figures of other scales than 1 do not compare")
      ->check(CLI::Range(1e-6, 100.0))
      ->capture_default_str();
  app.add_flag("--json", request.json,
               "one JSON object a line: one a run, then a summary of each workload");
  app.add_flag("--list", request.list, "names, units and questions of all workloads");
  app.add_flag("--serve", request.serve)->group("");
}

std::vector<Workload> all_workloads() {
  std::vector<Workload> all;
  for (const auto& group : {one_way_workloads, round_trip_workloads, stalled_receiver_workloads,
                            watch_storm_workloads}) {
    for (Workload& workload : group()) all.push_back(std::move(workload));
  }
  return all;
}

// Those named, in the order named. Nothing, and a word about it, when a name is unknown.
template <typename W>
std::optional<std::vector<W>> choose(const std::vector<std::string>& names, std::vector<W> all) {
  std::vector<std::string> known{kAll};
  for (const W& workload : all) known.push_back(workload.name);
  std::vector<W> chosen;
  for (const std::string& name : names) {
    if (name == kAll) {
      chosen.insert(chosen.end(), all.begin(), all.end());
      continue;
    }
    const auto found = std::find_if(all.begin(), all.end(),
                                    [&name](const W& workload) { return workload.name == name; });
    if (found == all.end()) {
      const std::string near = core::nearest(name, known);
      std::cerr << "remote_bench: no workload \"" << name << "\""
                << (near.empty() ? "" : "; did you mean " + near + "?")
                << " (remote_bench --list has all names)\n";
      return std::nullopt;
    }
    chosen.push_back(*found);
  }
  return chosen;
}

template <typename Run>
void measure(const Subject& subject, const Request& request, Report& report, Run run) {
  (void)run();
  std::vector<Sample> samples;
  for (std::uint32_t index = 1; index <= request.run_count; ++index) {
    samples.push_back(run());
    report.add_run(subject, index, samples.back());
  }
  report.add_summary(subject, summary_of(samples));
}

int measure_all(const Request& request) {
  Report report(std::cout, request.json ? Report::Form::json : Report::Form::table);
  if (request.peer != kNexus) {
    const auto chosen = choose(request.names, raw_workloads(request.peer));
    if (!chosen) return 2;
    const PeerProcess peer({"--serve", "--peer", request.peer});
    for (const RawWorkload& workload : *chosen) {
      measure({workload.name, workload.unit, 0, request.peer}, request, report,
              [&] { return workload.run(peer.address(), request.scale); });
    }
    return 0;
  }
  const auto chosen = choose(request.names, all_workloads());
  if (!chosen) return 2;
  for (const Workload& workload : *chosen) {
    PeerProcess peer({"--serve", "--workers", std::to_string(request.worker_count)});
    BenchNode node(request.worker_count);
    const Link link{node, peer, request.scale};
    measure({workload.name, workload.unit, request.worker_count, kNexus}, request, report,
            [&] { return workload.run(link); });
  }
  return 0;
}

void serve(const Request& request) {
  if (request.peer != kNexus) return serve_raw(request.peer);
  BenchNode node(request.worker_count);
  node.spawn_targets(BenchNode::kCounterCountMax);
  serve_parent(node.address());
}

int run(int argc, char** argv) {
  Request request;
  CLI::App app("Measures the link between two nodes");
  declare(app, request);
  CLI11_PARSE(app, argc, argv);

  if (request.serve) {
    serve(request);
    return 0;
  }
  if (request.list) {
    for (const Workload& workload : all_workloads()) {
      std::cout << workload.name << " (" << workload.unit << "): " << workload.question << "\n";
    }
    for (const char* peer : {kRaw, kRawCallback}) {
      for (const RawWorkload& workload : raw_workloads(peer)) {
        std::cout << "--peer " << peer << ": " << workload.name << " (" << workload.unit
                  << "): " << workload.question << "\n";
      }
    }
    return 0;
  }
  return measure_all(request);
}

}  // namespace
}  // namespace nexus::bench

int main(int argc, char** argv) {
  try {
    return nexus::bench::run(argc, argv);
  } catch (const std::exception& exception) {
    std::cerr << "remote_bench: " << exception.what() << "\n";
  }
  return 1;
}
