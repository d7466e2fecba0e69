// One peer stops reading; the link to another goes on.
#include <algorithm>
#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <utility>

#include "tests/bench/remote/asker.h"
#include "tests/bench/remote/messages.h"
#include "tests/bench/remote/resident.h"
#include "tests/bench/remote/workload.h"

namespace nexus::bench {
namespace {

using core::Context;
using core::DeadLetterReason;
using core::Pid;

constexpr core::Duration kPatience = std::chrono::minutes(1);

struct Go {};

struct Shape {
  std::size_t payload_bytes = 0;
  // 0: as many as the node can send.
  std::uint64_t messages_per_ms = 0;
};

// Shared by the flooder and the main thread.
struct Flood {
  const Pid target;
  const Pid referee;
  const Shape shape;
  std::promise<void> begun{};
  std::atomic<bool> must_end{false};
  std::promise<std::uint64_t> sent_count{};
};

// Never asks whether anything arrives: what its node does not take are dead letters.
class Flooder final : public core::Actor {
 public:
  explicit Flooder(std::shared_ptr<Flood> flood)
      : flood_(std::move(flood)), payload_(flood_->shape.payload_bytes, 'x') {}

  void receive(Context& context) override {
    if (context.message<Go>() != nullptr) {
      if (has_begun_) return send_some(context);
      context.request(flood_->referee, Begin{UINT64_MAX, 1});
    } else if (context.message<Progress>() != nullptr && !std::exchange(has_begun_, true)) {
      flood_->begun.set_value();
      constexpr std::chrono::milliseconds kBeat(1);
      if (is_paced()) beat_ = context.schedule_repeatedly(kBeat, kBeat, context.self(), Go{});
      send_some(context);
    }
  }

 private:
  bool is_paced() const { return flood_->shape.messages_per_ms > 0; }

  void send_some(Context& context) {
    if (has_ended_) return;
    if (flood_->must_end) {
      has_ended_ = true;
      if (is_paced()) (void)context.cancel_schedule(beat_);
      return flood_->sent_count.set_value(sent_count_);
    }
    // One for each of its own, so that the others of its worker have their turns.
    for (std::uint64_t i = std::max<std::uint64_t>(flood_->shape.messages_per_ms, 1); i > 0; --i) {
      send_one(context);
    }
    if (!is_paced()) context.send(context.self(), Go{});
  }
  void send_one(Context& context) {
    if (payload_.empty()) {
      context.send(flood_->target, Ping{sent_count_, 0});
    } else {
      context.send(flood_->target, Blob{payload_});
    }
    ++sent_count_;
  }

