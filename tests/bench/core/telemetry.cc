// How long do messages wait under a steady load, what does it cost to know, and which locks does a steady state take?

#include "core/telemetry/lock_report.h"
#include "tests/bench/core/stage.h"

namespace nexus::bench {
namespace {

using core::Answer;
using core::Context;
using core::LockReport;
using core::Pid;

struct Round {
  std::uint64_t number;
  std::uint64_t unused;
};
struct Back {
  std::uint64_t number;
  std::uint64_t unused;
};

class Echo final : public core::Actor {
 public:
  explicit Echo(Stage* stage) : handled_(stage) {}
  void receive(Context& context) override {
    const auto* round = context.message<Round>();
    if (round == nullptr) return;
    ++handled_;
    context.respond(Back{round->number, 0});
  }

 private:
  Handled handled_;
};

// Keeps `window` messages under way to its echo, `count` in all.
class Loader final : public core::Actor {
 public:
  Loader(Stage* stage, Pid echo, std::uint64_t count, std::uint64_t window)
      : stage_(stage),
        echo_(std::move(echo)),
        left_to_send_(count),
        left_to_hear_(count),
        window_(window),
        handled_(stage) {}
  void receive(Context& context) override {
    if (context.message<Go>() != nullptr) {
      for (std::uint64_t i = 0; i < window_; ++i) send_next(context);
    } else if (context.message<Back>() != nullptr) {
      ++handled_;
      if (--left_to_hear_ == 0) return stage_->done();
      send_next(context);
    }
  }

 private:
  void send_next(Context& context) {
    if (left_to_send_ == 0) return;
    context.request(echo_, Round{--left_to_send_, 0});
  }

