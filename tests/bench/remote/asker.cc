#include "tests/bench/remote/asker.h"

#include <algorithm>
#include <future>
#include <utility>

#include "tests/bench/remote/messages.h"
#include "tests/bench/report/sample.h"

namespace nexus::bench {
namespace {

using core::Context;
using core::Pid;

constexpr core::Duration kPatience = std::chrono::minutes(2);

struct Go {};

class Asker final : public core::Actor {
 public:
  Asker(std::promise<Asked>* ended, Pid echo, const AskPlan& plan)
      : ended_(ended), echo_(echo), plan_(plan) {}

  void receive(Context& context) override {
    if (context.message<Go>() != nullptr) {
      if (plan_.timed && plan_.count != UINT64_MAX) times_ns_.reserve(plan_.count);
      begin_ = clock_.now();
      last_ = begin_;
      while (sent_count_ < std::min(plan_.count, plan_.outstanding_count)) ask(context);
    } else if (context.message<Ping>() != nullptr) {
      ++answered_count_;
      if (is_timed()) note_time();
      if (sent_count_ < plan_.count && last_ - begin_ < plan_.lasting) {
        ask(context);
      } else if (answered_count_ == sent_count_) {
        ended_->set_value({clock_.now() - begin_, std::move(times_ns_)});
      }
    }
  }

 private:
  bool is_timed() const { return plan_.timed || plan_.lasting != core::Duration::max(); }
  void note_time() {
    const core::Instant now = clock_.now();
    if (plan_.timed) times_ns_.push_back(saturated_ns(now - last_));
    last_ = now;
  }
  void ask(Context& context) { context.request(echo_, Ping{sent_count_++, 0}); }

  const core::SteadyClock clock_{};
  std::promise<Asked>* const ended_;
  const Pid echo_;
  const AskPlan plan_;
  std::uint64_t sent_count_ = 0;
  std::uint64_t answered_count_ = 0;
  core::Instant begin_{};
  core::Instant last_{};
  std::vector<std::uint32_t> times_ns_;
};

}  // namespace

Asked ask_echo(core::ActorSystem& system, const Pid& echo, const AskPlan& plan) {
  std::promise<Asked> ended;
  auto asked = ended.get_future();
  const Pid asker = *system.spawn(core::share(core::props<Asker>(&ended, echo, plan)));
  (void)system.send(asker, Go{});
  const core::Duration patience =
      plan.lasting == core::Duration::max() ? kPatience : kPatience + plan.lasting;
  if (asked.wait_for(patience) != std::future_status::ready) throw Broken("answers were lost");
  system.stop(asker);
  return asked.get();
}

}  // namespace nexus::bench
