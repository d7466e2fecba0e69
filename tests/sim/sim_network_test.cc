#include "tests/sim/sim_network.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <vector>

namespace nexus::sim {
namespace {

using namespace std::chrono_literals;

struct Number final : Payload {
  explicit Number(std::uint32_t number) : value(number) {}
  std::uint64_t digest() const override { return value; }
  const std::uint32_t value;
};

class SimNetworkTest : public testing::Test, protected SimNetwork::Hosts {
 protected:
  static constexpr std::uint32_t kNodeCount = 4;
  static constexpr NodeIndex kA = 0;
  static constexpr NodeIndex kB = 1;

  struct Got {
    SimTime at;
    NodeIndex node;
    NodeIndex peer;
    // -1: the end of a stream.
    int number;
    WhyDown why;
  };

  void send(SimTime at, NodeIndex from, NodeIndex to, std::uint32_t number) {
    run_until(at);
    network_.send(at, {from, 1}, to, std::make_shared<Number>(number), 100);
  }
  void run_until(SimTime end) {
    while (!events_.empty() && events_.next_at() <= end) {
      const Event event = events_.pop();
      now_ = event.at;
      if (event.kind == EventKind::arrive) network_.on_arrive(now_, event.a);
      if (event.kind == EventKind::retry) network_.on_retry(now_, event.a, event.b);
      if (event.kind == EventKind::stream_end) network_.on_stream_end(event.a);
    }
  }
  LinkRules::RuleId lose(NodeIndex from, NodeIndex to, std::uint32_t loss) {
    return network_.rules().add({.from = {from}, .to = {to}, .loss = loss});
  }
  std::vector<int> numbers_at(NodeIndex node) const {
    std::vector<int> numbers;
    for (const Got& got : got_) {
      if (got.node == node && got.number >= 0) numbers.push_back(got.number);
    }
    return numbers;
  }
  std::vector<Got> ends_at(NodeIndex node) const {
    std::vector<Got> ends;
    for (const Got& got : got_) {
      if (got.node == node && got.number < 0) ends.push_back(got);
    }
    return ends;
  }

  HostState state(NodeIndex node) const override { return states_[node]; }
  std::uint32_t boot_count(NodeIndex node) const override { return boots_[node]; }
  bool has_room(NodeIndex node, std::uint32_t) const override { return has_room_[node]; }
  void arrived(Arrival arrival) override {
    const auto* number = static_cast<const Number*>(arrival.payload.get());
    got_.push_back({now_, arrival.to, arrival.from.node,
                    number == nullptr ? -1 : static_cast<int>(number->value), arrival.why});
  }

