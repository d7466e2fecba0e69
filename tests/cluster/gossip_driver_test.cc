// Whole drivers over real connections, several in one process.
#include "cluster/gossip_driver.h"

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "cluster/grpc_control_links.h"
#include "tests/support/wait.h"

namespace nexus::cluster {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// A node with nothing but its part in the cluster.
class TestNode {
 public:
  explicit TestNode(std::string cluster = "test") : cluster_(std::move(cluster)) {}
  ~TestNode() { crash(); }

  // Listens, at the port of before when there was one.
  const std::string& listen() {
    member_ = {.id = MemberId::random(), .address = address_};
    links_ = std::make_unique<GrpcControlLinks>(GrpcControlLinks::Options{}, relay_, nullptr);
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort(address_.empty() ? "127.0.0.1:0" : address_,
                             grpc::InsecureServerCredentials(), &port);
    builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 5'000);
    links_->add_to(builder);
    server_ = builder.BuildAndStart();
    EXPECT_NE(server_, nullptr);
    address_ = "127.0.0.1:" + std::to_string(port);
    member_.address = address_;
    return address_;
  }

  void start(std::vector<std::string> seeds) {
    MembershipOptions options;
    options.compatibility.cluster = cluster_;
    driver_ = std::make_unique<GossipDriver>(
        GossipDriver::Options{.membership = options, .self = member_, .seeds = std::move(seeds)},
        [this](const Incarnation::Event& event) {
          if (on_event) on_event(event);
          if (const auto* refused = std::get_if<Incarnation::Refused>(&event)) {
            core::MutexLock lock(mutex_);
            refused_ = refused->why;
          }
        },
        [](const GossipDriver::LinkTrouble&) {});
    relay_.target = driver_.get();
    driver_->start(*links_);
  }

  // On the gossip thread. Before start().
  std::function<void(const Incarnation::Event&)> on_event;

  bool leave() { return driver_->leave(seconds(5)); }

  // Without a word to the others.
  void crash() {
    if (driver_ == nullptr) return;
    driver_->stop({});
    server_->Shutdown(std::chrono::system_clock::now());
    server_ = nullptr;
    relay_.target = nullptr;
    links_ = nullptr;
    driver_ = nullptr;
  }

  GossipDriver& driver() { return *driver_; }
  const std::string& address() const { return address_; }
  std::size_t size() const {
    const ViewPtr view = driver_->view();
    return view == nullptr ? 0 : view->size();
  }
  std::string refused() const {
    core::MutexLock lock(mutex_);
    return refused_;
  }

 private:
  // The links are made before the driver.
  struct Relay final : ControlLinkEvents {
    void on_message(Peer from, ControlMessagePtr message, std::function<void()> taken) override {
      if (GossipDriver* const driver = target)
        driver->on_message(std::move(from), std::move(message), std::move(taken));
    }
    void on_refused(const std::string& address) override {
      if (GossipDriver* const driver = target) driver->on_refused(address);
    }
    void on_lost(const std::string& address, const std::string& why) override {
      if (GossipDriver* const driver = target) driver->on_lost(address, why);
    }
    void on_dropped(const std::string& address, const std::string& why) override {
      if (GossipDriver* const driver = target) driver->on_dropped(address, why);
    }
    std::atomic<GossipDriver*> target = nullptr;
  };

