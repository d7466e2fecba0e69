#include <algorithm>
#include <chrono>

#include "tests/sim/scenario.h"

namespace nexus::sim {
namespace {

using namespace std::chrono_literals;

// Long enough for every model's timers to lose the common beginning.
constexpr SimTime kSettled = 10s;

std::vector<NodeIndex> range(NodeIndex begin, NodeIndex end) {
  std::vector<NodeIndex> nodes;
  for (NodeIndex node = begin; node < end; ++node) nodes.push_back(node);
  return nodes;
}

// `count` different ones of [0, node_count), sorted.
std::vector<NodeIndex> pick(Random& random, std::uint32_t node_count, std::uint32_t count) {
  std::vector<NodeIndex> nodes = range(0, node_count);
  for (std::uint32_t i = 0; i < count; ++i)
    std::swap(nodes[i], nodes[i + random.below(node_count - i)]);
  nodes.resize(count);
  std::sort(nodes.begin(), nodes.end());
  return nodes;
}

// Members of one cluster; the first three are who is asked.
Scenario settled(std::uint32_t node_count, std::uint32_t joiner_count = 0) {
  Scenario scenario;
  scenario.settled_count = node_count;
  scenario.node_count = node_count + joiner_count;
  scenario.contacts = range(0, std::min(3u, node_count));
  scenario.first_event = kSettled;
  return scenario;
}

Fault at(SimTime when, Fault::Kind kind, std::vector<NodeIndex> nodes) {
  Fault fault;
  fault.kind = kind;
  fault.at = when;
  fault.until = when;
  fault.nodes = std::move(nodes);
  return fault;
}

Fault while_sick(SimTime begin, SimTime end, Fault::Kind kind, std::vector<NodeIndex> nodes) {
  Fault fault = at(begin, kind, std::move(nodes));
  fault.until = end;
  fault.sick = fault.nodes;
  fault.sick_until = end;
  return fault;
}

Fault rule(SimTime begin, SimTime end, std::vector<NodeIndex> from, std::vector<NodeIndex> to,
           std::uint32_t loss) {
  Fault fault = at(begin, Fault::Kind::rule, std::move(from));
  fault.until = end;
  fault.to = std::move(to);
  fault.loss = loss;
  return fault;
}

// Half of the clocks run 1 % fast, the others 1 % slow.
void add_drift(FaultPlan& plan, Random& random, std::uint32_t node_count) {
  constexpr std::int32_t kPpm = 10'000;
  const std::vector<NodeIndex> fast = pick(random, node_count, node_count / 2);
  std::vector<NodeIndex> slow;
  for (NodeIndex node = 0; node < node_count; ++node) {
    if (!std::binary_search(fast.begin(), fast.end(), node)) slow.push_back(node);
  }
  for (const auto& [nodes, ppm] : {std::pair{fast, kPpm}, std::pair{slow, -kPpm}}) {
    Fault fault = at(1s, Fault::Kind::drift, nodes);
    fault.amount = ppm;
    plan.faults.push_back(std::move(fault));
  }
}

Scenario bootstrap(std::uint32_t node_count, std::uint64_t seed) {
  Random random(seed);
  Scenario scenario;
  scenario.node_count = node_count;
  scenario.contacts = {0};
  scenario.plan.faults.push_back(at(0s, Fault::Kind::start, {0}));
  for (NodeIndex node = 1; node < node_count; ++node) {
    scenario.plan.faults.push_back(at(random.between(0ms, 100ms), Fault::Kind::start, {node}));
  }
  scenario.give_up_at = 600s;
  scenario.asserts_liveness = false;
  return scenario;
}

Scenario steady(std::uint32_t node_count, std::uint64_t seed) {
  (void)seed;
  Scenario scenario = settled(node_count);
  scenario.measure_at = kSettled + 60s;
  return scenario;
}

Scenario dissemination(std::uint32_t node_count, std::uint64_t seed) {
  Random random(seed);
  Scenario scenario = settled(node_count);
  Fault put = at(kSettled + random.between(0s, 1s), Fault::Kind::put, pick(random, node_count, 1));
  put.amount = 64;
  scenario.first_event = put.at;
  scenario.plan.faults.push_back(std::move(put));
  scenario.give_up_at = kSettled + 60s;
  return scenario;
}

// Faults at an instant, watched for half a minute even when all is soon over.
Scenario crash(std::uint32_t node_count, std::uint64_t seed, std::uint32_t count) {
  Random random(seed);
  Scenario scenario = settled(node_count);
  scenario.plan.faults.push_back(
      at(kSettled + random.between(0s, 1s), Fault::Kind::crash, pick(random, node_count, count)));
  scenario.first_event = scenario.plan.faults.front().at;
  scenario.measure_after = 30s;
  scenario.give_up_at = 200s;
  return scenario;
}

Scenario crash1(std::uint32_t node_count, std::uint64_t seed) { return crash(node_count, seed, 1); }
Scenario crash10(std::uint32_t node_count, std::uint64_t seed) {
  return crash(node_count, seed, 10);
}

// One in a hundred.
std::vector<NodeIndex> pick_percent(Random& random, std::uint32_t node_count) {
  return pick(random, node_count, std::max(1u, node_count / 100));
}

Scenario flipflop(std::uint32_t node_count, std::uint64_t seed) {
  constexpr int kCycleCount = 5;
  constexpr core::Duration kPhase = 20s;
  Random random(seed);
  Scenario scenario = settled(node_count);
  const std::vector<NodeIndex> bad = pick_percent(random, node_count);
  const SimTime end = kSettled + kPhase * (2 * kCycleCount - 1);
  for (int cycle = 0; cycle < kCycleCount; ++cycle) {
    const SimTime begin = kSettled + kPhase * 2 * cycle;
    Fault loss = rule(begin, begin + kPhase, range(0, node_count), bad, kLoseAll);
    // It is one sickness, which comes and goes.
    if (cycle == 0) {
      loss.sick = bad;
      loss.sick_until = end;
      loss.must_go = true;
    }
    scenario.plan.faults.push_back(std::move(loss));
  }
  scenario.measure_at = end - 100ms;
  // Who was deaf to all in a large cluster listens for 25 s first, so that it does not come and go with its link.
  scenario.return_within = 45s;
  return scenario;
}

Scenario loss80(std::uint32_t node_count, std::uint64_t seed) {
  Random random(seed);
  Scenario scenario = settled(node_count);
  const std::vector<NodeIndex> bad = pick_percent(random, node_count);
  Fault loss = rule(kSettled, kSettled + 120s, bad, range(0, node_count), kLoseAll * 8 / 10);
  loss.sick = bad;
  loss.must_go = true;
  scenario.plan.faults.push_back(std::move(loss));
  scenario.measure_at = kSettled + 120s - 100ms;
  return scenario;
}

Scenario slow_members(std::uint32_t node_count, std::uint64_t seed) {
  Random random(seed);
  Scenario scenario = settled(node_count);
  std::vector<NodeIndex> chosen = pick(random, node_count, node_count / 10 + 1);
  std::swap(chosen.back(), chosen[random.below(static_cast<std::uint32_t>(chosen.size()))]);
  const NodeIndex victim = chosen.back();
  chosen.pop_back();
  scenario.plan.faults.push_back(
      while_sick(kSettled, kSettled + 120s, Fault::Kind::starve, chosen));
  scenario.plan.faults.push_back(
      at(kSettled + 30s + random.between(0s, 1s), Fault::Kind::crash, {victim}));
  scenario.measure_at = kSettled + 120s - 100ms;
  return scenario;
}

// Nodes [begin, middle) and [middle, end) see nothing of each other for half a minute.
Scenario split(std::uint32_t node_count, NodeIndex begin) {
  Scenario scenario = settled(node_count);
  const NodeIndex middle = begin + (node_count - begin) / 2;
  const SimTime end = kSettled + 30s;
  const auto left = range(begin, middle);
  const auto right = range(middle, node_count);
  for (const auto& [from, to] : {std::pair{left, right}, std::pair{right, left}}) {
    Fault cut = rule(kSettled, end, from, to, kLoseAll);
    cut.sick = from;
    scenario.plan.faults.push_back(std::move(cut));
  }
  scenario.healed_at = end;
  return scenario;
}

Scenario partition_half(std::uint32_t node_count, std::uint64_t seed) {
  (void)seed;
  return split(node_count, 0);
}
Scenario bridge(std::uint32_t node_count, std::uint64_t seed) {
  (void)seed;
  return split(node_count, 1);
}

// Each pair of parts loses and finds each other at a moment of its own, within two seconds.
Scenario partition_thirds(std::uint32_t node_count, std::uint64_t seed) {
  constexpr std::uint32_t kPartCount = 3;
  Random random(seed);
  Scenario scenario = settled(node_count);
  std::vector<std::vector<NodeIndex>> parts;
  for (std::uint32_t part = 0; part < kPartCount; ++part) {
    parts.push_back(range(node_count * part / kPartCount, node_count * (part + 1) / kPartCount));
  }
  for (std::uint32_t a = 0; a < kPartCount; ++a) {
    const std::uint32_t b = (a + 1) % kPartCount;
    const SimTime begin = kSettled + random.between(0s, 2s);
    const SimTime end = kSettled + 30s + random.between(0s, 2s);
    for (const auto& [from, to] : {std::pair{a, b}, std::pair{b, a}}) {
      Fault cut = rule(begin, end, parts[from], parts[to], kLoseAll);
      cut.sick = parts[from];
      scenario.plan.faults.push_back(std::move(cut));
    }
  }
  scenario.healed_at = scenario.plan.end();
  return scenario;
}

// Both ways between `node` and `others` so much is lost, and what passes is late.
std::vector<Fault> bad_links(SimTime begin, SimTime end, NodeIndex node,
                             const std::vector<NodeIndex>& others, std::uint32_t loss,
                             core::Duration delay) {
  std::vector<Fault> faults{rule(begin, end, {node}, others, loss),
                            rule(begin, end, others, {node}, loss)};
  for (Fault& fault : faults) {
    fault.delay = delay;
    fault.sick = {node};
  }
  return faults;
}

// Down at `now`, and back under a new identity.
std::vector<Fault> restart(SimTime now, Fault::Kind down, core::Duration away, NodeIndex node) {
  return {at(now, down, {node}), at(now + away, Fault::Kind::start, {node})};
}

// Something happens to `node`.
std::vector<Fault> mishap(Random& random, SimTime now, NodeIndex node, std::uint32_t node_count) {
  switch (random.below(7)) {
    case 0:
      return restart(now, Fault::Kind::crash, random.between(1s, 15s), node);
    case 1:
      return restart(now, Fault::Kind::kill, random.between(100ms, 15s), node);
    case 2:
      return restart(now, Fault::Kind::leave, random.between(2s, 10s), node);
    case 3:
      return {while_sick(now, now + random.between(500ms, 5s), Fault::Kind::pause, {node})};
    case 4: {
      // 2 ms a message.
      Fault slow = while_sick(now, now + random.between(2s, 10s), Fault::Kind::slow, {node});
      slow.amount = 200;
      return {slow};
    }
    case 5: {
      // A partial mesh: a quarter of the others is out of reach.
      const SimTime end = now + random.between(1s, 10s);
      return bad_links(now, end, node, pick(random, node_count, node_count / 4), kLoseAll, 0ms);
    }
    default: {
      const SimTime end = now + random.between(2s, 10s);
      return bad_links(now, end, node, range(0, node_count), kLoseAll * 3 / 10, 20ms);
    }
  }
}

// Nodes take turns, so that few are sick at once.
Scenario churn(std::uint32_t node_count, std::uint64_t seed) {
  constexpr std::uint32_t kEventCount = 40;
  constexpr std::uint32_t kJoinEvery = 8;
  Random random(seed);
  const std::uint32_t joiner_count = kEventCount / kJoinEvery;
  Scenario scenario = settled(node_count, joiner_count);
  std::vector<NodeIndex> turns = range(0, node_count);
  for (std::uint32_t i = node_count - 1; i > 0; --i) {
    std::swap(turns[i], turns[random.below(i + 1)]);
  }
  SimTime now = kSettled;
  for (std::uint32_t i = 0; i < kEventCount; ++i) {
    now += random.between(500ms, 3s);
    std::vector<Fault> faults = mishap(random, now, turns[i % node_count], node_count);
    if (i % kJoinEvery == 0) {
      faults = {at(now, Fault::Kind::start, {node_count + i / kJoinEvery})};
    }
    for (Fault& fault : faults) scenario.plan.faults.push_back(std::move(fault));
  }
  add_drift(scenario.plan, random, node_count);
  return scenario;
}

// Everybody who may be asked is away for some time, and comes back at a moment of its own: not to found a second cluster.
Scenario seeds_restart(std::uint32_t node_count, std::uint64_t seed) {
  Random random(seed);
  Scenario scenario = settled(node_count);
  const Fault::Kind down = random.below(2) == 0 ? Fault::Kind::crash : Fault::Kind::kill;
  for (const NodeIndex node : scenario.contacts) {
    const SimTime when = kSettled + random.between(0ms, 500ms);
    for (Fault& fault : restart(when, down, random.between(100ms, 5s), node))
      scenario.plan.faults.push_back(std::move(fault));
  }
  return scenario;
}

Scenario join20(std::uint32_t node_count, std::uint64_t seed) {
  constexpr std::uint32_t kJoinerCount = 20;
  (void)seed;
  Scenario scenario = settled(node_count, kJoinerCount);
  for (NodeIndex node = node_count; node < node_count + kJoinerCount; ++node) {
    scenario.plan.faults.push_back(at(kSettled, Fault::Kind::start, {node}));
  }
  scenario.measure_after = 1s;
  return scenario;
}

Scenario rolling_restart(std::uint32_t node_count, std::uint64_t seed) {
  constexpr core::Duration kEach = 8s;
  // From the wish to leave to the new start; who has not left by then is killed.
  constexpr core::Duration kAway = 5s;
  Random random(seed);
  Scenario scenario = settled(node_count);
  for (NodeIndex node = 0; node < node_count; ++node) {
    const SimTime when = kSettled + kEach * static_cast<int>(node);
    scenario.plan.faults.push_back(at(when, Fault::Kind::leave, {node}));
    scenario.plan.faults.push_back(at(when + kAway, Fault::Kind::start, {node}));
  }
  add_drift(scenario.plan, random, node_count);
  scenario.give_up_at = scenario.plan.end() + 300s;
  return scenario;
}

}  // namespace

const std::vector<ScenarioKind>& all_scenarios() {
  static const std::vector<ScenarioKind> kAll{
      {"bootstrap", "All start within 100 ms and know one: when does each know all?", 2000, 2,
       bootstrap},
      {"steady", "What does a minute cost in which nothing happens?", 1000, 2, steady},
      {"dissemination", "When does the last node know a value that one has put?", 200, 2,
       dissemination},
      {"crash1", "One node loses power.", 1000, 3, crash1},
      {"crash10", "Ten nodes lose power at once.", 1000, 30, crash10},
      {"flipflop", "1 % of the nodes receive nothing for 20 s of every 40 s.", 1000, 10, flipflop},
      {"loss80", "1 % of the nodes lose 80 % of what they send.", 1000, 10, loss80},
      {"slow_members",
       "A tenth is starved of CPU for two minutes; a healthy node loses power meanwhile.", 128, 20,
       slow_members},
      {"partition_half", "Two halves are cut from each other for 30 s.", 100, 4, partition_half},
      {"partition_thirds", "Three thirds are cut from each other for 30 s.", 12, 6,
       partition_thirds},
      {"bridge", "The same, but one node sees both halves.", 100, 5, bridge},
      {"churn",
       "Crashes, kills, leaves, restarts, joins, pauses, slow CPUs, partial meshes and bad cables, "
       "one each second or two; clocks drift.",
       50, 20, churn},
      {"seeds_restart",
       "The seeds lose power or are killed while the others live, and start again within 5 s.", 12,
       7, seeds_restart},
      {"join20", "Twenty nodes join a settled cluster at once.", 1500, 3, join20},
      {"rolling_restart",
       "Each node leaves and comes back under a new identity, one after the other; clocks drift.",
       20, 3, rolling_restart},
  };
  return kAll;
}

}  // namespace nexus::sim
