// InboundGate and InboundGates, rules X1 to X3.
#include "remote/inbound_gate.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>

namespace nexus::remote {
namespace {

using std::chrono::seconds;

class FakeStream final : public InboundGate::Stream {
 public:
  void on_gate_closed(core::Duration patience) override {
    told += std::to_string(patience / seconds(1)) + "s ";
  }
  std::string told;
};

class InboundGateTest : public testing::Test {
 protected:
  std::shared_ptr<InboundGate> enter(const std::string& member_id) {
    return gates_.enter({.address = "peer:1", .member_id = member_id}, stream_);
  }
  InboundGate::Then note(const std::string& what) {
    return [this, what] { noted_ += what + " "; };
  }

  InboundGates gates_;
  std::string noted_;
  const std::shared_ptr<FakeStream> stream_ = std::make_shared<FakeStream>();
};

TEST_F(InboundGateTest, X1_WithoutAFrameThereIsNothingToWaitFor) {
  gates_.close("peer:1", "unknown", seconds(1), note("unknown"));
  const auto gate = enter("one");
  gates_.await("peer:1", "one", note("await"));
  gates_.close("peer:1", "one", seconds(1), note("close"));
  EXPECT_EQ(noted_, "unknown await close ");
  EXPECT_EQ(stream_->told, "1s ");
}

TEST_F(InboundGateTest, X1_WhoClosesIsCalledWhenTheLastFrameHasEnded) {
  const auto gate = enter("one");
  const auto first = gate->begin_frame();
  const auto second = gate->begin_frame();
  gates_.close("peer:1", "one", seconds(3), note("closed"));
  EXPECT_EQ(stream_->told, "3s ");
  gate->end_frame(*second);
  EXPECT_EQ(noted_, "");
  gate->end_frame(*first);
  EXPECT_EQ(noted_, "closed ");
}

TEST_F(InboundGateTest, CountsTheFramesOfAnIncarnationThatHasAStream) {
  EXPECT_EQ(gates_.frame_count("peer:1", "one"), 0u);
  auto gate = enter("one");
  const auto other = enter("two");
  const auto first = gate->begin_frame();
  const auto second = gate->begin_frame();
  gate->end_frame(*first);
  EXPECT_EQ(gates_.frame_count("peer:1", "one"), 2u);
  EXPECT_EQ(gates_.frame_count("peer:1", "two"), 0u);
  gate->end_frame(*second);
  gate->close({});
  EXPECT_FALSE(gate->begin_frame());
  EXPECT_EQ(gates_.frame_count("peer:1", "one"), 2u) << "what was not let in does not count";
  gate = nullptr;
  EXPECT_EQ(gates_.frame_count("peer:1", "one"), 0u);
}

TEST_F(InboundGateTest, X3_WhoNamesTheIdAtAnotherAddressDoesNotCount) {
  const auto gate = enter("one");
  const auto other = gates_.enter({.address = "peer:2", .member_id = "one"}, stream_);
  const auto frame = other->begin_frame();
  other->end_frame(*frame);
  EXPECT_EQ(gates_.frame_count("peer:1", "one"), 0u);
}

TEST_F(InboundGateTest, X1_FramesThatBeginLaterAreNotWaitedFor) {
  const auto gate = enter("one");
  const auto first = gate->begin_frame();
  gates_.await("peer:1", "one", note("first"));
  const auto second = gate->begin_frame();
  gates_.await("peer:1", "one", note("both"));
  gate->end_frame(*first);
  EXPECT_EQ(noted_, "first ");
  gate->end_frame(*second);
  EXPECT_EQ(noted_, "first both ");
}

TEST_F(InboundGateTest, X1_AnAddressIsEveryIncarnationThere) {
  const auto one = enter("one");
  const auto two = enter("two");
  const auto other = gates_.enter({.address = "other:1", .member_id = "three"}, stream_);
  const auto of_one = one->begin_frame();
  const auto of_two = two->begin_frame();
  gates_.close("peer:1", "", seconds(2), note("closed"));
  one->end_frame(*of_one);
  EXPECT_EQ(noted_, "");
  two->end_frame(*of_two);
  EXPECT_EQ(noted_, "closed ");
  EXPECT_TRUE(other->begin_frame().has_value());
}

// Another peer calls itself by the same member id.
TEST_F(InboundGateTest, X3_AMemberIdAloneOpensAndClosesNothing) {
  const auto enter_at = [&](const std::string& host) {
    return gates_.enter({.address = host + ":1", .member_id = "one", .hosts = {{host}}}, stream_);
  };
  const auto gate = enter_at("peer");
  const auto others = enter_at("liar");
  EXPECT_NE(gate, others);
  const auto of_others = others->begin_frame();
  gates_.close("peer:1", "one", seconds(1), note("peer"));
  EXPECT_EQ(noted_, "peer ") << "what the other is delivering is not waited for";
  EXPECT_FALSE(gate->begin_frame().has_value());
  others->end_frame(*of_others);
  const auto again = enter_at("peer");
  gates_.close("liar:1", "one", seconds(1), note("liar"));
  EXPECT_TRUE(again->begin_frame().has_value());
  EXPECT_FALSE(others->begin_frame().has_value());
}

TEST_F(InboundGateTest, X3_AnotherAddressReachesThoseThatMayBeThere) {
  const auto certified = gates_.enter(
      {.address = "peer:1", .member_id = "one", .hosts = {{"peer", "localhost"}}}, stream_);
  const auto plain = gates_.enter({.address = "other:1", .member_id = "two"}, stream_);
  const auto client = gates_.enter(
      {.address = "$client/two", .member_id = "two", .hosts = std::vector<std::string>{}}, stream_);
  gates_.close("localhost:1", "one", seconds(1), note("one"));
  gates_.close("localhost:1", "two", seconds(1), note("two"));
  EXPECT_FALSE(certified->begin_frame().has_value());
  EXPECT_FALSE(plain->begin_frame().has_value());
  EXPECT_TRUE(client->begin_frame().has_value()) << "it is at no address";
}

TEST_F(InboundGateTest, X2_AfterTheCloseNoFrameIsLetIn) {
  const auto gate = enter("one");
  EXPECT_EQ(enter("one"), gate) << "each of its streams has the same";
  gates_.close("peer:1", "one", seconds(1), note("closed"));
  EXPECT_FALSE(gate->begin_frame().has_value());
  const auto again = enter("one");
  EXPECT_TRUE(again->begin_frame().has_value()) << "on a stream that came later";
  EXPECT_FALSE(gate->begin_frame().has_value());
}

TEST_F(InboundGateTest, X1_HoldsWhileFramesComeOnManyThreads) {
  for (int round = 0; round < 200; ++round) {
    const auto gate = enter("one");
    std::atomic<int> in_frame{0};
    std::atomic<bool> closed{false};
    std::vector<std::thread> readers;
    for (int i = 0; i < 3; ++i) {
      readers.emplace_back([&] {
        while (const auto frame = gate->begin_frame()) {
          in_frame.fetch_add(1);
          EXPECT_FALSE(closed.load()) << "a frame is let in after the close was through";
          in_frame.fetch_sub(1);
          gate->end_frame(*frame);
        }
      });
    }
    gates_.close("peer:1", "one", seconds(1), [&] {
      EXPECT_EQ(in_frame.load(), 0);
      closed.store(true);
    });
    for (std::thread& reader : readers) reader.join();
    EXPECT_TRUE(closed.load());
  }
}

TEST_F(InboundGateTest, X3_ABlockClosesTheGatesOfAnIdAtAllAddresses) {
  const auto gate = enter("one");
  const auto elsewhere = gates_.enter({.address = "peer:2", .member_id = "one"}, stream_);
  const auto other = enter("two");
  gates_.close_all("one");
  EXPECT_EQ(stream_->told, "0s 0s ");
  EXPECT_FALSE(gate->begin_frame() || elsewhere->begin_frame());
  EXPECT_TRUE(other->begin_frame());
}

TEST_F(InboundGateTest, IncarnationsWithoutAStreamAreForgotten) {
  for (int i = 0; i < 10'000; ++i) (void)enter(std::to_string(i));
  EXPECT_LE(gates_.count(), 64u);
}

}  // namespace
}  // namespace nexus::remote
