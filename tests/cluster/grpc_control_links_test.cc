// Control connections between two ends in one process, and what others may do with them.
#include "cluster/grpc_control_links.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/base/mutex.h"
#include "nexus/internal/v1/control.grpc.pb.h"
#include "tests/cluster/support/members.h"
#include "tests/support/wait.h"

namespace nexus::cluster {
namespace {

using nexus::test::eventually;
using std::chrono::milliseconds;

constexpr std::size_t kKiB = 1024;

ControlMessagePtr message_of(std::size_t bytes) {
  Gossip gossip;
  gossip.entries = {
      {.owner = MemberId(1, 1), .key = "k", .sequence = 1, .value = std::string(bytes, 'x')}};
  return std::make_shared<const ControlMessage>(ControlMessage{.body = std::move(gossip)});
}

// What an end has heard, and was told of.
class Events final : public ControlLinkEvents {
 public:
  // From now on nothing is read any more.
  void stop_reading() { reads_ = false; }

  void on_message(Peer, ControlMessagePtr, std::function<void()> taken) override {
    {
      core::MutexLock lock(mutex_);
      ++message_count_;
      if (!reads_) return kept_.push_back(std::move(taken));
    }
    taken();
  }
  void on_refused(const std::string&) override {}
  void on_lost(const std::string&, const std::string& why) override { note(lost_, why); }
  void on_dropped(const std::string&, const std::string& why) override { note(dropped_, why); }

  std::size_t message_count() const {
    core::MutexLock lock(mutex_);
    return message_count_;
  }
  std::vector<std::string> dropped() const {
    core::MutexLock lock(mutex_);
    return dropped_;
  }
  std::vector<std::string> lost() const {
    core::MutexLock lock(mutex_);
    return lost_;
  }

 private:
  void note(std::vector<std::string>& list, const std::string& why) {
    core::MutexLock lock(mutex_);
    list.push_back(why);
  }

  std::atomic<bool> reads_ = true;
  mutable core::Mutex mutex_{"test_events"};
  std::size_t message_count_ = 0;
  std::vector<std::function<void()>> kept_;
  std::vector<std::string> dropped_;
  std::vector<std::string> lost_;
};

// A member `number` of a view, with a port.
class End {
 public:
  explicit End(std::uint64_t number, GrpcControlLinks::Options options = {})
      : links_(std::move(options), events, nullptr) {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.SetMaxReceiveMessageSize(static_cast<int>(control_frame_bytes_max({})));
    links_.add_to(builder);
    server_ = builder.BuildAndStart();
    member_ = {.id = MemberId(number, number),
               .process = MemberId(number, number),
               .address = "127.0.0.1:" + std::to_string(port)};
    links_.set_self({.id = member_.id, .address = member_.address});
  }
  ~End() {
    links_.close(milliseconds(500));
    server_->Shutdown(std::chrono::system_clock::now());
  }

  GrpcControlLinks& links() { return links_; }
  const std::string& address() const { return member_.address; }
  MemberPtr member() const { return std::make_shared<const Member>(member_); }
  bool refuses(std::uint64_t message_count) const {
    return links_.counts().refused_message_count == message_count;
  }

  Events events;