  SimTime now_{};
  EventQueue events_;
  std::vector<HostState> states_ = std::vector<HostState>(kNodeCount, HostState::listening);
  std::vector<std::uint32_t> boots_ = std::vector<std::uint32_t>(kNodeCount, 1);
  std::vector<bool> has_room_ = std::vector<bool>(kNodeCount, true);
  std::vector<Got> got_;
  SimNetwork network_{{.jitter = 0}, kNodeCount, 1, events_, *this};
};

TEST_F(SimNetworkTest, N2_TheFirstMessageWaitsForTwoRoundTripsAndLaterOnesDoNot) {
  send(0s, kA, kB, 1);
  send(1s, kA, kB, 2);
  run_until(2s);
  ASSERT_EQ(numbers_at(kB), (std::vector{1, 2}));
  EXPECT_EQ(got_[0].at, 2500us);
  EXPECT_EQ(got_[1].at, 1s + 500us);
}

TEST_F(SimNetworkTest, N1_LossDelaysAStreamAndNeverReordersIt) {
  lose(kA, kB, kLoseAll / 20);
  std::vector<int> sent;
  for (std::uint32_t i = 0; i < 2'000; ++i) {
    send(1s + 5ms * i, kA, kB, i);
    sent.push_back(static_cast<int>(i));
  }
  run_until(60s);
  EXPECT_EQ(numbers_at(kB), sent);
  EXPECT_TRUE(ends_at(kA).empty());
  SimTime slowest{};
  for (const Got& got : got_) slowest = std::max(slowest, got.at - (1s + 5ms * got.number));
  EXPECT_GT(slowest, 200ms) << "nothing was ever sent again";
}

TEST_F(SimNetworkTest, N3_WhatIsSentMeanwhileWaitsBehindALostTransmission) {
  send(0s, kA, kB, 1);
  run_until(1s);
  const auto rule = lose(kA, kB, kLoseAll);
  send(1s, kA, kB, 2);
  send(1s + 1ms, kA, kB, 3);
  run_until(1s + 100ms);
  network_.rules().remove(rule);
  send(1s + 101ms, kA, kB, 4);
  run_until(2s);
  ASSERT_EQ(numbers_at(kB), (std::vector{1, 2, 3, 4}));
  EXPECT_EQ(got_[1].at, 1s + 200ms + 500us);
  EXPECT_EQ(got_[3].at, 1s + 200ms + 500us);
}

TEST_F(SimNetworkTest, N4_TheUserTimeoutEndsTheStreamAtBothEndsAndLosesWhatWaited) {
  send(0s, kA, kB, 1);
  run_until(1s);
  lose(kA, kB, kLoseAll);
  send(1s, kA, kB, 2);
  run_until(10s);
  EXPECT_EQ(numbers_at(kB), (std::vector{1}));
  ASSERT_EQ(ends_at(kA).size(), 1u);
  EXPECT_EQ(ends_at(kA)[0].at, 4s);
  EXPECT_EQ(ends_at(kA)[0].why, WhyDown::timed_out);
  ASSERT_EQ(ends_at(kB).size(), 1u);
  EXPECT_EQ(ends_at(kB)[0].at, 7s) << "the reset cannot arrive";
  EXPECT_EQ(ends_at(kB)[0].why, WhyDown::timed_out);
}

TEST_F(SimNetworkTest, N4_DataWhoseAcknowledgementsAreCutArrivesButEndsTheStream) {
  send(0s, kA, kB, 1);
  run_until(1s);
  lose(kB, kA, kLoseAll);
  send(1s, kA, kB, 2);
  send(2s, kA, kB, 3);
  run_until(10s);
  EXPECT_EQ(numbers_at(kB), (std::vector{1, 2, 3}));
  ASSERT_EQ(ends_at(kA).size(), 1u);
  EXPECT_EQ(ends_at(kA)[0].at, 4s) << "three seconds after the oldest that is not acknowledged";
  ASSERT_EQ(ends_at(kB).size(), 1u);
  EXPECT_EQ(ends_at(kB)[0].why, WhyDown::reset) << "that direction is open";
}

TEST_F(SimNetworkTest, N2_AOneWayCutKeepsDialsFromSucceedingInEitherDirection) {
  lose(kA, kB, kLoseAll);
  send(0s, kA, kB, 1);
  send(0s, kB, kA, 2);
  run_until(10s);
  EXPECT_TRUE(numbers_at(kA).empty());
  EXPECT_TRUE(numbers_at(kB).empty());
  ASSERT_EQ(ends_at(kA).size(), 1u);
  ASSERT_EQ(ends_at(kB).size(), 1u);
  EXPECT_EQ(ends_at(kA)[0].at, 3s);
  EXPECT_EQ(ends_at(kB)[0].why, WhyDown::timed_out);
}

TEST_F(SimNetworkTest, N5_AHostWithoutAProcessRefusesWithinARoundTrip) {
  states_[kB] = HostState::refusing;
  send(0s, kA, kB, 1);
  run_until(1s);
  ASSERT_EQ(ends_at(kA).size(), 1u);
  EXPECT_EQ(ends_at(kA)[0].at, 1ms);
  EXPECT_EQ(ends_at(kA)[0].why, WhyDown::refused);
}

TEST_F(SimNetworkTest, N5_AKilledProcessResetsItsStreamsAtOnceInBothDirections) {
  send(0s, kA, kB, 1);
  send(0s, kB, 2, 2);
  run_until(1s);
  network_.end_of_process(1s, kB, false);
  states_[kB] = HostState::refusing;
  run_until(2s);
  ASSERT_EQ(ends_at(kA).size(), 1u);
  EXPECT_EQ(ends_at(kA)[0].at, 1s + 500us);
  EXPECT_EQ(ends_at(kA)[0].why, WhyDown::reset);
  ASSERT_EQ(ends_at(2).size(), 1u);
  EXPECT_EQ(network_.stream_count(), 0u);
}

TEST_F(SimNetworkTest, N5_AHostWithoutPowerIsFoundByTheUserTimeoutOnly) {
  send(0s, kA, kB, 1);
  run_until(1s);
  network_.end_of_process(1s, kB, true);
  states_[kB] = HostState::silent;
  send(2s, kA, kB, 2);
  run_until(10s);
  ASSERT_EQ(ends_at(kA).size(), 1u);
  EXPECT_EQ(ends_at(kA)[0].at, 5s);
}

TEST_F(SimNetworkTest, N5_WhatAKilledProcessHadSentStillArrives) {
  send(0s, kA, kB, 1);
  run_until(1s);
  send(1s, kA, kB, 2);
  network_.end_of_process(1s, kA, false);
  states_[kA] = HostState::refusing;
  run_until(2s);
  EXPECT_EQ(numbers_at(kB), (std::vector{1, 2}));
  EXPECT_EQ(ends_at(kB).size(), 1u);
}

TEST_F(SimNetworkTest, N5_ARestartedHostResetsStreamsOfItsPast) {
  send(0s, kA, kB, 1);
  run_until(1s);
  network_.end_of_process(1s, kB, true);
  states_[kB] = HostState::silent;
  run_until(2s);
  states_[kB] = HostState::listening;
  ++boots_[kB];
  send(3s, kA, kB, 2);
  run_until(4s);
  EXPECT_EQ(numbers_at(kB), (std::vector{1}));
  ASSERT_EQ(ends_at(kA).size(), 1u);
  EXPECT_EQ(ends_at(kA)[0].why, WhyDown::reset);
}

TEST_F(SimNetworkTest, N6_AFullReceiveBufferStallsTheStreamUntilThereIsRoom) {
  send(0s, kA, kB, 1);
  run_until(1s);
  has_room_[kB] = false;
  send(1s, kA, kB, 2);
  run_until(1s + 500ms);
  EXPECT_EQ(numbers_at(kB), (std::vector{1}));
  has_room_[kB] = true;
  run_until(3s);
  EXPECT_EQ(numbers_at(kB), (std::vector{1, 2}));
  EXPECT_TRUE(ends_at(kA).empty());
}

TEST_F(SimNetworkTest, N7_AMessageOnACleanPathIsOneEvent) {
  send(0s, kA, kB, 1);
  EXPECT_EQ(events_.size(), 1u);
}

TEST_F(SimNetworkTest, AStreamThatCarriesNothingIsForgotten) {
  send(0s, kA, kB, 1);
  run_until(61s);
  EXPECT_EQ(network_.stream_count(), 1u);
  network_.sweep(61s);
  EXPECT_EQ(network_.stream_count(), 0u);
}

TEST_F(SimNetworkTest, DatagramsAreLostIndependently) {
  lose(kA, kB, kLoseAll / 2);
  for (std::uint32_t i = 0; i < 1'000; ++i) {
    network_.send_datagram(1ms * i, {kA, 1}, kB, std::make_shared<Number>(i), 100);
  }
  run_until(10s);
  EXPECT_NEAR(static_cast<double>(numbers_at(kB).size()), 500, 60);
  EXPECT_TRUE(ends_at(kA).empty());
}

TEST_F(SimNetworkTest, LossesOfTwoRulesAreIndependentAndDelaysAddUp) {
  lose(kA, kB, kLoseAll / 2);
  network_.rules().add({.from = {kA}, .to = {kB, 2}, .loss = kLoseAll / 2, .delay = 5ms});
  const LinkRules::Path path = network_.rules().path(kA, kB);
  EXPECT_EQ(path.loss, kLoseAll * 3 / 4);
  EXPECT_EQ(path.delay, 5ms);
  EXPECT_TRUE(network_.rules().is_clean(kB, kA));
}

}  // namespace
}  // namespace nexus::sim
