// Messages that nobody answers, counted by the peer.
#include <atomic>
#include <future>
#include <memory>

#include "core/actor_system.h"
#include "tests/bench/remote/messages.h"
#include "tests/bench/remote/resident.h"
#include "tests/bench/remote/workload.h"

namespace nexus::bench {
namespace {

using core::Context;
using core::Pid;

// So many messages may be on their way: well within the limits of a link.
constexpr std::uint64_t kWindow = 50'000;
constexpr std::uint64_t kPingsPerTurn = 250;

struct Go {};
// The peer has got more.
struct Resume {};

// One run, shared by its actors. Only the gate writes.
struct Course {
  std::uint64_t ping_count;
  std::size_t sender_count;
  std::size_t payload_bytes;
  std::vector<Pid> targets{};
  std::vector<Pid> senders{};
  std::atomic<std::uint64_t> acknowledged_count{0};
  std::atomic<std::uint64_t> sent_count{0};
  core::Instant begin{};
  std::uint64_t wrong_count = 0;
  std::promise<core::Instant> ended{};
};

// Sends its share of the pings, a few in each turn, to all targets in turn.
class Sender final : public core::Actor {
 public:
  Sender(std::shared_ptr<Course> course, std::uint64_t own_index)
      : course_(std::move(course)),
        own_index_(own_index),
        left_(course_->ping_count / course_->sender_count),
        next_numbers_(course_->targets.size(), 0),
        target_(own_index % course_->targets.size()),
        payload_(course_->payload_bytes, 'x') {}

  void receive(Context& context) override {
    const bool resumed = context.message<Resume>() != nullptr && parked_;
    if ((context.message<Go>() == nullptr && !resumed) || left_ == 0) return;
    parked_ = course_->sent_count - course_->acknowledged_count > kWindow;
    if (parked_) return;
    const std::uint64_t count = std::min(left_, kPingsPerTurn);
    course_->sent_count.fetch_add(count);
    left_ -= count;
    for (std::uint64_t i = 0; i < count; ++i) {
      const Pid& target = course_->targets[target_];
      if (payload_.empty()) {
        context.send(target, Ping{next_numbers_[target_]++, own_index_});
      } else {
        context.send(target, Blob{payload_});
      }
      if (++target_ == course_->targets.size()) target_ = 0;
    }
    context.send(context.self(), Go{});
  }

 private:
  const std::shared_ptr<Course> course_;
  const std::uint64_t own_index_;
  std::uint64_t left_;
  std::vector<std::uint64_t> next_numbers_;
  std::size_t target_;
  const std::string payload_;
  // Waits for Resume.
  bool parked_ = false;
};

// Hears from the referee what has arrived.
class Gate final : public core::Actor {
 public:
  Gate(std::shared_ptr<Course> course, Pid referee)
      : course_(std::move(course)), referee_(referee) {}

  void receive(Context& context) override {
    if (context.message<Go>() != nullptr) {
      context.request(referee_, Begin{course_->ping_count, course_->sender_count});
    } else if (const auto* progress = context.message<Progress>()) {
      if (progress->ping_count == 0) {
        course_->begin = clock_.now();
        for (const Pid& sender : course_->senders) context.send(sender, Go{});
        return;
      }
      if (progress->ping_count == course_->ping_count) {
        course_->wrong_count = progress->wrong_count;
        course_->ended.set_value(clock_.now());
      }
      course_->acknowledged_count =
          std::max(course_->acknowledged_count.load(), progress->ping_count);
      for (const Pid& sender : course_->senders) context.send(sender, Resume{});
    }
  }

 private:
  const core::SteadyClock clock_{};
  const std::shared_ptr<Course> course_;
  const Pid referee_;
};

struct Shape {
  std::uint64_t ping_count;
  std::size_t sender_count = 1;
  std::uint32_t target_count = 1;
  std::size_t payload_bytes = 0;
};

Sample run_one_way(const Link& link, const Shape& shape) {
  const auto course = std::make_shared<Course>();
  // Each sender has the same share.
  const std::uint64_t share =
      std::max<std::uint64_t>(1, link.scaled(shape.ping_count) / shape.sender_count);
  course->ping_count = share * shape.sender_count;
  course->sender_count = shape.sender_count;
  course->payload_bytes = shape.payload_bytes;
  for (std::uint32_t i = 0; i < shape.target_count; ++i) {
    course->targets.push_back(link.target("c" + std::to_string(i)));
  }
  core::ActorSystem& system = link.node.system();
  for (std::size_t i = 0; i < shape.sender_count; ++i) {
    course->senders.push_back(*system.spawn(core::share(core::props<Sender>(course, i))));
  }
  const Pid gate = *system.spawn(core::share(core::props<Gate>(course, link.target("referee"))));
  auto ended = course->ended.get_future();
  (void)system.send(gate, Go{});
  if (ended.wait_for(std::chrono::minutes(2)) != std::future_status::ready) {
    throw Broken("messages were lost: " + std::to_string(course->acknowledged_count) + " of " +
                 std::to_string(course->ping_count) + " arrived");
  }
  const core::Duration took = ended.get() - course->begin;
  expect_equal("messages out of order", 0, course->wrong_count);
  for (const Pid& sender : course->senders) system.stop(sender);
  system.stop(gate);
  const double rate = per_second(took, course->ping_count);
  return {
      .value = rate,
      .fields = {{"mb_per_s",
                  rate * static_cast<double>(std::max<std::size_t>(shape.payload_bytes, 16)) / 1e6},
                 {"resident_mb", megabytes(resident_bytes())}}};
}

Workload one_way(std::string name, std::string question, Shape shape) {
  return {std::move(name), "msg/s", std::move(question),
          [shape](const Link& link) { return run_one_way(link, shape); }};
}

}  // namespace

std::vector<Workload> one_way_workloads() {
  std::vector<Workload> all{
      one_way("oneway",
              "one sender, one target, 5 M messages of 16 bytes, until the last is acknowledged",
              {.ping_count = 5'000'000}),
      one_way("oneway_100x100", "100 senders, each to all of 100 targets in turn, 5 M messages",
              {.ping_count = 5'000'000, .sender_count = 100, .target_count = 100}),
      one_way("oneway_10000_targets", "one sender to 10,000 targets in turn, 2 M messages",
              {.ping_count = 2'000'000, .target_count = BenchNode::kCounterCountMax}),
  };
  for (const std::size_t bytes : {64u, 1024u, 16384u, 65536u}) {
    all.push_back(one_way("oneway_" + std::to_string(bytes),
                          "messages of " + std::to_string(bytes) + " bytes",
                          {.ping_count = std::max<std::uint64_t>(20'000, 64'000'000 / bytes),
                           .payload_bytes = bytes}));
  }
  return all;
}

}  // namespace nexus::bench
