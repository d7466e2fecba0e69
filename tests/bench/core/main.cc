// How fast is the actor runtime, workload by workload, and how fast is the floor below it?
//
//   core_bench --workload NAME[,NAME..]|all [--workers N] [--runs R] [--json]
//   core_bench --list
//
// Each workload runs once unmeasured, then R times, each time in an actor system of its own.

#include <CLI/CLI.hpp>
#include <cstdint>
#include <exception>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "core/base/nearest.h"
#include "tests/bench/core/workload.h"
#include "tests/bench/report/report.h"

namespace nexus::bench {
namespace {

constexpr const char* kAll = "all";

struct Request {
  std::vector<std::string> names{kAll};
  Setting setting{};
  std::uint32_t run_count = 5;
  bool json = false;
  bool list = false;
  // Given by this program to the child process that measures idle actors.
  std::uint64_t idle_actor_count = 0;
  bool idle_named = false;
};

void declare(CLI::App& app, Request& request) {
  app.add_option("--workload", request.names, "NAME[,NAME..], or all; --list has the names")
      ->delimiter(',')
      ->capture_default_str();
  app.add_option("--workers", request.setting.worker_count, "worker threads of the actor system")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  app.add_option("--runs", request.run_count, "measured runs of each, after one that is not")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--scale", request.setting.scale,
                 "multiplies the number of messages and actors; figures of other scales than 1 do "
                 "not compare")
      ->check(CLI::Range(1e-6, 100.0))
      ->capture_default_str();
  app.add_option("--sampling", request.setting.sampling,
                 "telemetry measures 1 in so many messages; 0 = none, 1 = all")
      ->check(CLI::Range(0u, core::SamplingRate::kMax))
      ->capture_default_str();
  app.add_flag("--json", request.json,
               "one JSON object a line: one a run, then a summary of each workload");
  app.add_flag("--list", request.list, "names, units and questions of all workloads");
  app.add_option("--idle-actors", request.idle_actor_count)->group("");
  app.add_option("--idle-named", request.idle_named)->group("");
}

// Those named, in the order named. Nothing, and a word about it, when a name is unknown.
std::optional<std::vector<Workload>> choose(const std::vector<std::string>& names) {
  const std::vector<Workload> all = all_workloads();
  std::vector<std::string> known{kAll};
  for (const Workload& workload : all) known.push_back(workload.name);
  std::vector<Workload> chosen;
  for (const std::string& name : names) {
    if (name == kAll) {
      chosen.insert(chosen.end(), all.begin(), all.end());
      continue;
    }
    const auto found = std::find_if(all.begin(), all.end(), [&name](const Workload& workload) {
      return workload.name == name;
    });
    if (found == all.end()) {
      const std::string near = core::nearest(name, known);
      std::cerr << "core_bench: no workload \"" << name << "\""
                << (near.empty() ? "" : "; did you mean " + near + "?")
                << " (core_bench --list has all names)\n";
      return std::nullopt;
    }
    chosen.push_back(*found);
  }
  return chosen;
}

Summary measure(const Workload& workload, const Setting& setting, std::uint32_t run_count,
                Report& report) {
  (void)workload.run(setting);
  std::vector<Sample> samples;
  for (std::uint32_t run = 1; run <= run_count; ++run) {
    samples.push_back(workload.run(setting));
    report.add_run({workload.name, workload.unit, setting.worker_count}, run, samples.back());
  }
  return summary_of(samples);
}

void run_workload(const Workload& workload, const Request& request, Report& report) {
  Setting setting = request.setting;
  setting.worker_count =
      std::clamp(setting.worker_count, workload.worker_count_min, workload.worker_count_max);
  std::optional<double> alone;
  if (workload.compares_with_one_worker && setting.worker_count > 1) {
    Setting one = setting;
    one.worker_count = 1;
    alone = measure(workload, one, request.run_count, report).median;
  }
  const Summary summary = measure(workload, setting, request.run_count, report);
  const auto speedup = alone ? std::optional(*alone / summary.median) : std::nullopt;
  report.add_summary({workload.name, workload.unit, setting.worker_count}, summary, speedup);
}

int run(int argc, char** argv) {
  Request request;
  CLI::App app("Measures the actor runtime, without network");
  declare(app, request);
  CLI11_PARSE(app, argc, argv);

  if (request.idle_actor_count > 0) {
    std::cout << idle_actor_bytes(request.setting, request.idle_actor_count, request.idle_named)
              << "\n";
    return 0;
  }
  if (request.list) {
    for (const Workload& workload : all_workloads()) {
      std::cout << workload.name << " (" << workload.unit << "): " << workload.question << "\n";
    }
    return 0;
  }
  const auto chosen = choose(request.names);
  if (!chosen) return 2;
  Report report(std::cout, request.json ? Report::Form::json : Report::Form::table);
  for (const Workload& workload : *chosen) {
    try {
      run_workload(workload, request, report);
    } catch (const Broken& broken) {
      std::cerr << "core_bench: " << workload.name << ": " << broken.what() << "\n";
      return 1;
    }
  }
  return 0;
}

}  // namespace
}  // namespace nexus::bench

int main(int argc, char** argv) {
  try {
    return nexus::bench::run(argc, argv);
  } catch (const std::exception& exception) {
    std::cerr << "core_bench: " << exception.what() << "\n";
  }
  return 1;
}