  const std::string cluster_;
  std::string address_;
  Member member_;
  Relay relay_;
  std::unique_ptr<GrpcControlLinks> links_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<GossipDriver> driver_;
  mutable core::Mutex mutex_{"test_node"};
  std::string refused_ GUARDED_BY(mutex_);
};

std::vector<std::unique_ptr<TestNode>> nodes(std::size_t count) {
  std::vector<std::unique_ptr<TestNode>> all;
  for (std::size_t i = 0; i < count; ++i) {
    all.push_back(std::make_unique<TestNode>());
    all.back()->listen();
  }
  return all;
}

bool all_have(const std::vector<std::unique_ptr<TestNode>>& nodes, std::size_t size) {
  ViewId view = 0;
  for (const auto& node : nodes) {
    if (node == nullptr) continue;
    const ViewPtr its = node->driver().view();
    if (its == nullptr || its->size() != size || (view != 0 && its->id() != view)) return false;
    view = its->id();
  }
  return true;
}

TEST(GossipDriver, NodesFindEachOtherAndAgree) {
  auto cluster = nodes(5);
  const std::vector<std::string> seeds{cluster[0]->address(), cluster[1]->address(),
                                       cluster[2]->address()};
  for (auto& node : cluster) node->start(seeds);
  EXPECT_TRUE(nexus::test::eventually([&] { return all_have(cluster, 5); }));
}

TEST(GossipDriver, OneThatCrashesIsMissedAndOneThatLeavesIsNot) {
  auto cluster = nodes(4);
  for (auto& node : cluster) node->start({cluster[0]->address()});
  ASSERT_TRUE(nexus::test::eventually([&] { return all_have(cluster, 4); }));
  cluster[3] = nullptr;
  EXPECT_TRUE(nexus::test::eventually([&] { return all_have(cluster, 3); }));
  EXPECT_TRUE(cluster[2]->leave());
  cluster[2] = nullptr;
  EXPECT_TRUE(nexus::test::eventually([&] { return all_have(cluster, 2); }));
}

TEST(GossipDriver, ANodeThatStartsAgainAtItsAddressTakesThePlaceOfItsOldRun) {
  auto cluster = nodes(3);
  for (auto& node : cluster) node->start({cluster[0]->address()});
  ASSERT_TRUE(nexus::test::eventually([&] { return all_have(cluster, 3); }));
  const MemberId old = cluster[1]->driver().id();
  cluster[1]->crash();
  cluster[1]->listen();
  cluster[1]->start({cluster[0]->address()});
  EXPECT_TRUE(nexus::test::eventually(
      [&] { return all_have(cluster, 3) && !cluster[0]->driver().view()->index_of(old); }));
}

// Of two the one that leaves may hold the lowest id, and is needed to agree.
TEST(GossipDriver, OfTwoEitherMayLeaveAndTheOtherGoesOn) {
  for (int round = 0; round < 4; ++round) {
    auto cluster = nodes(2);
    for (auto& node : cluster) node->start({cluster[0]->address()});
    ASSERT_TRUE(nexus::test::eventually([&] { return all_have(cluster, 2); }));
    const std::size_t first = cluster[0]->driver().id() < cluster[1]->driver().id() ? 0 : 1;
    const std::size_t leaver = round % 2 == 0 ? first : 1 - first;
    EXPECT_TRUE(cluster[leaver]->leave()) << "round " << round;
    cluster[leaver] = nullptr;
    EXPECT_TRUE(nexus::test::eventually([&] { return all_have(cluster, 1); })) << "round " << round;
  }
}

TEST(GossipDriver, WhatOnePutsAllKnow) {
  auto cluster = nodes(3);
  for (auto& node : cluster) node->start({cluster[0]->address()});
  ASSERT_TRUE(nexus::test::eventually([&] { return all_have(cluster, 3); }));
  ASSERT_TRUE(cluster[2]->driver().put("color", "blue").ok());
  EXPECT_TRUE(nexus::test::eventually([&] {
    for (const auto& node : cluster) {
      const auto state = node->driver().state_of(cluster[2]->driver().id());
      if (state.size() != 1 || state[0].value != "blue") return false;
    }
    return true;
  }));
}

TEST(GossipDriver, WhoLooksAtWhatIsKnownDoesNotWaitForTheGossipThread) {
  TestNode node;
  auto release = std::make_shared<nexus::test::Gate>();
  auto held = std::make_shared<nexus::test::Gate>();
  node.on_event = [&](const Incarnation::Event& event) {
    const auto* state = std::get_if<Incarnation::StateChanged>(&event);
    if (state == nullptr || state->entry.key != "hold") return;
    held->open();
    release->wait();
  };
  node.listen();
  node.start({});
  ASSERT_TRUE(nexus::test::eventually([&] { return node.size() == 1; }));
  ASSERT_TRUE(node.driver().put("color", "blue").ok());
  std::thread holder([&] { (void)node.driver().put("hold", ""); });
  EXPECT_TRUE(held->wait());
  std::atomic<bool> looked = false;
  std::thread looker([&] {
    EXPECT_EQ(node.driver().state_of(node.driver().id()).size(), 2u);
    EXPECT_TRUE(node.driver().doubts().empty());
    looked = true;
  });
  EXPECT_TRUE(nexus::test::eventually([&] { return looked.load(); }));
  release->open();
  holder.join();
  looker.join();
}

TEST(GossipDriver, ANodeOfAnotherClusterIsRefusedWithAReason) {
  auto cluster = nodes(1);
  cluster[0]->start({});
  ASSERT_TRUE(nexus::test::eventually([&] { return all_have(cluster, 1); }));
  TestNode other("other");
  other.listen();
  other.start({cluster[0]->address()});
  EXPECT_TRUE(nexus::test::eventually([&] { return !other.refused().empty(); }));
  EXPECT_NE(other.refused().find("cluster \"test\""), std::string::npos) << other.refused();
  EXPECT_EQ(cluster[0]->size(), 1u);
}

TEST(GossipDriver, AfterMostAreGoneAnOperatorMayGoOnWithTheRest) {
  auto cluster = nodes(3);
  for (auto& node : cluster) node->start({cluster[0]->address()});
  ASSERT_TRUE(nexus::test::eventually([&] { return all_have(cluster, 3); }));
  cluster[1] = nullptr;
  cluster[2] = nullptr;
  EXPECT_TRUE(nexus::test::eventually([&] { return cluster[0]->driver().is_frozen(); }));
  EXPECT_EQ(cluster[0]->size(), 3u) << "it may not go on alone";
  EXPECT_FALSE(
      cluster[0]->driver().force(cluster[0]->driver().view()->id(), {MemberId(1, 1)}).ok());
  ASSERT_TRUE(cluster[0]
                  ->driver()
                  .force(cluster[0]->driver().view()->id(), {cluster[0]->driver().id()})
                  .ok());
  EXPECT_EQ(cluster[0]->size(), 1u);
  EXPECT_FALSE(cluster[0]->driver().is_frozen());
}

}  // namespace
}  // namespace nexus::cluster