 private:
  GrpcControlLinks links_;
  std::unique_ptr<grpc::Server> server_;
  Member member_;
};

ViewPtr view_of(const std::vector<MemberPtr>& members) {
  std::vector<MemberPtr> sorted = members;
  return View::found(std::move(sorted), {});
}

// A node that has said who it is, and then what it likes.
class RawStream {
 public:
  explicit RawStream(const std::string& address, std::uint64_t number = 9,
                     const std::string& own_address = "127.0.0.1:1")
      : stub_(nexus::internal::v1::ControlService::NewStub(
            grpc::CreateChannel(address, grpc::InsecureChannelCredentials()))),
        stream_(stub_->Connect(&context_)) {
    nexus::internal::v1::Frame hello;
    hello.mutable_hello()->mutable_id()->set_high(number);
    hello.mutable_hello()->set_address(own_address);
    stream_->Write(hello);
  }
  bool write(const ControlMessagePtr& message) {
    nexus::internal::v1::Frame frame;
    frame.set_message(encode(*message));
    return stream_->Write(frame);
  }
  // A frame without a message, and with a field of so many bytes that no node knows.
  bool write_unknown(std::size_t bytes) {
    nexus::internal::v1::Frame frame;
    frame.GetReflection()->MutableUnknownFields(&frame)->AddLengthDelimited(1'000)->assign(bytes,
                                                                                           'x');
    return stream_->Write(frame);
  }
  // Waits until the other end has ended it.
  grpc::Status end() {
    nexus::internal::v1::Frame frame;
    while (stream_->Read(&frame)) continue;
    return stream_->Finish();
  }
  void cancel() { context_.TryCancel(); }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<nexus::internal::v1::ControlService::Stub> stub_;
  std::unique_ptr<grpc::ClientReaderWriter<nexus::internal::v1::Frame, nexus::internal::v1::Frame>>
      stream_;
};

TEST(GrpcControlLinks, G3_WhatANodeDoesNotReadIsDroppedBeyondItsCountAndCounted) {
  End reader(1);
  End writer(2, {.rings = {}, .limits = {}, .queue_count_max = 50});
  reader.events.stop_reading();
  writer.links().send(reader.address(), message_of(1));
  ASSERT_TRUE(eventually([&] { return reader.events.message_count() == 1; }));
  std::uint64_t count = 1;
  while (writer.links().counts().overrun_count == 0 && count < 200'000) {
    writer.links().send(reader.address(), message_of(4 * kKiB));
    ++count;
  }
  EXPECT_EQ(writer.links().counts().overrun_count, 1u);
  EXPECT_TRUE(eventually([&] {
    const ControlLinkCounts counts = writer.links().counts();
    return counts.sent_message_count + counts.dropped_message_count == count;
  }));
  EXPECT_GE(writer.links().counts().dropped_message_count, 50u);
  EXPECT_TRUE(eventually([&] { return writer.events.dropped().size() == 1; }));
  EXPECT_NE(writer.events.dropped()[0].find("does not read: 50 messages"), std::string::npos)
      << writer.events.dropped()[0];
  // The next one goes over a new connection.
  writer.links().send(reader.address(), message_of(1));
  EXPECT_TRUE(eventually([&] { return reader.events.message_count() == 2; }));
}

// A host whose process stands still: its kernel takes the connection, and nobody answers.
class StillHost {
 public:
  StillHost() : listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in own{};
    own.sin_family = AF_INET;
    own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(own);
    auto* const address = reinterpret_cast<sockaddr*>(&own);
    EXPECT_EQ(::bind(listener_, address, size), 0);
    EXPECT_EQ(::listen(listener_, 16), 0);
    EXPECT_EQ(::getsockname(listener_, address, &size), 0);
    address_ = "127.0.0.1:" + std::to_string(ntohs(own.sin_port));
  }
  ~StillHost() {
    for (const int connection : connections_) ::close(connection);
    ::close(listener_);
  }
  const std::string& address() const { return address_; }
  // It goes on, and takes what waits; its first frame are the settings, all as they are.
  void wake() {
    constexpr std::array<char, 9> kSettings{0, 0, 0, 4, 0, 0, 0, 0, 0};
    connections_.push_back(::accept(listener_, nullptr, nullptr));
    EXPECT_EQ(::send(connections_.back(), kSettings.data(), kSettings.size(), 0), 9);
  }
  // It ends.
  void crash() {
    for (const int connection : connections_) ::close(connection);
    connections_.clear();
  }

