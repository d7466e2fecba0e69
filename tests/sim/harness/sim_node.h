// SimNode: one address with what stands there: clock, CPU, inbox, and the process that runs, if one does. It is that process's Env.
//
//   all calls   Simulation, or the process inside a call that Simulation made
//
// H1  A process is called for one thing at a time, in the order in which things fell due; what a call sends leaves when the call is
//     paid for.
// H2  Nothing reaches a process while its CPU stands still. Its host takes what fits into the receive buffer.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <ostream>
#include <vector>

#include "tests/sim/event_queue.h"
#include "tests/sim/harness/observer.h"
#include "tests/sim/process.h"
#include "tests/sim/sim_cpu.h"
#include "tests/sim/sim_network.h"

namespace nexus::sim {

// What the network asks of a node, for every message: small, and side by side with that of others.
struct HostRecord {
  std::uint32_t boot_count = 0;
  std::uint32_t inbox_bytes = 0;
  HostState state = HostState::refusing;
};

// What all nodes of a simulation share.
struct World {
  SimTime now{};
  EventQueue events;
  std::vector<HostRecord> hosts;
  SimNetwork* network = nullptr;
  Observer* observer = nullptr;
  std::uint64_t trace_hash = 0;
  // Where changes of views and standings are told; may be null.
  std::ostream* story = nullptr;
};

class SimNode final : public Env {
 public:
  // Length prefix of gRPC and header of an HTTP/2 DATA frame.
  static constexpr std::uint32_t kStreamFraming = 14;
  // Headers of UDP and IPv4.
  static constexpr std::uint32_t kDatagramFraming = 28;
  static constexpr std::uint32_t kReceiveBufferBytes = 256 * 1024;

  SimNode(World& world, NodeIndex index, std::uint64_t seed);

  Process* process() const { return process_.get(); }

  // The process must be told to start by `begin`.
  template <typename Begin>
  void start(Model& model, std::uint32_t node_count, Begin begin) {
    prepare_start();
    process_ = model.make(*this, node_count);
    call([&] { begin(*process_); });
  }
  void end(bool is_silent);
  // For leave() and put().
  template <typename Do>
  void command(Do what) {
    if (process_ != nullptr) call([&] { what(*process_); });
  }

  void arrived(Arrival arrival);
  void on_run();
  void on_wake();

  SimClock& clock() { return clock_; }
  SimCpu& cpu() { return cpu_; }
  // After the CPU went on.
  void resume() { work(); }

  core::Instant now() const override { return clock_.local(world_.now); }
  Identity self() const override { return identity_; }
  Random& random() override { return random_; }
  void send(NodeIndex to, PayloadPtr payload, std::uint32_t bytes) override;
  void send_datagram(NodeIndex to, PayloadPtr payload, std::uint32_t bytes) override;
  void wake_at(core::Instant at) override;
  Identity renew_identity() override;
  void left() override { has_left_ = true; }
  void view_changed(const ViewChange& change) override;
  void standing_changed(Standing standing) override;
  void learned(std::uint64_t key) override;

 private:
  struct Due {
    Arrival arrival;
    SimTime at;
  };

  HostRecord& host() { return world_.hosts[index_]; }
  void prepare_start();
  template <typename Do>
  void call(Do what) {
    what();
    if (has_new_view_) world_.observer->on_view_done(index_);
    has_new_view_ = false;
    if (has_left_) end(false);
    arm_timer();
  }
  // Does one thing that is due, if the CPU is free, and comes back for the next.
  void work();
  void run_later();
  void handle(const Arrival& arrival);
  void arm_timer();
  void trace(std::uint64_t what);
  // The story, after time and identity.
  std::ostream& tell();

  World& world_;
  const NodeIndex index_;
  Identity identity_;
  Random random_;
  SimClock clock_;
  SimCpu cpu_;
  std::unique_ptr<Process> process_;
  bool has_left_ = false;
  bool has_new_view_ = false;

  std::deque<Due> inbox_;
  SimTime wake_at_ = kNever;
  // The earliest wake event that is under way.
  SimTime wake_event_at_ = kNever;
  bool run_is_due_ = false;
};

}  // namespace nexus::sim
