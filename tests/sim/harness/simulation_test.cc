#include "tests/sim/harness/simulation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "tests/sim/models/models.h"

namespace nexus::sim {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct Number final : Payload {
  explicit Number(std::uint32_t number) : value(number) {}
  std::uint64_t digest() const override { return value; }
  const std::uint32_t value;
};

// A process that does what a test says, and notes what reaches it and when.
struct Script {
  std::function<void(Env&)> on_start = [](Env&) {};
  std::function<void(Env&)> on_time = [](Env&) {};
  std::vector<std::pair<core::Instant, std::uint32_t>> got;
};

class ScriptedProcess final : public Process {
 public:
  ScriptedProcess(Env& env, Script& script) : env_(env), script_(script) {}
  void start(std::span<const NodeIndex>) override { script_.on_start(env_); }
  void start_settled(const std::shared_ptr<const std::vector<Identity>>& members,
                     std::span<const NodeIndex>) override {
    env_.view_changed({.epoch = 1, .id = 1, .added = *members});
    env_.standing_changed(Standing::member);
    script_.on_start(env_);
  }
  void on_message(Identity, const PayloadPtr& payload) override {
    script_.got.emplace_back(env_.now(), static_cast<const Number&>(*payload).value);
  }
  void on_link_down(NodeIndex, WhyDown) override {}
  void on_time() override { script_.on_time(env_); }
  void leave() override { env_.left(); }
  void put(std::uint64_t, std::uint32_t) override {}
  bool believes(Identity) const override { return false; }
  std::size_t memory_bytes() const override { return 0; }

 private:
  Env& env_;
  Script& script_;
};

class ScriptedModel final : public Model {
 public:
  explicit ScriptedModel(std::uint32_t node_count) : scripts(node_count) {}
  Traits traits() const override {
    return {.has_epochs = true, .has_one_view_an_epoch = true, .description = "what a test says"};
  }
  std::unique_ptr<Process> make(Env& env, std::uint32_t) override {
    return std::make_unique<ScriptedProcess>(env, scripts[env.self().node]);
  }
  std::vector<Script> scripts;
};

Scenario settled(std::uint32_t node_count) {
  Scenario scenario;
  scenario.node_count = node_count;
  scenario.settled_count = node_count;
  scenario.first_event = 1s;
  scenario.measure_at = 20s;
  return scenario;
}

Fault fault(Fault::Kind kind, SimTime at, SimTime until, NodeIndex node) {
  Fault fault;
  fault.kind = kind;
  fault.at = at;
  fault.until = until;
  fault.nodes = {node};
  fault.sick = {node};
  return fault;
}

// Sends 0, 1, 2, .. to node 0, ten a second.
void count_to_node_0(ScriptedModel& model, NodeIndex sender) {
  const auto next = std::make_shared<std::uint32_t>(0);
  model.scripts[sender].on_start = [](Env& env) { env.wake_at(env.now()); };
  model.scripts[sender].on_time = [next](Env& env) {
    env.send(0, std::make_shared<Number>((*next)++), 100);
    env.wake_at(env.now() + 100ms);
  };
}

TEST(Simulation, H2_APausedProcessGetsEverythingLaterAndInOrder) {
  ScriptedModel model(2);
  count_to_node_0(model, 1);
  Scenario scenario = settled(2);
  scenario.plan.faults.push_back(fault(Fault::Kind::pause, 5s, 10s, 0));
  Simulation(scenario, model, 1).run();
  const auto& got = model.scripts[0].got;
  ASSERT_GT(got.size(), 190u);
  core::Duration longest{};
  for (std::size_t i = 0; i < got.size(); ++i) {
    ASSERT_EQ(got[i].second, i);
    if (i > 0) longest = std::max(longest, got[i].first - got[i - 1].first);
  }
  EXPECT_GE(longest, 4900ms);
  EXPECT_LE(longest, 5100ms);
}

TEST(Simulation, H1_ASlowProcessIsLateByWhatItsWorkTakes) {
  ScriptedModel model(2);
  count_to_node_0(model, 1);
  Scenario scenario = settled(2);
  Fault slow = fault(Fault::Kind::slow, 1s, 20s, 0);
  // 10 us and 100 bytes of 2 ns are then 1.02 s, ten times what there is time for.
  slow.amount = 100'000;
  scenario.plan.faults.push_back(slow);
  Simulation(scenario, model, 1).run();
  const auto& got = model.scripts[0].got;
  ASSERT_GT(got.size(), 20u);
  // These are handled while it is slow.
  EXPECT_GE(got[15].first - got[14].first, 1s);
}

TEST(Simulation, ACrashedNodeSendsAndGetsNothingMore) {
  ScriptedModel model(2);
  count_to_node_0(model, 1);
  Scenario scenario = settled(2);
  scenario.plan.faults.push_back(fault(Fault::Kind::crash, 5s, 5s, 1));
  Simulation(scenario, model, 1).run();
  EXPECT_NEAR(static_cast<double>(model.scripts[0].got.size()), 50, 1);
}

// Of 20 nodes, node 1 installs a second view without node 2.
SeedResult with_node_2_removed(FaultPlan plan) {
  constexpr std::uint32_t kNodeCount = 20;
  ScriptedModel model(kNodeCount);
  model.scripts[1].on_start = [](Env& env) { env.wake_at(env.now() + 5s); };
  model.scripts[1].on_time = [](Env& env) {
    const Identity gone{2, 1};
    env.view_changed({.epoch = 2, .id = 2, .removed = {&gone, 1}});
  };
  Scenario scenario = settled(kNodeCount);
  scenario.plan = std::move(plan);
  return Simulation(scenario, model, 1).run();
}

TEST(Simulation, S8_ToRemoveAHealthyMemberIsAViolation) {
  const SeedResult result = with_node_2_removed({});
  EXPECT_EQ(result.healthy_removed, 1u);
  EXPECT_THAT(result.violations,
              testing::Contains(HasSubstr("S8: node 1#1 removed the healthy node 2#1")));
}

TEST(Simulation, S8_ToRemoveACrashedMemberIsRight) {
  const SeedResult result = with_node_2_removed({{fault(Fault::Kind::crash, 2s, 2s, 2)}});
  EXPECT_EQ(result.healthy_removed, 0u);
  EXPECT_THAT(result.violations, testing::Not(testing::Contains(HasSubstr("S8"))));
  ASSERT_EQ(result.detection.size(), 1u);
  EXPECT_NEAR(static_cast<double>(result.detection[0].count()), 3e9, 1e7);
}

// Of 20 nodes, node 1 comes back under a new identity in a view without node 2, and then in one without node 3 either.
SeedResult with_node_1_back(bool removes_node_3) {
  constexpr std::uint32_t kNodeCount = 20;
  ScriptedModel model(kNodeCount);
  model.scripts[1].on_start = [](Env& env) { env.wake_at(env.now() + 5s); };
  model.scripts[1].on_time = [removes_node_3](Env& env) {
    const std::array gone{Identity{1, 1}, Identity{2, 1}};
    const Identity back = env.renew_identity();
    env.view_changed({.epoch = 3, .id = 3, .added = {&back, 1}, .removed = gone});
    if (!removes_node_3) return;
    const Identity healthy{3, 1};
    env.view_changed({.epoch = 4, .id = 4, .removed = {&healthy, 1}});
  };
  return Simulation(settled(kNodeCount), model, 1).run();
}

TEST(Simulation, S8_WhoComesBackUnderANewIdentityHasNotRemovedWhomItMisses) {
  const SeedResult result = with_node_1_back(false);
  EXPECT_EQ(result.healthy_removed, 0u);
  EXPECT_THAT(result.violations, testing::Not(testing::Contains(HasSubstr("S8"))));
}

TEST(Simulation, S8_WhoHasComeBackIsBlamedForWhatItRemovesThen) {
  const SeedResult result = with_node_1_back(true);
  EXPECT_EQ(result.healthy_removed, 1u);
  EXPECT_THAT(result.violations,
              testing::Contains(HasSubstr("S8: node 1#2 removed the healthy node 3#1")));
  EXPECT_THAT(result.violations, testing::Not(testing::Contains(HasSubstr("node 2#1"))));
}

TEST(Simulation, L1_L4_ViewsThatStayApartAreAViolation) {
  const SeedResult result = with_node_2_removed({});
  EXPECT_THAT(result.violations,
              testing::Contains(HasSubstr("L4: 10 s after the last fault 1 live nodes")));
}

// Every node is a seed, and knows the others only as it has asked them, a few at a time.
TEST(Simulation, ManySeedsThatStartOneAfterTheOtherMakeOneCluster) {
  constexpr std::uint32_t kNodeCount = 64;
  for (const core::Duration start_within : {10s, 30s}) {
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
      Random random(seed);
      Scenario scenario;
      scenario.node_count = kNodeCount;
      for (NodeIndex node = 0; node < kNodeCount; ++node) {
        scenario.contacts.push_back(node);
        const SimTime when = random.between(0s, start_within);
        scenario.plan.faults.push_back(fault(Fault::Kind::start, when, when, node));
      }
      scenario.give_up_at = start_within + 60s;
      scenario.asserts_liveness = false;
      const SeedResult result = Simulation(scenario, *make_model("nexus"), seed).run();
      ASSERT_TRUE(result.convergence) << "seed " << seed;
      EXPECT_LT(*result.convergence, start_within + 10s) << "seed " << seed;
      EXPECT_THAT(result.violations, IsEmpty());
    }
  }
}

