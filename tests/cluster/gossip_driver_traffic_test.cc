// GossipDriver and what comes on the connections of others.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cluster/gossip_driver.h"
#include "tests/cluster/support/memory_links.h"
#include "tests/support/wait.h"

namespace nexus::cluster {
namespace {

using std::chrono::milliseconds;

class GossipDriverTraffic : public testing::Test {
 protected:
  struct Node {
    std::unique_ptr<GossipDriver> driver;
    std::unique_ptr<ControlLinks> links;
  };

  GossipDriverTraffic() {
    for (int i = 1; i <= 3; ++i) {
      const std::string address = "node:" + std::to_string(i);
      Member self{.id = MemberId::random(), .address = address};
      self.process = self.id;
      if (i == 3) silent_ = self.id;
      Node node;
      node.driver = std::make_unique<GossipDriver>(
          GossipDriver::Options{.membership = {},
                                .self = self,
                                .seeds = {"node:1"},
                                .traffic_of = [this](const Member& member) -> std::uint64_t {
                                  return member.process == silent_ && is_talking_ ? ++traffic_ : 0;
                                }},
          [](const Incarnation::Event&) {}, [](const GossipDriver::LinkTrouble&) {});
      node.links = network_.links(address, *node.driver);
      nodes_.push_back(std::move(node));
    }
    for (Node& node : nodes_) node.driver->start(*node.links);
  }
  ~GossipDriverTraffic() override {
    for (Node& node : nodes_) node.driver->stop({});
  }

  bool first_two_have(std::size_t size) const {
    const ViewPtr one = nodes_[0].driver->view();
    const ViewPtr two = nodes_[1].driver->view();
    return one != nullptr && two != nullptr && one->size() == size && one->id() == two->id();
  }

  // From the cut until the two others have removed the third.
  core::Duration time_to_remove() {
    EXPECT_TRUE(nexus::test::eventually([&] { return first_two_have(3); }));
    const core::Instant begin = core::SteadyClock().now();
    network_.cut_off("node:3");
    EXPECT_TRUE(nexus::test::eventually([&] { return first_two_have(2); }));
    return core::SteadyClock().now() - begin;
  }

  test::MemoryNetwork network_;
  MemberId silent_;
  std::atomic<bool> is_talking_{false};
  std::atomic<std::uint64_t> traffic_{0};
  std::vector<Node> nodes_;
  // timeout_min and one interval before it: the last answer may just have come.
  const core::Duration timeout_ = EdgeOptions{}.timeout_min;
};

TEST_F(GossipDriverTraffic, WhoIsSilentEverywhereIsRemovedAfterTheTimeout) {
  EXPECT_GE(time_to_remove(), timeout_ - milliseconds(700));
}

// D4: its other connections say that it is there, but it must be heard on those of the cluster too.
TEST_F(GossipDriverTraffic, D4_WhoTalksToActorsHasTwiceTheTime) {
  is_talking_ = true;
  EXPECT_GE(time_to_remove(), 2 * timeout_ - milliseconds(700));
}

}  // namespace
}  // namespace nexus::cluster
