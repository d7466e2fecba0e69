#include "tests/bench/core/stage.h"

#include <chrono>

#include "tests/bench/core/worker_tally.h"

namespace nexus::bench {
namespace {

// Longer than any run takes.
constexpr std::chrono::minutes kPatience{5};

core::ActorSystem::Options options_of(const Setting& setting) {
  core::ActorSystem::Options options;
  options.worker_count = setting.worker_count;
  // Producers send all they have in one turn.
  options.mailbox_user_count_max = 100'000'000;
  return options;
}

}  // namespace

Stage::Stage(const Setting& setting, std::uint32_t finisher_count)
    : worker_count_(setting.worker_count),
      unfinished_count_(finisher_count),
      system_(options_of(setting)) {
  WorkerTally::reset();
  system_.telemetry().set_sampling(setting.sampling);
}

core::Pid Stage::expect_spawned(core::Result<core::Pid> spawned) {
  if (!spawned.ok()) throw Broken("an actor was not spawned: " + spawned.error().detail);
  return *spawned;
}

core::Duration Stage::run(const core::Pid& driver, std::uint64_t handled_count) {
  send(driver, Go{});
  return finish(handled_count);
}

core::Duration Stage::finish(std::uint64_t handled_count) {
  std::future<void> ended = ended_.get_future();
  const core::Instant deadline = clock_.now() + kPatience;
  for (auto state = std::future_status::timeout; state != std::future_status::ready;) {
    state = ended.wait_for(std::chrono::seconds(1));
    // Who waits for a message that was turned away waits for ever. Not asked once actors stop: what the runtime then tells
    // those that stopped first is nobody's loss.
    expect_equal("dead letters", 0, system_.dead_letters().door_count());
    if (clock_.now() > deadline) throw Broken("the run did not end");
  }
  ended.get();
  if (!system_.stop_actors(kPatience)) throw Broken("actors did not stop");
  expect_equal("messages handled", handled_count, handled_count_.load());
  return end_ - begin_;
}

std::vector<std::uint64_t> Stage::worker_messages() const {
  if (worker_count_ == 1) return {};
  auto counts = WorkerTally::counts();
  // Those that handled none are not in the tally.
  counts.resize(std::max<std::size_t>(counts.size(), worker_count_));
  return counts;
}

void Stage::done() {
  if (unfinished_count_.fetch_sub(1) != 1) return;
  end_ = clock_.now();
  if (!told_.exchange(true)) ended_.set_value();
}

void Stage::fail(const std::string& why) {
  if (!told_.exchange(true)) ended_.set_exception(std::make_exception_ptr(Broken(why)));
}

}  // namespace nexus::bench
