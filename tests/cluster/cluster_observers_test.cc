// Who is told of changes of the cluster, and on which thread: one node, alone.
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "cluster/cluster.h"
#include "core/base/mutex.h"
#include "remote/remote.h"
#include "tests/support/wait.h"

namespace nexus::cluster {
namespace {

using nexus::test::eventually;
using std::chrono::seconds;

// What was told, in its order; any thread.
template <typename Item>
class Told {
 public:
  void add(Item item) {
    core::MutexLock lock(mutex_);
    items_.push_back(std::move(item));
  }
  std::vector<Item> all() const {
    core::MutexLock lock(mutex_);
    return items_;
  }
  std::size_t count() const { return all().size(); }

 private:
  mutable core::Mutex mutex_{"told"};
  std::vector<Item> items_ GUARDED_BY(mutex_);
};

class ClusterObserversTest : public testing::Test {
 protected:
  ClusterObserversTest()
      : system_(system_options()),
        remote_({}, system_, id_.to_string(), nullptr),
        cluster_(cluster_options(id_), system_, remote_, nullptr) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials());
    remote_.add_to(builder);
    cluster_.add_to(builder);
    server_ = builder.BuildAndStart();
    remote_.start();
  }
  ~ClusterObserversTest() override {
    (void)cluster_.leave(seconds(5));
    cluster_.stop();
    server_->Shutdown(std::chrono::system_clock::now());
    remote_.end();
    (void)system_.shutdown(seconds(5));
  }

  core::ActorSystem::Options system_options() {
    core::ActorSystem::Options options;
    options.address = "127.0.0.1:1";
    options.worker_count = 1;
    options.log = core::Log({}, [this](std::string_view line) { log_.add(std::string(line)); });
    return options;
  }
  static Cluster::Options cluster_options(const MemberId& id) {
    Cluster::Options options;
    options.membership.compatibility.cluster = "test";
    options.self = {.id = id, .process = id, .address = "127.0.0.1:1"};
    return options;
  }

  bool has_logged(std::string_view text) const {
    for (const std::string& line : log_.all()) {
      if (line.find(text) != std::string::npos) return true;
    }
    return false;
  }

  Told<std::string> log_;
  // Observers tell these until the end of the cluster.
  Told<ViewEvent> told_;
  Told<core::Status> answers_;
  const MemberId id_ = MemberId::random();
  core::ActorSystem system_;
  remote::Remote remote_;
  Cluster cluster_;
  std::unique_ptr<grpc::Server> server_;
};

TEST_F(ClusterObserversTest, U3_TheEventStreamHasEachChangeToo) {
  const auto handler =
      system_.events().subscribe<ViewEvent>([this](const ViewEvent& event) { told_.add(event); });
  cluster_.start();
  ASSERT_TRUE(eventually([&] { return told_.count() == 1; }));
  const ViewPtr view = cluster_.view();
  ASSERT_NE(view, nullptr);
  EXPECT_EQ(told_.all()[0].view, view);
  EXPECT_EQ(told_.all()[0].before, nullptr);
  EXPECT_TRUE(cluster_.leave(seconds(5)));
  // The view that the others go on with, of which there is nobody, and that this node is in none.
  ASSERT_TRUE(eventually([&] { return told_.all().back().view == nullptr; }));
  EXPECT_EQ(told_.all()[1].before, view);
  EXPECT_EQ(told_.all()[1].cut->removed,
            (std::vector<Cut::Removal>{{.member = 0, .why = Departure::left}}));
}

TEST_F(ClusterObserversTest, U5_OneThatThrowsIsLoggedAndTheOthersAreTold) {
  (void)cluster_.subscribe([](const ViewEvent&) { throw std::runtime_error("no room"); });
  (void)cluster_.subscribe([this](const ViewEvent& event) { told_.add(event); });
  cluster_.start();
  ASSERT_TRUE(eventually([&] { return told_.count() == 1; }));
  EXPECT_TRUE(has_logged("no room"));
  (void)cluster_.subscribe([](const ViewEvent&) { throw std::runtime_error("nor here"); });
  EXPECT_TRUE(has_logged("nor here"));
  EXPECT_TRUE(cluster_.put("color", "blue").ok()) << "the gossip thread goes on";
}

TEST_F(ClusterObserversTest, U5_WhatWouldWaitForTheGossipThreadIsRefusedThere) {
  const auto ask = [this](const ViewEvent& event) {
    if (event.view == nullptr) return;
    answers_.add(cluster_.put("color", "blue"));
    answers_.add(cluster_.set_kinds({"counter"}));
    answers_.add(cluster_.join({"127.0.0.1:2"}));
    answers_.add(cluster_.set_seeds({"127.0.0.1:2"}));
    answers_.add(cluster_.force(event.view->id(), {id_}));
  };
  (void)cluster_.subscribe(ask);
  const auto handler =
      system_.events().subscribe<ViewEvent>([ask](const ViewEvent& event) { ask(event); });
  cluster_.start();
  ASSERT_TRUE(eventually([&] { return answers_.count() == 10; }));
  for (const core::Status& status : answers_.all()) {
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code, core::Errc::failed_precondition);
    EXPECT_NE(status.error().detail.find("from another one"), std::string::npos);
  }
}

}  // namespace
}  // namespace nexus::cluster