  const std::shared_ptr<Flood> flood_;
  const std::string payload_;
  core::ScheduleId beat_{};
  std::uint64_t sent_count_ = 0;
  bool has_begun_ = false;
  bool has_ended_ = false;
};

template <typename T>
T await(std::future<T> future, const std::string& what) {
  if (future.wait_for(kPatience) != std::future_status::ready) throw Broken(what);
  return future.get();
}

// What the link to the stalled peer may take. docs/limits.md has the reasons: queued; sent and not acknowledged, with the batch that
// uses the credit up; and the frame that grows, which may have taken twice its size.
std::size_t limit_bytes(const remote::Options& options) {
  return options.queue_bytes_max + options.credit_bytes + 3 * options.batch_bytes_max;
}
// Besides, the allocator keeps pages of frames that have left.
std::size_t with_kept_pages(std::size_t bytes) { return bytes + bytes / 2; }

// Until the peer has got all that its link took; how many of these its mailbox had no room for.
std::uint64_t await_delivery(core::ActorSystem& system, const Pid& referee,
                             std::uint64_t expected_count) {
  const core::SteadyClock clock;
  const core::Instant deadline = clock.now() + kPatience;
  Count count{};
  // A process that was paused itself has let its time pass without asking.
  constexpr std::uint64_t kAskedMin = 10'000;
  for (std::uint64_t asked_count = 0;
       count.ping_count + count.mailbox_full_count < expected_count &&
       (asked_count < kAskedMin || clock.now() < deadline);
       ++asked_count) {
    const core::Answer answer = system.ask(referee, HowMany{}, kPatience);
    // While the queue is full it is refused.
    if (!answer.message) continue;
    const auto* now = answer.message->get<Count>();
    if (now != nullptr) count = *now;
  }
  expect_equal("messages of the flood that were taken", expected_count,
               count.ping_count + count.mailbox_full_count);
  expect_equal("messages out of order", 0, count.wrong_count);
  return count.mailbox_full_count;
}

Sample run_stalled_receiver(const Link& link, const Shape& shape) {
  const std::uint32_t worker_count = link.node.system().options().worker_count;
  // Of its own, with the limits that are shipped.
  const remote::Options options;
  BenchNode node(worker_count, options);
  PeerProcess stalled({"--serve", "--workers", std::to_string(worker_count)});
  core::ActorSystem& system = node.system();
  const auto flood = std::make_shared<Flood>(Pid::of_name(stalled.address(), "c0"),
                                             Pid::of_name(stalled.address(), "referee"), shape);
  const auto ping_for = [&](core::Duration lasting) {
    return ask_echo(system, link.target("echo"), {.lasting = lasting, .timed = true});
  };
  const core::Duration second = std::chrono::milliseconds(link.scaled(1'000));
  (void)ping_for(second / 10);

  const std::size_t before_bytes = resident_bytes();
  reset_resident_peak();
  const Pid flooder = *system.spawn(core::share(core::props<Flooder>(flood)));
  (void)system.send(flooder, Go{});
  await(flood->begun.get_future(), "the flood does not begin");
  Asked before = ping_for(second);
  stalled.pause();
  Asked during = ping_for(3 * second);
  stalled.resume();
  flood->must_end = true;
  const std::uint64_t sent_count = await(flood->sent_count.get_future(), "the flood does not end");
  const std::size_t peak_bytes = resident_bytes_peak();

  const core::DeadLetters& dead = system.dead_letters();
  const std::uint64_t refused_count = dead.count(DeadLetterReason::link_queue_full);
  expect_equal("dead letters of another reason", refused_count, dead.link_count());
  const std::uint64_t mailbox_full_count =
      await_delivery(system, flood->referee, sent_count - refused_count);
  const std::size_t allowed = before_bytes + with_kept_pages(limit_bytes(options));
  if (peak_bytes > allowed) {
    throw Broken("the sender took " + std::to_string(peak_bytes) + " bytes, its limits allow " +
                 std::to_string(allowed));
  }
  const std::uint64_t ping_count = during.times_ns.size();
  const Percentiles calm = percentiles_of(before.times_ns);
  return {.value = ns_per(during.took, ping_count),
          .latency = percentiles_of(during.times_ns),
          .fields = {{"p50_before", calm.p50_ns},
                     {"p99_before", calm.p99_ns},
                     {"resident_mb_before", megabytes(before_bytes)},
                     {"resident_mb_max", megabytes(peak_bytes)},
                     {"limits_mb", megabytes(limit_bytes(options))},
                     {"resident_mb_allowed", megabytes(allowed)},
                     {"sent", static_cast<double>(sent_count)},
                     {"refused", static_cast<double>(refused_count)},
                     {"mailbox_full", static_cast<double>(mailbox_full_count)}}};
}

Workload stalled_receiver(std::string name, const std::string& flood, Shape shape) {
  return {std::move(name), "ns/round_trip",
          "one request under way to a healthy peer, while another one, which gets " + flood +
              ", has stopped reading for 3 s",
          [shape](const Link& link) { return run_stalled_receiver(link, shape); }};
}

}  // namespace

std::vector<Workload> stalled_receiver_workloads() {
  return {
      stalled_receiver("stalled_receiver", "200,000 messages/s of 1,024 bytes",
                       {.payload_bytes = 1024, .messages_per_ms = 200}),
      stalled_receiver("stalled_receiver_flood",
                       "as many messages of 16 bytes as the node can send", {}),
      stalled_receiver("stalled_receiver_flood_1024",
                       "as many messages of 1,024 bytes as the node can send",
                       {.payload_bytes = 1024}),
  };
}

}  // namespace nexus::bench
