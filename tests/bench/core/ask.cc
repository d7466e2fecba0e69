// How long does an ask take, from an actor and from a foreign thread?

#include <chrono>

#include "core/base/tick_clock.h"
#include "tests/bench/core/stage.h"

namespace nexus::bench {
namespace {

using core::Answer;
using core::Context;
using core::Pid;

constexpr std::chrono::seconds kAskTimeout{60};

struct Question {
  std::uint64_t number;
  std::uint64_t unused;
};
struct Reply {
  std::uint64_t number;
  std::uint64_t unused;
};

class Answerer final : public core::Actor {
 public:
  explicit Answerer(Stage* stage) : handled_(stage) {}
  void receive(Context& context) override {
    const auto* question = context.message<Question>();
    if (question == nullptr) return;
    ++handled_;
    context.respond(Reply{question->number, 0});
  }

 private:
  Handled handled_;
};

// What one read of the clock costs that an actor's asks are timed with.
double tick_clock_read_ns() {
  constexpr std::uint64_t kReadCount = 100'000;
  const core::Ticks begin = core::TickClock::now();
  core::Ticks end = begin;
  for (std::uint64_t i = 0; i < kReadCount; ++i) end = core::TickClock::now();
  return ns_per(core::TickClock::between(begin, end), kReadCount);
}

bool is_reply(const Answer& answer) {
  return answer.outcome == Answer::Outcome::answered && answer.message != nullptr &&
         answer.message->is<Reply>();
}

// On Go: asks `count` times, with so many asks outstanding. Where times are wanted there is one at a time, and each lasts from
// the end of the one before to its own, so that the clock is read once an ask.
class Asker final : public core::Actor {
 public:
  struct Plan {
    std::uint64_t count;
    std::uint64_t outstanding_count = 1;
    std::vector<std::uint32_t>* times_ns = nullptr;
  };

  Asker(Stage* stage, Pid answerer, Plan plan)
      : stage_(stage), answerer_(std::move(answerer)), plan_(plan), handled_(stage) {}
  void receive(Context& context) override {
    if (context.message<Go>() == nullptr) return;
    stage_->begin();
    if (plan_.times_ns != nullptr) last_ = core::TickClock::now();
    for (std::uint64_t i = 0; i < plan_.outstanding_count; ++i) ask(context);
  }

 private:
  void ask(Context& context) {
    if (asked_count_ == plan_.count) return;
    context.ask(answerer_, Question{++asked_count_, 0}, kAskTimeout,
                [this](Context& answered, const Answer& answer) { on_answer(answered, answer); });
  }
  void on_answer(Context& context, const Answer& answer) {
    if (!is_reply(answer)) return stage_->fail("an ask was not answered: " + answer.detail);
    if (plan_.times_ns != nullptr) {
      const core::Ticks now = core::TickClock::now();
      plan_.times_ns->push_back(saturated_ns(core::TickClock::between(last_, now)));
      last_ = now;
    }
    if (++handled_ == plan_.count) return stage_->done();
    ask(context);
  }

  Stage* const stage_;
  const Pid answerer_;
  const Plan plan_;
  std::uint64_t asked_count_ = 0;
  core::Ticks last_ = 0;
  Handled handled_;
};

Sample run_ask(const Setting& setting) {
  const std::uint64_t count = setting.scaled(500'000);
  std::vector<std::uint32_t> times_ns;
  times_ns.reserve(count);
  Stage stage(setting);
  const Pid answerer = stage.spawn<Answerer>(&stage);
  const Pid asker =
      stage.spawn<Asker>(&stage, answerer, Asker::Plan{.count = count, .times_ns = &times_ns});
  const core::Duration took = stage.run(asker, 2 * count);
  return {.value = per_second(took, count),
          .latency = percentiles_of(times_ns),
          .fields = {{"clock_read_ns", tick_clock_read_ns()}}};
}

Sample run_ask_pipelined(const Setting& setting) {
  const std::uint64_t count = setting.scaled(500'000);
  Stage stage(setting);
  const Pid answerer = stage.spawn<Answerer>(&stage);
  const Pid asker =
      stage.spawn<Asker>(&stage, answerer, Asker::Plan{.count = count, .outstanding_count = 64});
  return {.value = per_second(stage.run(asker, 2 * count), count)};
}

Sample run_foreign_ask(const Setting& setting) {
  const std::uint64_t count = setting.scaled(20'000);
  const core::SteadyClock clock;
  std::vector<std::uint32_t> times_ns;
  times_ns.reserve(count);
  Stage stage(setting);
  const Pid answerer = stage.spawn<Answerer>(&stage);
  stage.begin();
  for (std::uint64_t i = 0; i < count; ++i) {
    const core::Instant begin = clock.now();
    const Answer answer = stage.system().ask(answerer, Question{i, 0}, kAskTimeout);
    times_ns.push_back(saturated_ns(clock.now() - begin));
    if (!is_reply(answer)) throw Broken("an ask was not answered: " + answer.detail);
  }
  stage.done();
  return {.value = per_second(stage.finish(count), count),
          .latency = percentiles_of(times_ns),
          .fields = {{"clock_read_ns", clock_read_ns()}}};
}

}  // namespace

std::vector<Workload> ask_workloads() {
  return {
      {.name = "ask",
       .unit = "asks/s",
       .question = "an actor asks another 500 k times, one after the other",
       .run = run_ask},
      {.name = "ask_pipelined",
       .unit = "asks/s",
       .question = "the same with 64 asks outstanding",
       .run = run_ask_pipelined},
      {.name = "foreign_ask",
       .unit = "asks/s",
       .question = "a foreign thread asks an actor 20 k times and waits for each answer",
       .run = run_foreign_ask},
  };
}

}  // namespace nexus::bench