 private:
  const int listener_;
  std::string address_;
  std::vector<int> connections_;
};

std::size_t open_file_count() {
  std::size_t count = 0;
  for (const auto& file : std::filesystem::directory_iterator("/proc/self/fd")) {
    (void)file;
    ++count;
  }
  return count;
}

// gRPC 1.51 would keep the file of a connection that comes about after its channel is gone.
TEST(GrpcControlLinks, AConnectionThatComesAboutTooLateLeavesNothing) {
  StillHost host;
  End writer(2, {.rings = {}, .limits = {}, .queue_count_max = 2});
  const std::size_t before = open_file_count();
  for (int i = 0; i < 2; ++i) writer.links().send(host.address(), message_of(1));
  ASSERT_TRUE(eventually([&] { return !writer.events.lost().empty(); }));
  writer.links().prune(core::SteadyClock().now());
  host.wake();
  host.crash();
  EXPECT_TRUE(eventually([&] {
    writer.links().prune(core::SteadyClock().now());
    return open_file_count() <= before;
  })) << open_file_count()
      << " files, and " << before << " before";
}

TEST(GrpcControlLinks, G3_AMessageThatNobodyReadsIsToldWithItsSizeAndTheOthersGoOn) {
  End reader(1);
  End writer(2);
  writer.links().send(reader.address(), message_of(9 * kKiB * kKiB));
  ASSERT_EQ(writer.events.dropped().size(), 1u);
  EXPECT_EQ(writer.events.dropped()[0],
            "a control message of 9437224 bytes is not sent; at most 8388608 are read");
  EXPECT_EQ(writer.links().counts().oversized_message_count, 1u);
  writer.links().send(reader.address(), message_of(1));
  EXPECT_TRUE(eventually([&] { return reader.events.message_count() == 1; }));
  EXPECT_TRUE(writer.events.lost().empty());
}

TEST(GrpcControlLinks, G3_WhatTheOtherNodeFindsTooLargeIsToldToo) {
  End reader(1, {.rings = {}, .limits = {.bytes_max = 100 * kKiB}});
  End writer(2);
  writer.links().send(reader.address(), message_of(200 * kKiB));
  EXPECT_TRUE(eventually([&] { return writer.events.dropped().size() == 1; }));
  EXPECT_NE(writer.events.dropped()[0].find("at most 102400 are read"), std::string::npos)
      << writer.events.dropped()[0];
  EXPECT_TRUE(reader.refuses(1));
}

TEST(GrpcControlLinks, G4_AStrangerCannotMakeAMemberDecodeMuch) {
  End reader(1);
  End member(2);
  End stranger(3);
  reader.links().set_view(view_of({reader.member(), member.member()}));
  stranger.links().send(reader.address(), message_of(100 * kKiB));
  EXPECT_TRUE(eventually([&] { return reader.events.message_count() == 1; }));
  stranger.links().send(reader.address(), message_of(300 * kKiB));
  EXPECT_TRUE(eventually([&] { return reader.refuses(1); }));
  member.links().send(reader.address(), message_of(300 * kKiB));
  EXPECT_TRUE(eventually([&] { return reader.events.message_count() == 2; }));
  // One answer for each time that it is asked.
  reader.links().send(stranger.address(),
                      std::make_shared<const ControlMessage>(ControlMessage{.body = CatchUp{}}));
  EXPECT_TRUE(eventually([&] { return stranger.events.message_count() == 1; }));
  stranger.links().send(reader.address(), message_of(300 * kKiB));
  EXPECT_TRUE(eventually([&] { return reader.events.message_count() == 3; }));
  stranger.links().send(reader.address(), message_of(300 * kKiB));
  EXPECT_TRUE(eventually([&] { return reader.refuses(2); }));
  EXPECT_EQ(reader.events.message_count(), 3u);
}

TEST(GrpcControlLinks, G4_AStrangerCannotMakeItselfLargeByItsName) {
  End reader(1);
  RawStream stranger(reader.address(), 9, std::string(kKiB * kKiB, 'a'));
  const grpc::Status status = stranger.end();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_NE(status.error_message().find("at most 300"), std::string::npos)
      << status.error_message();
}

TEST(GrpcControlLinks, G4_FieldsThatNobodyKnowsCountAsWhatTheyWeigh) {
  End reader(1);
  End member(2);
  reader.links().set_view(view_of({reader.member(), member.member()}));
  RawStream stranger(reader.address());
  ASSERT_TRUE(stranger.write_unknown(300 * kKiB));
  EXPECT_EQ(stranger.end().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_TRUE(reader.refuses(1));
}

TEST(GrpcControlLinks, G4_ANodeInNoViewHasFewLargeMessagesInHandAtOnce) {
  End reader(1);
  reader.events.stop_reading();
  std::vector<std::unique_ptr<RawStream>> strangers;
  for (std::uint64_t i = 0; i < 6; ++i) {
    strangers.push_back(std::make_unique<RawStream>(reader.address(), 10 + i));
    ASSERT_TRUE(strangers.back()->write(message_of(300 * kKiB)));
  }
  // Each of the six is either refused or in hand; what is in hand is decoded a little later.
  EXPECT_TRUE(eventually([&] { return reader.refuses(2); }));
  EXPECT_TRUE(eventually([&] { return reader.events.message_count() == 4; }));
  for (const auto& stranger : strangers) stranger->cancel();
}

TEST(GrpcControlLinks, G5_ConnectionsOfStrangersGiveWayToOthers) {
  End reader(1, {.rings = {}, .limits = {}, .inbound_count_max = 3});
  End member(2);
  reader.links().set_view(view_of({reader.member(), member.member()}));
  member.links().send(reader.address(), message_of(1));
  EXPECT_TRUE(eventually([&] { return reader.events.message_count() == 1; }));
  std::vector<std::unique_ptr<RawStream>> strangers;
  for (std::uint64_t i = 0; i < 5; ++i) {
    strangers.push_back(std::make_unique<RawStream>(reader.address(), 10 + i));
    ASSERT_TRUE(strangers.back()->write(message_of(1)));
    ASSERT_TRUE(eventually([&] { return reader.events.message_count() == 2 + i; }));
  }
  for (std::size_t i = 0; i < 3; ++i) {
    const grpc::Status status = strangers[i]->end();
    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
    EXPECT_NE(status.error_message().find("at most 3"), std::string::npos)
        << status.error_message();
  }
  EXPECT_EQ(reader.links().counts().refused_link_count, 3u);
  // The member's is the oldest, and still there.
  member.links().send(reader.address(), message_of(1));
  EXPECT_TRUE(eventually([&] { return reader.events.message_count() == 7; }));
  EXPECT_TRUE(member.events.lost().empty());
  for (std::size_t i = 3; i < 5; ++i) strangers[i]->cancel();
}

}  // namespace
}  // namespace nexus::cluster
