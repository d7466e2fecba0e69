// Endpoint: how full its queue is, for senders and onlookers.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "remote/endpoint_manager.h"
#include "tests/remote/endpoint_fixture.h"

namespace nexus::remote {
namespace {

class EndpointPressureTest : public EndpointFixture {
 protected:
  EndpointPressureTest() {
    Options options = patient();
    options.queue_count_max = 100;
    options.batch_count_max = 10;
    use(options);
  }
  void send_many(int count) {
    for (int i = 0; i < count; ++i) send("a");
  }

  std::vector<std::string> events_;
  const core::EventStream::Subscription watching_ =
      system_->events().subscribe<EndpointPressure>([this](const EndpointPressure& event) {
        events_.push_back(std::to_string(event.number) + " " + event.address + " " +
                          std::string(to_string(event.before)) + " " +
                          std::string(to_string(event.level)));
      });
};

TEST_F(EndpointPressureTest, RisesAsMessagesWaitAndFallsAsTheyAreWritten) {
  send_many(59);
  EXPECT_EQ(endpoint_->pressure(), PressureLevel::normal);
  send_many(1);
  EXPECT_EQ(endpoint_->pressure(), PressureLevel::high);
  send_many(25);
  EXPECT_EQ(endpoint_->pressure(), PressureLevel::critical);
  const auto stream = dialer_->take();
  stream->accept("one");
  // 75 wait, then 65, 55 and 45.
  for (const PressureLevel after :
       {PressureLevel::critical, PressureLevel::high, PressureLevel::high, PressureLevel::normal}) {
    EXPECT_EQ(endpoint_->pressure(), after) << endpoint_->waiting_count() << " wait";
    (void)stream->take_batch();
    stream->written();
  }
  EXPECT_EQ(events_, (std::vector<std::string>{"1 peer:1 normal high", "2 peer:1 high critical",
                                               "3 peer:1 critical high", "4 peer:1 high normal"}));
  EXPECT_EQ(shared_->metrics.pressure_rise_count.sum(), 2u);
}

TEST_F(EndpointPressureTest, L5_AMessageThatAFullQueueTurnsAwayDoesNotEndTheLink) {
  Options options = patient();
  options.queue_bytes_max = 100'000;
  options.queue_reserve_bytes_max = 10'000;
  use(options);
  send(std::string(60'000, 'x'));
  send(std::string(90'000, 'y'));
  EXPECT_EQ(dead_letter_count(core::DeadLetterReason::link_queue_full), 1u);
  EXPECT_EQ(shared_->metrics.overrun_count.sum(), 0u);
  EXPECT_EQ(endpoint_->waiting_count(), 1u);
}

TEST_F(EndpointPressureTest, FewLargeMessagesPressAsManySmallOnes) {
  Options options = patient();
  options.queue_bytes_max = 100'000;
  use(options);
  send(std::string(59'000, 'x'));
  EXPECT_EQ(endpoint_->pressure(), PressureLevel::normal);
  send(std::string(2'000, 'x'));
  EXPECT_EQ(endpoint_->pressure(), PressureLevel::high);
}

TEST_F(EndpointPressureTest, LevelsAreOptions) {
  Options options = patient();
  options.queue_count_max = 100;
  options.pressure_high_percent = 20;
  options.pressure_critical_percent = 30;
  use(options);
  send_many(20);
  EXPECT_EQ(endpoint_->pressure(), PressureLevel::high);
  send_many(10);
  EXPECT_EQ(endpoint_->pressure(), PressureLevel::critical);
}

TEST_F(EndpointPressureTest, WatchesDoNotPressSinceNoLimitTurnsThemAway) {
  const core::Pid watcher = system_.spawn(test::steered(test::new_diary()));
  const auto stream = connect();
  for (int i = 0; i < 100; ++i) {
    endpoint_->add_watched(watcher, core::Pid::of_name(kAddress, std::to_string(i)));
  }
  EXPECT_EQ(endpoint_->pressure(), PressureLevel::normal);
}

TEST_F(EndpointPressureTest, IsNormalWhenThePeerIsGoneAndWithItTheQueue) {
  const auto stream = connect();
  send_many(90);
  EXPECT_EQ(endpoint_->pressure(), PressureLevel::critical);
  stream->say_goodbye();
  EXPECT_EQ(endpoint_->pressure(), PressureLevel::normal);
}

TEST_F(EndpointPressureTest, IsNormalAfterClose) {
  send_many(90);
  endpoint_->close();
  EXPECT_EQ(endpoint_->pressure(), PressureLevel::normal);
  EXPECT_EQ(events_.back(), "3 peer:1 critical normal");
}

TEST_F(EndpointPressureTest, AFrameThatComesBackPressesAgain) {
  send_many(60);
  auto stream = dialer_->take();
  stream->stop_writes();
  stream->accept("one");
  EXPECT_EQ(endpoint_->pressure(), PressureLevel::high);
  EXPECT_EQ(endpoint_->waiting_count(), 60u);
}

TEST_F(EndpointPressureTest, AnAddressHasTheLevelOfItsLink) {
  EndpointManager manager(shared_);
  EXPECT_EQ(manager.pressure("other:1"), PressureLevel::normal) << "there is no link";
  const auto endpoint = manager.endpoint("other:1");
  for (int i = 0; i < 60; ++i) send_message(*endpoint, message("a"));
  EXPECT_EQ(manager.pressure("other:1"), PressureLevel::high);
  (void)manager.close(system_->clock().now());
}

}  // namespace
}  // namespace nexus::remote
