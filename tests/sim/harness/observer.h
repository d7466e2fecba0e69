// Observer: sees what every process believes, knows what is true, and measures the difference.
//
//   on_...()     Simulation, as things happen
//   result()     Simulation, once, at the end of what is measured
//
// detection     from the fault to the removal at each healthy node
// convergence   from the scenario's first event, or the end of a partition, to the last healthy node's last change, which made its view the true one
// sizes         cluster sizes that any healthy node has held since the first event
// changes       calls of a process in which its view changed, since the first event
//
// It holds a few words a node, and one a node and subject of detection; nothing grows with the square of the nodes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/sim/event_queue.h"
#include "tests/sim/flat_map.h"
#include "tests/sim/harness/view_rules.h"
#include "tests/sim/process.h"

namespace nexus::sim {

// sick: neither blamed nor believed nor asked. convalescent: asked again what it sees, but who removes it is late, not wrong.
enum class Health : std::uint8_t { well, convalescent, sick };

// Of one node in one direction.
struct Traffic {
  std::uint64_t sent_bytes = 0;
  std::uint64_t sent_count = 0;
  std::uint64_t received_bytes = 0;
  std::uint64_t received_count = 0;
};

// What one seed measured.
struct SeedResult {
  std::vector<SimTime> detection;
  std::vector<SimTime> learned;
  // Nothing when some healthy node did not see the truth at the end.
  std::optional<SimTime> convergence;
  std::uint32_t healthy_removed = 0;
  // Each removal of a healthy member by a healthy one counts.
  std::uint64_t false_removal_count = 0;
  std::uint32_t faulty_left = 0;
  std::uint32_t view_change_count = 0;
  std::uint32_t distinct_size_count = 0;
  std::vector<Traffic> traffic;
  SimTime traffic_window{};
  std::uint64_t memory_bytes = 0;
  std::vector<std::string> violations;
  std::uint64_t trace_hash = 0;
  std::uint64_t event_count = 0;
  SimTime simulated{};
};

class Observer {
 public:
  Observer(std::uint32_t node_count, const Model::Traits& traits);

  // What is measured begins.
  void on_first_event(SimTime now);
  // Convergence counts from here; without it from the first event.
  void on_heal(SimTime now) { healed_at_ = now; }

  void on_start(SimTime now, Identity identity);
  void on_end(SimTime now, NodeIndex node);
  void on_renewed(SimTime now, Identity identity);
  void on_view(SimTime now, NodeIndex node, const ViewChange& change);
  // A call of the process is over in which on_view() was called: whatever lay between is nobody's view.
  void on_view_done(NodeIndex node);
  void on_standing(SimTime now, NodeIndex node, Standing standing);
  void on_learned(SimTime now, NodeIndex node);
  void on_put(SimTime now) { put_at_ = now; }

  void on_health(NodeIndex node, Health health);
  // Those that must go are no part of the truth.
  void on_must_go(SimTime now, NodeIndex node, bool must_go);
  // It goes of its own will: to miss it is right from now on.
  void on_leaving(NodeIndex node);
  // It does not run any more, and others have to find out.
  void on_crash(SimTime now, NodeIndex node);

  void on_sent(NodeIndex node, std::uint32_t bytes) {
    traffic_[node].sent_bytes += bytes;
    ++traffic_[node].sent_count;
  }
  void on_received(NodeIndex node, std::uint32_t bytes) {
    traffic_[node].received_bytes += bytes;
    ++traffic_[node].received_count;
  }

  bool is_healthy(NodeIndex node) const {
    return seen_[node].is_live && seen_[node].health == Health::well;
  }
  // All see the truth; what was put, if anything was, is known everywhere.
  bool is_done() const { return put_at_ == kNever ? is_settled() : is_learned(); }
  // Live nodes that see something else, or are no members.
  std::vector<NodeIndex> unsettled() const;

  ViewRules& rules() { return rules_; }
  // Who shall be found out, for believes().
  std::vector<Identity> subjects() const;
  SeedResult result(SimTime now) const;

 private:
  struct Seen {
    Identity identity;
    bool is_live = false;
    Health health = Health::well;
    bool must_go = false;
    bool is_leaving = false;
    bool has_learned = false;
    Standing standing = Standing::joining;
    // Sums over members, so that the order in which they came does not matter.
    ViewRules::View view;
    std::uint32_t size = 0;
    std::uint32_t change_count = 0;
    SimTime last_change{};
  };
  struct Subject {
    Identity identity;
    SimTime at;
    // By node; kNever where it was not.
    std::vector<SimTime> removed_at;
  };

  bool is_settled() const;
  bool is_learned() const;
  void add_subject(SimTime now, Identity identity);
  // Its view of before had that member.
  void on_missing(SimTime now, NodeIndex node, Identity missing);
  // And it is to blame for what has changed.
  void on_removed(SimTime now, NodeIndex node, Identity removed);
  void set_truth(NodeIndex node, bool is_part);
  void note_size(std::uint32_t size);
  bool counts(const Seen& seen) const { return seen.is_live && seen.standing == Standing::member; }
  // Its view is compared with the truth.
  bool is_asked(NodeIndex node) const {
    const Seen& seen = seen_[node];
    return seen.is_live && seen.health != Health::sick && !seen.must_go && !seen.is_leaving;
  }

  const bool has_epochs_;
  std::vector<Seen> seen_;
  // By node, apart from the rest: every message touches it.
  std::vector<Traffic> traffic_;
  std::vector<Subject> subjects_;
  // Identity to index into subjects_.
  FlatMap subject_of_;
  // Healthy ones that were removed; the value says nothing.
  FlatMap falsely_removed_;
  std::uint64_t false_removal_count_ = 0;
  std::uint32_t sick_count_ = 0;
  // The sum over all that should be members.
  std::uint64_t truth_ = 0;
  std::vector<std::uint8_t> is_in_truth_;
  std::vector<std::uint8_t> is_size_seen_;
  SimTime first_event_ = kNever;
  SimTime healed_at_ = kNever;
  SimTime put_at_ = kNever;
  std::vector<SimTime> learned_;
  ViewRules rules_;
};

}  // namespace nexus::sim
