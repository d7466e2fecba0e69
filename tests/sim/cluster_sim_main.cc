// How does a cluster protocol fare when things go wrong, and what does it cost?
//
//   cluster_sim --scenario NAME [--nodes N] [--seed S] [--seeds K] [--model NAME] [--policy NAME [--quorum N]] [--rtt-us T]
//               [--views] [--json]
//   cluster_sim --list
//
// Runs seeds S, S+1, .. of one scenario, each in a cluster of its own under virtual time, and prints a summary. A seed that breaks a
// rule is named with the command that runs it again, and with the fewest of its faults that still break it; the program ends with 1.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <exception>
#include <iostream>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "core/base/nearest.h"
#include "tests/bench/report/json_line.h"
#include "tests/sim/harness/simulation.h"
#include "tests/sim/harness/summary.h"
#include "tests/sim/models/models.h"
#include "tests/sim/models/nexus_model.h"
#include "tests/sim/scenario.h"
#include "tests/sim/shrink.h"

namespace nexus::sim {
namespace {

struct Request {
  std::string scenario;
  std::string model = "nexus";
  // Of nexus only; empty: its default.
  std::string policy;
  // Of static-quorum only; 0: more than half of all nodes that there will be.
  std::uint32_t quorum = 0;
  // 0: the scenario's own.
  std::uint32_t node_count = 0;
  std::uint64_t seed = 1;
  std::uint32_t seed_count = 1;
  // 0: the scenario's own.
  std::uint32_t round_trip_us = 0;
  std::vector<std::uint32_t> only_faults;
  std::uint32_t shrink_attempts_max = 100;
  bool tells_views = false;
  bool json = false;
  bool list = false;
};

void declare(CLI::App& app, Request& request) {
  app.add_option("--scenario", request.scenario, "--list has the names");
  app.add_option("--model", request.model,
                 "protocol to run; all but nexus are models of published ones")
      ->capture_default_str();
  app.add_option("--policy", request.policy,
                 "which part of nexus goes on when links between parts are cut: keep-majority "
                 "(default), static-quorum, keep-oldest, none");
  app.add_option("--quorum", request.quorum,
                 "members that static-quorum asks for; default: more than half of all nodes")
      ->check(CLI::Range(1, 20'000));
  app.add_option("--nodes", request.node_count, "default: as --list says")
      ->check(CLI::Range(2, 20'000));
  app.add_option("--seed", request.seed, "the first")->capture_default_str();
  app.add_option("--seeds", request.seed_count, "so many, one after the other")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  app.add_option("--rtt-us", request.round_trip_us,
                 "round trip of the network in microseconds; default 1000")
      ->check(CLI::Range(1, 10'000'000));
  app.add_option("--only-faults", request.only_faults,
                 "run only these of the seed's faults, by index")
      ->delimiter(',');
  app.add_option("--shrink", request.shrink_attempts_max,
                 "runs at most, to find the faults that matter; 0: none")
      ->capture_default_str();
  app.add_flag("--views", request.tells_views,
               "the faults, and each change of each node's view and standing, on stderr");
  app.add_flag("--json", request.json, "the summary as one JSON object");
  app.add_flag("--list", request.list, "all scenarios and models");
}

template <typename T, typename NameOf>
const T* find_named(const std::vector<T>& all, const std::string& name, const char* what,
                    NameOf name_of) {
  std::vector<std::string> known;
  for (const T& one : all) {
    if (name_of(one) == name) return &one;
    known.push_back(name_of(one));
  }
  const std::string near = core::nearest(name, known);
  std::cerr << "cluster_sim: no " << what << " \"" << name << "\""
            << (near.empty() ? "" : "; did you mean " + near + "?")
            << " (cluster_sim --list and --help have all)\n";
  return nullptr;
}

Scenario scenario_of(const Request& request, const ScenarioKind& kind, std::uint64_t seed) {
  Scenario scenario = kind.make(request.node_count, mix64(seed));
  if (request.round_trip_us != 0) {
    scenario.network.round_trip = std::chrono::microseconds(request.round_trip_us);
  }
  return scenario;
}

SeedResult run_faults(Scenario scenario, Model& model, std::uint64_t seed, const Kept& kept,
                      std::ostream* story = nullptr) {
  std::vector<Fault> faults;
  for (const std::uint32_t index : kept) faults.push_back(scenario.plan.faults[index]);
  scenario.plan.faults = std::move(faults);
  if (story != nullptr) {
    for (const Fault& fault : scenario.plan.faults) *story << to_string(fault) << "\n";
  }
  Simulation simulation(std::move(scenario), model, mix64(seed, 4));
  if (story != nullptr) simulation.tell(*story);
  return simulation.run();
}

// All, or those asked for; there may be fewer than somebody thought.
Kept faults_of(const Request& request, const Scenario& scenario) {
  Kept kept = request.only_faults;
  if (kept.empty()) {
    kept.resize(scenario.plan.faults.size());
    std::iota(kept.begin(), kept.end(), 0u);
  }
  std::erase_if(kept, [&](std::uint32_t index) { return index >= scenario.plan.faults.size(); });
  return kept;
}

std::string replay_of(const Request& request, std::uint64_t seed) {
  std::string command = "cluster_sim --scenario " + request.scenario + " --nodes " +
                        std::to_string(request.node_count) + " --seed " + std::to_string(seed) +
                        " --seeds 1 --model " + request.model;
  if (!request.policy.empty()) command += " --policy " + request.policy;
  if (request.quorum != 0) command += " --quorum " + std::to_string(request.quorum);
  if (request.round_trip_us != 0) command += " --rtt-us " + std::to_string(request.round_trip_us);
  return command;
}

// Which of the seed's faults it takes to break the rule that broke first.
void explain(const Request& request, Model& model, const Scenario& scenario, std::uint64_t seed,
             const std::string& rule) {
  const Kept all = faults_of(request, scenario);
  const auto fails = [&](const Kept& kept) {
    const SeedResult result = run_faults(scenario, model, seed, kept);
    return std::any_of(
        result.violations.begin(), result.violations.end(),
        [&rule](const std::string& violation) { return ViewRules::rule_of(violation) == rule; });
  };
  const Kept fewest = shrink(all, fails, request.shrink_attempts_max);
  std::string indices;
  for (const std::uint32_t index : fewest) {
    indices += (indices.empty() ? "" : ",") + std::to_string(index);
  }
  std::cerr << fewest.size() << " of " << all.size() << " faults are enough for " << rule;
  if (!fewest.empty())
    std::cerr << ": " << replay_of(request, seed) << " --only-faults " << indices;
  std::cerr << "\n";
  for (const std::uint32_t index : fewest) {
    std::cerr << "  " << to_string(scenario.plan.faults[index]) << "\n";
  }
}

int run(const Request& request, const ScenarioKind& kind, Model& model) {
  const auto begin = std::chrono::steady_clock::now();
  Summary summary;
  bool has_explained = false;
  for (std::uint64_t seed = request.seed; seed < request.seed + request.seed_count; ++seed) {
    const Scenario scenario = scenario_of(request, kind, seed);
    SeedResult result = run_faults(scenario, model, seed, faults_of(request, scenario),
                                   request.tells_views ? &std::cerr : nullptr);
    if (!result.violations.empty()) {
      for (const std::string& violation : result.violations) std::cerr << violation << "\n";
      std::cerr << "replay: " << replay_of(request, seed) << "\n";
      if (!has_explained && request.shrink_attempts_max > 0) {
        explain(request, model, scenario, seed, ViewRules::rule_of(result.violations.front()));
      }
      has_explained = true;
    }
    summary.add(std::move(result));
  }
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - begin;
  const RunSubject subject{request.scenario, request.node_count, request.model, request.policy};
  if (request.json) {
    summary.write_json(std::cout, subject, wall.count());
  } else {
    summary.write_text(std::cout, subject, wall.count());
  }
  return summary.violation_count() == 0 ? 0 : 1;
}

void list() {
  std::cout << "scenarios (default number of nodes):\n";
  for (const ScenarioKind& kind : all_scenarios()) {
    std::cout << "  " << kind.name << " (" << kind.default_node_count << ")  " << kind.question
              << "\n";
  }
  std::cout << "models:\n";
  for (const std::string& name : model_names()) {
    std::cout << "  " << name << "  " << make_model(name)->traits().description << "\n";
  }
}

// Fills in what was not given, or says on stderr why it cannot be.
std::optional<cluster::PartitionPolicy> policy_of(Request& request, const ScenarioKind& kind) {
  using Kind = cluster::PartitionPolicy::Kind;
  if (request.model != "nexus") {
    if (request.policy.empty() && request.quorum == 0) return cluster::PartitionPolicy{};
    std::cerr << "cluster_sim: --policy and --quorum are for --model nexus; " << request.model
              << " has nothing to choose\n";
    return std::nullopt;
  }
  const std::vector<std::string>& names = policy_names();
  if (request.policy.empty()) request.policy = names.front();
  const std::string* name =
      find_named(names, request.policy, "policy", [](const std::string& known) { return known; });
  if (name == nullptr) return std::nullopt;
  cluster::PartitionPolicy policy{.kind = static_cast<Kind>(name - names.data())};
  if (policy.kind != Kind::static_quorum) {
    if (request.quorum == 0) return policy;
    std::cerr << "cluster_sim: --quorum is for --policy static-quorum\n";
    return std::nullopt;
  }
  const std::uint32_t all = scenario_of(request, kind, request.seed).node_count;
  if (request.quorum == 0) request.quorum = all / 2 + 1;
  if (request.quorum <= all / 2 || request.quorum > all) {
    std::cerr << "cluster_sim: --quorum " << request.quorum << ": of the " << all << " nodes of "
              << kind.name << " it takes " << all / 2 + 1 << " to " << all << "\n";
    return std::nullopt;
  }
  policy.quorum = request.quorum;
  return policy;
}

int main(int argc, char** argv) {
  Request request;
  CLI::App app("Deterministic simulation of cluster membership");
  declare(app, request);
  CLI11_PARSE(app, argc, argv);
  if (request.list) {
    list();
    return 0;
  }
  const auto name_of_kind = [](const ScenarioKind& kind) { return kind.name; };
  const ScenarioKind* kind =
      find_named(all_scenarios(), request.scenario, "scenario", name_of_kind);
  if (kind == nullptr) return 2;
  const std::vector<std::string> names = model_names();
  const auto itself = [](const std::string& name) { return name; };
  if (find_named(names, request.model, "model", itself) == nullptr) return 2;
  if (request.node_count == 0) request.node_count = kind->default_node_count;
  if (request.node_count < kind->node_count_min) {
    std::cerr << "cluster_sim: " << kind->name << " needs at least " << kind->node_count_min
              << " nodes\n";
    return 2;
  }
  const std::optional<cluster::PartitionPolicy> policy = policy_of(request, *kind);
  if (!policy) return 2;
  return run(request, *kind, *make_model(request.model, *policy));
}

}  // namespace
}  // namespace nexus::sim

int main(int argc, char** argv) {
  try {
    return nexus::sim::main(argc, argv);
  } catch (const std::exception& exception) {
    std::cerr << exception.what() << "\n";
  }
  return 1;
}
