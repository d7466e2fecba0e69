#include "tests/sim/harness/simulation.h"

#include <algorithm>
#include <utility>

namespace nexus::sim {
namespace {

SimTime end_of_all(const FaultPlan& plan) {
  SimTime end = plan.end();
  for (const Fault& fault : plan.faults) end = std::max(end, fault.sick_until);
  return end;
}

}  // namespace

Simulation::Simulation(Scenario scenario, Model& model, std::uint64_t seed)
    : scenario_(std::move(scenario)),
      model_(model),
      faults_end_(end_of_all(scenario_.plan)),
      observer_(scenario_.node_count, model.traits()),
      network_(scenario_.network, scenario_.node_count, mix64(seed, 1), world_.events, *this),
      rule_of_fault_(scenario_.plan.faults.size(), 0),
      is_starved_(scenario_.node_count, 0),
      ill_holds_(scenario_.node_count, 0),
      sick_holds_(scenario_.node_count, 0),
      is_dead_(scenario_.node_count, 0),
      agreement_is_checked_(!model.traits().has_one_view_an_epoch || !scenario_.asserts_liveness),
      return_is_checked_(agreement_is_checked_) {
  world_.network = &network_;
  world_.observer = &observer_;
  world_.hosts.resize(scenario_.node_count);
  for (NodeIndex node = 0; node < scenario_.node_count; ++node) {
    nodes_.push_back(std::make_unique<SimNode>(world_, node, mix64(mix64(seed, 2), node)));
    starve_random_.emplace_back(mix64(mix64(seed, 3), node));
  }
}

SeedResult Simulation::run() {
  start_settled();
  world_.events.push(scenario_.first_event, EventKind::first_event, 0);
  if (scenario_.healed_at != kNever) world_.events.push(scenario_.healed_at, EventKind::heal, 0);
  const std::vector<Fault>& faults = scenario_.plan.faults;
  for (std::uint32_t index = 0; index < faults.size(); ++index) {
    world_.events.push(faults[index].at, EventKind::fault, index);
  }
  world_.events.push(kCheckEvery, EventKind::check, 0);
  while (!world_.events.empty()) {
    const Event event = world_.events.pop();
    world_.now = event.at;
    ++event_count_;
    if (event.kind == EventKind::check) {
      if (check()) break;
      world_.events.push(world_.now + kCheckEvery, EventKind::check, 0);
    } else {
      dispatch(event);
    }
  }
  result_.violations = observer_.rules().violations();
  result_.trace_hash = world_.trace_hash;
  result_.event_count = event_count_;
  result_.simulated = world_.now;
  return std::move(result_);
}

void Simulation::dispatch(const Event& event) {
  switch (event.kind) {
    case EventKind::arrive:
      return network_.on_arrive(world_.now, event.a);
    case EventKind::retry:
      return network_.on_retry(world_.now, event.a, event.b);
    case EventKind::stream_end:
      return network_.on_stream_end(event.a);
    case EventKind::run:
      return nodes_[event.a]->on_run();
    case EventKind::wake:
      return nodes_[event.a]->on_wake();
    case EventKind::fault:
      return begin_fault(event.a);
    case EventKind::fault_end:
      return end_fault(event.a);
    case EventKind::recovered:
      return recover(event.a, event.b != 0);
    case EventKind::starve:
      return toggle_starved(event.a, event.b);
    case EventKind::first_event:
      return observer_.on_first_event(world_.now);
    case EventKind::heal:
      return observer_.on_heal(world_.now);
    case EventKind::check:
      return;
  }
}

void Simulation::arrived(Arrival arrival) {
  SimNode& node = *nodes_[arrival.to];
  node.arrived(std::move(arrival));
}

void Simulation::start_settled() {
  auto members = std::make_shared<std::vector<Identity>>();
  for (NodeIndex node = 0; node < scenario_.settled_count; ++node) members->push_back({node, 1});
  const std::shared_ptr<const std::vector<Identity>> shared = std::move(members);
  for (NodeIndex node = 0; node < scenario_.settled_count; ++node) {
    nodes_[node]->start(model_, scenario_.node_count, [&](Process& process) {
      process.start_settled(shared, scenario_.contacts);
    });
  }
}

void Simulation::start_alone(NodeIndex node) {
  if (is_dead_[node] != 0) {
    is_dead_[node] = 0;
    --ill_holds_[node];
    release_sick(node);
  }
  nodes_[node]->start(model_, scenario_.node_count,
                      [&](Process& process) { process.start(scenario_.contacts); });
}

void Simulation::begin_fault(std::uint32_t index) {
  const Fault& fault = scenario_.plan.faults[index];
  if (fault.kind == Fault::Kind::rule) {
    rule_of_fault_[index] = network_.rules().add(
        {.from = fault.nodes, .to = fault.to, .loss = fault.loss, .delay = fault.delay});
  }
  for (const NodeIndex node : fault.sick) {
    hold_sick(node);
    if (fault.must_go) observer_.on_must_go(world_.now, node, true);
  }
  if (!fault.sick.empty()) {
    const SimTime well_at = std::max(fault.until, fault.sick_until);
    world_.events.push(well_at, EventKind::recovered, index, 0);
    world_.events.push(well_at + kConvalescence, EventKind::recovered, index, 1);
  }
  if (fault.kind != Fault::Kind::rule) {
    for (const NodeIndex node : fault.nodes) begin_fault_at(index, node);
  }
  if (fault.until > fault.at) world_.events.push(fault.until, EventKind::fault_end, index);
}

void Simulation::begin_fault_at(std::uint32_t index, NodeIndex node) {
  const Fault& fault = scenario_.plan.faults[index];
  SimNode& host = *nodes_[node];
  switch (fault.kind) {
    case Fault::Kind::crash:
    case Fault::Kind::kill:
      if (host.process() == nullptr) return;
      observer_.on_crash(world_.now, node);
      if (is_dead_[node] == 0) hold_sick(node);
      is_dead_[node] = 1;
      return host.end(fault.kind == Fault::Kind::crash);
    case Fault::Kind::start:
      return start_alone(node);
    case Fault::Kind::leave:
      if (host.process() == nullptr) return;
      observer_.on_leaving(node);
      return host.command([](Process& process) { process.leave(); });
    case Fault::Kind::put:
      observer_.on_put(world_.now);
      return host.command(
          [&](Process& process) { process.put(index, static_cast<std::uint32_t>(fault.amount)); });
    case Fault::Kind::pause:
      return host.cpu().stop();
    case Fault::Kind::starve:
      return toggle_starved(node, index);
    case Fault::Kind::slow:
      return host.cpu().set_slowness(static_cast<std::uint32_t>(fault.amount));
    case Fault::Kind::drift:
      return host.clock().set_rate(world_.now, fault.amount);
    case Fault::Kind::rule:
      return;
  }
}

void Simulation::end_fault(std::uint32_t index) {
  const Fault& fault = scenario_.plan.faults[index];
  if (fault.kind == Fault::Kind::rule) network_.rules().remove(rule_of_fault_[index]);
  for (const NodeIndex node : fault.nodes) {
    SimNode& host = *nodes_[node];
    if (fault.kind == Fault::Kind::slow) host.cpu().set_slowness(1);
    const bool was_starved = fault.kind == Fault::Kind::starve && is_starved_[node] != 0;
    is_starved_[node] = 0;
    if (fault.kind != Fault::Kind::pause && !was_starved) continue;
    host.cpu().go_on();
    host.resume();
  }
}

void Simulation::toggle_starved(NodeIndex node, std::uint32_t index) {
  using namespace std::chrono_literals;
  const Fault& fault = scenario_.plan.faults[index];
  if (world_.now >= fault.until) return;
  SimNode& host = *nodes_[node];
  is_starved_[node] ^= 1;
  Random& random = starve_random_[node];
  const core::Duration window =
      is_starved_[node] != 0 ? random.between(500ms, 8s) : random.between(50ms, 250ms);
  world_.events.push(world_.now + window, EventKind::starve, node, index);
  if (is_starved_[node] != 0) {
    host.cpu().stop();
  } else {
    host.cpu().go_on();
    host.resume();
  }
}

void Simulation::recover(std::uint32_t index, bool is_convalescent) {
  const Fault& fault = scenario_.plan.faults[index];
  for (const NodeIndex node : fault.sick) {
    if (is_convalescent) {
      release_sick(node);
      continue;
    }
    --ill_holds_[node];
    note_health(node);
    if (fault.must_go) observer_.on_must_go(world_.now, node, false);
  }
}

void Simulation::hold_sick(NodeIndex node) {
  ++ill_holds_[node];
  ++sick_holds_[node];
  note_health(node);
}

void Simulation::release_sick(NodeIndex node) {
  --sick_holds_[node];
  note_health(node);
}

void Simulation::note_health(NodeIndex node) {
  observer_.on_health(node, ill_holds_[node] > 0    ? Health::sick
                            : sick_holds_[node] > 0 ? Health::convalescent
                                                    : Health::well);
}

bool Simulation::check() {
  ++check_count_;
  if (check_count_ % kSweepEveryChecks == 0) network_.sweep(world_.now);
  if (!is_measured_ && is_time_to_measure()) measure();
  assert_liveness();
  return is_measured_ && agreement_is_checked_ && return_is_checked_;
}

void Simulation::assert_liveness() {
  if (!agreement_is_checked_ && world_.now >= faults_end_ + ViewRules::kAgreeWithin) {
    agreement_is_checked_ = true;
    observer_.rules().check_agreement(world_.now, faults_end_);
  }
  if (!return_is_checked_ && world_.now >= faults_end_ + scenario_.return_within) {
    return_is_checked_ = true;
    observer_.rules().check_return(world_.now, scenario_.return_within, observer_.unsettled());
  }
}

bool Simulation::is_time_to_measure() const {
  if (scenario_.measure_at != kNever) return world_.now >= scenario_.measure_at;
  if (world_.now >= scenario_.give_up_at) return true;
  if (world_.now < std::max(faults_end_, scenario_.first_event + scenario_.measure_after)) {
    return false;
  }
  return observer_.is_done();
}

void Simulation::measure() {
  is_measured_ = true;
  result_ = observer_.result(world_.now);
  std::uint64_t memory = 0;
  std::uint64_t process_count = 0;
  for (const auto& node : nodes_) {
    if (node->process() == nullptr) continue;
    memory += node->process()->memory_bytes();
    ++process_count;
  }
  if (process_count > 0) result_.memory_bytes = memory / process_count;
  for (const Identity subject : observer_.subjects()) {
    const bool is_left = std::any_of(nodes_.begin(), nodes_.end(), [&](const auto& node) {
      return node->process() != nullptr && observer_.is_healthy(node->self().node) &&
             node->process()->believes(subject);
    });
    if (is_left) ++result_.faulty_left;
  }
}

}  // namespace nexus::sim
