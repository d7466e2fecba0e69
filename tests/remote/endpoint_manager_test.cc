#include "remote/endpoint_manager.h"

#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>

#include "tests/support/fake_dialer.h"
#include "tests/support/test_system.h"

namespace nexus::remote {
namespace {

using core::DeadLetterReason;

class EndpointManagerTest : public testing::Test {
 protected:
  EndpointManagerTest() { use({}); }
  ~EndpointManagerTest() override { close(); }

  void use(const Options& options) {
    close();
    auto dialer = std::make_unique<test::FakeDialer>();
    dialer_ = dialer.get();
    manager_ = std::make_unique<EndpointManager>(
        std::make_shared<Endpoint::Shared>(options, *system_, "self", std::move(dialer)));
  }
  void close() {
    if (manager_ == nullptr) return;
    (void)manager_->close(now());
    dialer_->close();
  }
  static core::Instant now() { return core::SteadyClock().now(); }
  static WireMessage message(const std::string& address, const std::string& data = {}) {
    WireMessage made;
    made.target = core::Pid::of_name(address, "x");
    made.type_name = "test.T";
    made.data = data;
    return made;
  }

  test::TestSystem system_{{.address = "here:1"}};
  test::FakeDialer* dialer_ = nullptr;
  std::unique_ptr<EndpointManager> manager_;
};

TEST_F(EndpointManagerTest, EachAddressHasOneEndpoint) {
  const auto a = manager_->endpoint("a:1");
  EXPECT_EQ(a->address(), "a:1");
  EXPECT_EQ(manager_->endpoint("a:1"), a);
  EXPECT_NE(manager_->endpoint("b:1"), a);
  EXPECT_EQ(manager_->find("a:1"), a);
  EXPECT_EQ(manager_->find("c:1"), nullptr);
  EXPECT_EQ(manager_->all().size(), 2u);
}

TEST_F(EndpointManagerTest, ConcurrentFirstUseMakesOneEndpointAndOneDial) {
  for (int round = 0; round < 50; ++round) {
    const std::string address = "peer:" + std::to_string(round);
    core::Mutex mutex{"test_endpoints_seen"};
    std::set<std::shared_ptr<Endpoint>> seen;
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&] {
        const auto endpoint = manager_->endpoint(address);
        send_message(*endpoint, message(address));
        const core::MutexLock lock(mutex);
        seen.insert(endpoint);
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(seen.size(), 1u);
    EXPECT_EQ(dialer_->dial_count(), round + 1);
  }
}

TEST_F(EndpointManagerTest, AtThePeerLimitIdleEndpointsAreForgottenAndOthersStay) {
  Options options;
  options.peer_count_max = 3;
  use(options);
  send_message(*manager_->endpoint("busy:1"), message("busy:1"));
  (void)manager_->endpoint("idle:1");
  const auto held = manager_->endpoint("held:1");
  EXPECT_NE(manager_->endpoint("new:1"), nullptr);
  EXPECT_EQ(manager_->find("idle:1"), nullptr);
  EXPECT_NE(manager_->find("busy:1"), nullptr);
  EXPECT_EQ(manager_->find("held:1"), held) << "somebody is about to use it";
}

TEST_F(EndpointManagerTest, AtThePeerLimitWithoutIdleEndpointsThereIsNone) {
  Options options;
  options.peer_count_max = 2;
  use(options);
  for (const char* address : {"a:1", "b:1"})
    send_message(*manager_->endpoint(address), message(address));
  EXPECT_EQ(manager_->endpoint("c:1"), nullptr);
  EXPECT_NE(manager_->endpoint("a:1"), nullptr) << "known ones are not affected";
  const auto stream = dialer_->take();
  stream->accept("one");
  stream->say_goodbye();
  stream->end();
  EXPECT_NE(manager_->endpoint("c:1"), nullptr) << "that peer is gone, its place is free";
}

TEST_F(EndpointManagerTest, ByHearsayThereAreFewAndIdleOnesMakeRoom) {
  Options options;
  options.peer_count_max = 5;
  options.hearsay_peer_count_max = 2;
  use(options);
  send_message(*manager_->endpoint("known:1"), message("known:1"));
  EXPECT_EQ(manager_->endpoint_by_hearsay("known:1"), manager_->find("known:1"));
  send_message(*manager_->endpoint_by_hearsay("a:1"), message("a:1"));
  (void)manager_->endpoint_by_hearsay("b:1");
  send_message(*manager_->endpoint_by_hearsay("c:1"), message("c:1"));
  EXPECT_EQ(manager_->find("b:1"), nullptr) << "it was idle";
  EXPECT_EQ(manager_->endpoint_by_hearsay("d:1"), nullptr);
  EXPECT_NE(manager_->endpoint_by_hearsay("a:1"), nullptr) << "known ones are not affected";
  EXPECT_NE(manager_->endpoint("d:1"), nullptr) << "an actor sends there";
  EXPECT_EQ(manager_->endpoint_by_hearsay("$client/c"), nullptr);
}

TEST_F(EndpointManagerTest, CloseSendsWhatIsQueuedForConnectedPeers) {
  send_message(*manager_->endpoint("a:1"), message("a:1", "first"));
  const auto stream = dialer_->take();
  stream->accept("one");
  send_message(*manager_->endpoint("a:1"), message("a:1", "second"));
  std::thread peer([&] {
    EXPECT_EQ(stream->take_batch().messages[0].data, "first");
    stream->written();
    EXPECT_EQ(stream->take_batch().messages[0].data, "second");
    stream->written();
  });
  EXPECT_TRUE(manager_->close(test::give_up_at()));
  peer.join();
  EXPECT_TRUE(stream->finished());
  stream->end();
}

TEST_F(EndpointManagerTest, CloseWaitsForNobodyWhoseLinkIsDown) {
  Options options;
  options.reconnect_min = options.reconnect_max = options.unreachable_after = std::chrono::hours(1);
  use(options);
  send_message(*manager_->endpoint("a:1"), message("a:1"));
  dialer_->take()->end();
  EXPECT_FALSE(manager_->close(test::give_up_at()));
  EXPECT_EQ(system_->dead_letters().count(DeadLetterReason::link_down), 1u);
}

TEST_F(EndpointManagerTest, CloseEndsAtItsDeadline) {
  send_message(*manager_->endpoint("a:1"), message("a:1"));
  const auto stream = dialer_->take();
  stream->accept("one");
  EXPECT_FALSE(manager_->close(now() + std::chrono::milliseconds(5)));
  EXPECT_TRUE(stream->finished());
  stream->end();
}

TEST_F(EndpointManagerTest, AfterCloseThereAreNoEndpointsAndHeldOnesRefuse) {
  const auto held = manager_->endpoint("a:1");
  EXPECT_TRUE(manager_->close(now()));
  EXPECT_EQ(manager_->endpoint("a:1"), nullptr);
  EXPECT_EQ(manager_->endpoint("b:1"), nullptr);
  send_message(*held, message("a:1"));
  EXPECT_EQ(system_->dead_letters().count(DeadLetterReason::link_down), 1u);
  EXPECT_EQ(dialer_->dial_count(), 0);
}

TEST_F(EndpointManagerTest, SendsThatRaceWithCloseAreAllAccountedFor) {
  constexpr std::uint64_t kThreadCount = 4;
  constexpr std::uint64_t kMessageCount = 2'000;
  std::vector<std::thread> threads;
  std::atomic<std::uint64_t> refused_count{0};
  for (std::uint64_t i = 0; i < kThreadCount; ++i) {
    threads.emplace_back([&] {
      for (std::uint64_t n = 0; n < kMessageCount; ++n) {
        const auto endpoint = manager_->endpoint("a:1");
        if (endpoint == nullptr) {
          refused_count.fetch_add(1);
        } else {
          send_message(*endpoint, message("a:1"));
        }
      }
    });
  }
  (void)manager_->close(now());
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(system_->dead_letters().count(DeadLetterReason::link_down) + refused_count.load(),
            kThreadCount * kMessageCount);
}

}  // namespace
}  // namespace nexus::remote