  Stage* const stage_;
  const Pid echo_;
  std::uint64_t left_to_send_;
  std::uint64_t left_to_hear_;
  const std::uint64_t window_;
  Handled handled_;
};

Sample run_dwell(const Setting& setting) {
  constexpr std::uint32_t kPairCount = 16;
  constexpr std::uint64_t kWindow = 16;
  const std::uint64_t count = setting.scaled(100'000);
  Stage stage(setting, kPairCount);
  std::vector<Pid> loaders;
  for (std::uint32_t i = 0; i < kPairCount; ++i) {
    const Pid echo = stage.spawn<Echo>(&stage);
    loaders.push_back(stage.spawn<Loader>(&stage, echo, count, kWindow));
  }
  stage.begin();
  for (const Pid& loader : loaders) stage.send(loader, Go{});
  (void)stage.finish(2 * kPairCount * count);
  const auto measured = stage.system().telemetry().snapshot();
  const double p50 = nanoseconds(measured.dwell.quantile(0.50));
  const double p99 = nanoseconds(measured.dwell.quantile(0.99));
  Sample sample{.value = p50,
                .latency = Percentiles{p50, p99},
                .fields = {{"measured_messages", static_cast<double>(measured.dwell.count())},
                           {"dwell_p95_ns", nanoseconds(measured.dwell.quantile(0.95))},
                           {"dwell_max_ns", nanoseconds(measured.dwell.max())}}};
  const auto add = [&sample](const std::string& what, const core::HistogramSnapshot& times) {
    sample.fields.emplace_back(what + "_p50_ns", nanoseconds(times.quantile(0.50)));
    sample.fields.emplace_back(what + "_p99_ns", nanoseconds(times.quantile(0.99)));
  };
  add("schedule", measured.schedule_latency);
  add("turn", measured.turn_time);
  for (const std::uint32_t sampling : {0u, 64u, 1u}) {
    Setting asked = setting;
    asked.sampling = sampling;
    sample.fields.emplace_back("pingpong_sampling_" + std::to_string(sampling) + "_ns",
                               pingpong_ns(asked));
  }
  return sample;
}

// Goes through the phases: tells to and fro, asks, timers. Notes the process's acquisitions at the borders, the first after all
// that is done once in an actor's life has been done.
class Phases final : public core::Actor {
 public:
  static constexpr std::uint64_t kWarmUp = 1000;
  struct Acquisitions {
    LockReport before;
    std::uint64_t tell = 0;
    std::uint64_t ask = 0;
    std::uint64_t timer = 0;
    LockReport after;
  };

  Phases(Stage* stage, Pid echo, std::uint64_t count, Acquisitions* found)
      : stage_(stage), echo_(std::move(echo)), count_(count), found_(found), handled_(stage) {}
  void receive(Context& context) override {
    if (context.message<Go>() != nullptr) {
      ask(context);
    } else if (context.message<Back>() != nullptr) {
      ++handled_;
      tell(context);
    }
  }

 private:
  void ask(Context& context) {
    context.ask(echo_, Round{asked_count_++, 0}, std::chrono::seconds(60),
                [this](Context& answered, const Answer& answer) { on_answer(answered, answer); });
  }
  void on_answer(Context& context, const Answer& answer) {
    if (answer.outcome != Answer::Outcome::answered) return stage_->fail("an ask was not answered");
    ++handled_;
    // Warm up, tell, and ask the rest.
    if (asked_count_ == kWarmUp) return tell(context);
    if (asked_count_ < kWarmUp + count_) return ask(context);
    found_->ask = LockReport::take().acquisition_count() - begun_at_;
    found_->after = LockReport::take();
    schedule_timers();
    stage_->done();
  }
  void tell(Context& context) {
    if (told_count_ == kWarmUp) {
      found_->before = LockReport::take();
      begun_at_ = found_->before.acquisition_count();
    }
    if (told_count_ == kWarmUp + count_) {
      const std::uint64_t now = LockReport::take().acquisition_count();
      found_->tell = now - begun_at_;
      begun_at_ = now;
      return ask(context);
    }
    context.request(echo_, Round{told_count_++, 0});
  }
  void schedule_timers() {
    const std::uint64_t before = LockReport::take().acquisition_count();
    core::Timers& timers = stage_->system().timers();
    const core::Instant never = clock_.now() + std::chrono::hours(1);
    for (std::uint64_t i = 0; i < count_; ++i) (void)timers.cancel(timers.schedule(never, [] {}));
    found_->timer = LockReport::take().acquisition_count() - before;
  }

  Stage* const stage_;
  const Pid echo_;
  const std::uint64_t count_;
  Acquisitions* const found_;
  const core::SteadyClock clock_{};
  std::uint64_t begun_at_ = 0;
  std::uint64_t told_count_ = 0;
  std::uint64_t asked_count_ = 0;
  Handled handled_;
};

Sample run_lock_wait(const Setting& setting) {
  const std::uint64_t count = setting.scaled(200'000);
  Phases::Acquisitions found;
  Stage stage(setting);
  const Pid echo = stage.spawn<Echo>(&stage);
  const Pid phases = stage.spawn<Phases>(&stage, echo, count, &found);
  stage.begin();
  stage.send(phases, Go{});
  (void)stage.finish(4 * (Phases::kWarmUp + count));
  Sample sample{.value = static_cast<double>(found.tell + found.ask),
                .fields = {{"messages", static_cast<double>(4 * count)},
                           {"tell", static_cast<double>(found.tell)},
                           {"ask", static_cast<double>(found.ask)}}};
  for (const LockReport::Site& site : found.after.sites) {
    const std::uint64_t taken =
        site.acquisition_count - found.before.site(site.name).acquisition_count;
    if (taken == 0) continue;
    sample.fields.emplace_back("site_" + std::string(site.name), static_cast<double>(taken));
  }
  sample.fields.emplace_back("timer_schedule_and_cancel",
                             static_cast<double>(found.timer) / static_cast<double>(count));
  return sample;
}

}  // namespace

std::vector<Workload> telemetry_workloads() {
  return {
      {.name = "dwell",
       .unit = "ns",
       .question = "queue dwell while 16 pairs keep 16 messages each under way; pingpong with "
                   "sampling off, 1 in 64, and of every message",
       .run = run_dwell},
      {.name = "lock_wait",
       .unit = "locks",
       .question =
           "lock acquisitions of the whole process during 200 k tells and answers and 200 k "
           "asks; timers beside",
       .run = run_lock_wait},
  };
}

}  // namespace nexus::bench
