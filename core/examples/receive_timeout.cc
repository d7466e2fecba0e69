// An actor that is told when it has been idle, again and again.
//
//   receive_timeout [PERIOD_MS] [ROUNDS]
//
// In each round it sends itself messages for half a period, which put the timeout off at no cost; then nothing, until the timeout
// comes. In the handler it sets the timeout anew, every other time twice as long. Prints how late each came; exits with 1 when one
// was early.
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "core/actor_system.h"

namespace {

using namespace nexus::core;

struct Work {};
struct Report {
  bool was_early;
};

double in_ms(Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

class Idler final : public Actor {
 public:
  Idler(Duration period, int rounds, Pid observer)
      : base_(period), rounds_(rounds), observer_(std::move(observer)) {}

  void receive(Context& context) override {
    const Instant now = context.system().clock().now();
    if (context.message<Started>() != nullptr) {
      begin_round(context, now);
    } else if (context.message<Work>() != nullptr) {
      ++work_count_;
      last_work_ = now;
      if (now < busy_until_) context.send(context.self(), Work{});
    } else if (context.message<ReceiveTimeout>() != nullptr) {
      const Duration late = now - last_work_ - context.receive_timeout();
      std::printf("round %d: %d messages, then idle for %.3f ms: %.3f ms late\n", round_,
                  work_count_, in_ms(now - last_work_), in_ms(late));
      was_early_ = was_early_ || late < Duration::zero();
      if (round_ < rounds_) return begin_round(context, now);
      context.cancel_receive_timeout();
      context.send(observer_, Report{was_early_});
    }
  }

 private:
  void begin_round(Context& context, Instant now) {
    ++round_;
    work_count_ = 0;
    const Duration period = round_ % 2 == 0 ? 2 * base_ : base_;
    context.set_receive_timeout(period);
    busy_until_ = now + period / 2;
    context.send(context.self(), Work{});
  }

  const Duration base_;
  const int rounds_;
  const Pid observer_;
  int round_ = 0;
  int work_count_ = 0;
  Instant busy_until_{};
  Instant last_work_{};
  bool was_early_ = false;
};

int run(Duration period, int rounds) {
  ActorSystem system({.worker_count = 1});
  Promise promise;
  Future done = promise.future();
  const Pid observer =
      system.futures().open(Instant::max(), [promise = std::move(promise)](Answer answer) mutable {
        promise.complete(std::move(answer));
      });
  const Result<Pid> idler = system.spawn(share(props<Idler>(period, rounds, observer)));
  if (!idler.ok()) return EXIT_FAILURE;
  const Answer answer = std::move(done).wait();
  const auto* report = answer.message == nullptr ? nullptr : answer.message->get<Report>();
  return report != nullptr && !report->was_early ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace

int main(int argc, char** argv) {
  const int period_ms = argc > 1 ? std::atoi(argv[1]) : 20;
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 6;
  if (period_ms < 1 || rounds < 1) {
    std::fprintf(stderr, "usage: receive_timeout [PERIOD_MS >= 1] [ROUNDS >= 1]\n");
    return 2;
  }
  return run(std::chrono::milliseconds(period_ms), rounds);
}