std::uint64_t trace_of(const char* scenario_name, const char* model_name, std::uint64_t seed) {
  for (const ScenarioKind& kind : all_scenarios()) {
    if (kind.name != scenario_name) continue;
    return Simulation(kind.make(30, seed), *make_model(model_name), seed).run().trace_hash;
  }
  ADD_FAILURE() << "no scenario " << scenario_name;
  return 0;
}

TEST(Simulation, EqualSeedsGiveEqualTracesWhateverGoesWrong) {
  for (const std::string& model : model_names()) {
    for (const ScenarioKind& kind : all_scenarios()) {
      if (kind.name == "bootstrap" || kind.name == "rolling_restart") continue;
      EXPECT_EQ(trace_of(kind.name.c_str(), model.c_str(), 7),
                trace_of(kind.name.c_str(), model.c_str(), 7))
          << kind.name << " " << model;
    }
  }
}

// Each node leaves and comes back under a new identity, while clocks drift.
TEST(Simulation, ARollingRestartRemovesNobodyElse) {
  const auto kind = std::ranges::find(all_scenarios(), "rolling_restart", &ScenarioKind::name);
  ASSERT_NE(kind, all_scenarios().end());
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    const SeedResult result = Simulation(kind->make(9, seed), *make_model("nexus"), seed).run();
    EXPECT_TRUE(result.convergence) << "seed " << seed;
    EXPECT_EQ(result.healthy_removed, 0u) << "seed " << seed;
    EXPECT_THAT(result.violations, IsEmpty());
  }
}

TEST(Simulation, OtherSeedsGiveOtherTraces) {
  EXPECT_NE(trace_of("churn", "swim", 1), trace_of("churn", "swim", 2));
}

}  // namespace
}  // namespace nexus::sim
