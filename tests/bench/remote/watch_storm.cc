// Watches of the peer's actors, and the death of the peer.
#include <algorithm>
#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "core/actor/messages.h"
#include "core/actor_system.h"
#include "tests/bench/remote/messages.h"
#include "tests/bench/remote/resident.h"
#include "tests/bench/remote/workload.h"

namespace nexus::bench {
namespace {

using core::Context;
using core::Pid;

constexpr std::uint64_t kWatchCount = 100'000;
constexpr std::uint64_t kWatcherCountMax = 1'000;
constexpr core::Duration kUnreachableAfter = std::chrono::seconds(1);
constexpr core::Duration kPatience = std::chrono::minutes(2);

struct Go {};

// Opens when it was counted down.
class Latch {
 public:
  explicit Latch(std::uint64_t count) : left_(count) {}
  void count_down() {
    if (left_.fetch_sub(1) == 1) opened_.set_value(clock_.now());
  }
  core::Instant wait(const std::string& what) {
    auto opened = opened_.get_future();
    if (opened.wait_for(kPatience) != std::future_status::ready) {
      throw Broken(what + ": " + std::to_string(left_.load()) + " are missing");
    }
    return opened.get();
  }

 private:
  const core::SteadyClock clock_{};
  std::atomic<std::uint64_t> left_;
  std::promise<core::Instant> opened_;
};

// One storm, shared by its actors.
struct Storm {
  Storm(std::uint64_t watcher_count, std::uint64_t watch_count)
      : begun(watcher_count), told(watch_count), quiet(watcher_count) {}

  // Watchers that have asked for all; pairs that were told; watchers that have handled all that was sent to them before.
  Latch begun;
  Latch told;
  Latch quiet;
  std::atomic<std::uint64_t> told_count{0};
  // A second Terminated for a pair, one of an actor that was not watched, or another reason.
  std::atomic<std::uint64_t> wrong_count{0};
};

// Watches its share of the peer's actors, and notes of each that it is gone.
class Watcher final : public core::Actor {
 public:
  Watcher(std::shared_ptr<Storm> storm, std::vector<Pid> watchees)
      : storm_(std::move(storm)), left_(std::move(watchees)) {}

  void receive(Context& context) override {
    if (context.message<Go>() != nullptr) {
      if (!has_begun_) {
        has_begun_ = true;
        for (const Pid& watchee : left_) context.watch(watchee);
        storm_->begun.count_down();
      } else {
        storm_->quiet.count_down();
      }
    } else if (const auto* terminated = context.message<core::Terminated>()) {
      const bool in_time = terminated->why == core::TerminatedReason::address_terminated;
      if (!in_time || std::erase(left_, terminated->who) != 1) {
        storm_->wrong_count.fetch_add(1);
        return;
      }
      storm_->told_count.fetch_add(1);
      storm_->told.count_down();
    }
  }

 private:
  const std::shared_ptr<Storm> storm_;
  std::vector<Pid> left_;
  bool has_begun_ = false;
};

// Waits until the peer has taken all that was sent to it before.
void await_peer(core::ActorSystem& system, const Pid& referee) {
  auto answered = std::make_shared<Latch>(1);
  const Pid asker = *system.spawn(core::share(core::props_of([referee, answered](Context& context) {
    if (context.message<Go>() != nullptr) context.request(referee, Begin{1, 1});
    if (context.message<Progress>() != nullptr) answered->count_down();
  })));
  (void)system.send(asker, Go{});
  (void)answered->wait("answers of the peer");
  system.stop(asker);
}

double milliseconds(core::Duration time) { return nanoseconds(time) / 1e6; }

Sample run_watch_storm(const Link& link) {
  const core::SteadyClock clock;
  // Of its own: the peer does not survive, and how long its silence is borne is no part of the question.
  const std::uint32_t worker_count = link.node.system().options().worker_count;
  remote::Options options = BenchNode::flood_options();
  options.unreachable_after = kUnreachableAfter;
  BenchNode node(worker_count, options);
  PeerProcess peer({"--serve", "--workers", std::to_string(worker_count)});
  core::ActorSystem& system = node.system();
  const auto at_peer = [&](const std::string& id) { return Pid::of_name(peer.address(), id); };
  await_peer(system, at_peer("referee"));

  const std::uint64_t wanted_count = link.scaled(kWatchCount);
  const std::uint64_t watcher_count = std::min(wanted_count, kWatcherCountMax);
  const std::uint64_t share = wanted_count / watcher_count;
  const std::uint64_t watch_count = watcher_count * share;
  const auto storm = std::make_shared<Storm>(watcher_count, watch_count);
  Latch detected(1);
  const auto detection = system.events().subscribe<remote::EndpointTerminated>(
      [&](const remote::EndpointTerminated&) { detected.count_down(); });

  const std::size_t before_bytes = resident_bytes();
  reset_resident_peak();
  std::vector<Pid> watchers;
  for (std::uint64_t i = 0; i < watcher_count; ++i) {
    std::vector<Pid> watchees;
    for (std::uint64_t k = 0; k < share; ++k) {
      // Each actor of the peer has several watchers.
      const std::uint64_t target = (i * share + k) % BenchNode::kCounterCountMax;
      watchees.push_back(at_peer("c" + std::to_string(target)));
    }
    watchers.push_back(
        *system.spawn(core::share(core::props<Watcher>(storm, std::move(watchees)))));
  }
  const core::Instant begun_at = clock.now();
  for (const Pid& watcher : watchers) (void)system.send(watcher, Go{});
  (void)storm->begun.wait("watchers that have begun");
  await_peer(system, at_peer("referee"));
  const core::Instant watched_at = clock.now();

  peer.kill();
  const core::Instant killed_at = clock.now();
  const core::Instant detected_at = detected.wait("news that the peer is gone");
  const core::Instant told_at = storm->told.wait("watches that were told");
  // Whatever was told twice has come by then.
  for (const Pid& watcher : watchers) (void)system.send(watcher, Go{});
  (void)storm->quiet.wait("watchers that are quiet");
  expect_equal("watches told", watch_count, storm->told_count);
  expect_equal("Terminated that nobody waited for", 0, storm->wrong_count);
  expect_equal("watches that the node still has", 0, node.remote().metrics().watches_held());
  const std::size_t peak = resident_bytes_peak();
  for (const Pid& watcher : watchers) system.stop(watcher);
  if (!system.stop_actors(std::chrono::seconds(10))) throw Broken("the watchers did not stop");
  return {.value = milliseconds(told_at - detected_at),
          .fields = {{"kill_to_last_told_ms", milliseconds(told_at - killed_at)},
                     {"watch_ms", milliseconds(watched_at - begun_at)},
                     {"told", static_cast<double>(storm->told_count.load())},
                     {"duplicates", static_cast<double>(storm->wrong_count.load())},
                     {"resident_mb_before", megabytes(before_bytes)},
                     {"resident_mb_peak", megabytes(peak)},
                     {"resident_mb_after", megabytes(resident_bytes())}}};
}

}  // namespace

std::vector<Workload> watch_storm_workloads() {
  return {{"watch_storm", "ms",
           "1,000 actors watch 100 actors of the peer each, which is killed: from the moment that "
           "it counts as gone, a second later, until the last watcher was told",
           run_watch_storm}};
}

}  // namespace nexus::bench
