// FakeDialer: an EndpointDialer without sockets. A test takes each dialled stream and plays the peer at its far end.
//
//   dial(), FakeStream::write(), finish(), cancel()   the endpoint, any thread
//   the rest                                          the test's thread
//
// A stream fails the test when the endpoint breaks a rule of EndpointStream: two writes at once, a write before the handshake.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/mutex.h"
#include "remote/batch_codec.h"
#include "remote/endpoint_stream.h"
#include "tests/support/send_message.h"
#include "tests/support/wait.h"

namespace nexus::test {

class FakeStream final : public remote::EndpointStream {
 public:
  FakeStream(remote::EndpointDialer::Call call,
             std::shared_ptr<remote::EndpointStreamEvents> events)
      : call_(std::move(call)), events_(std::move(events)) {}

  bool write(remote::OutgoingFramePtr frame, std::uint64_t sequence) override {
    if (take_before_refusal()) return false;
    const core::MutexLock lock(mutex_);
    if (ended_) return false;
    EXPECT_TRUE(accepted_.load()) << "a write before the peer's handshake";
    EXPECT_FALSE(pending_.exchange(true)) << "two writes at once";
    frames_.push({std::string(frame->bytes.view()), sequence});
    return true;
  }
  void finish() override { finished_.store(true); }
  void cancel() override { cancelled_.store(true); }

  const std::string& address() const { return call_.address; }
  // What the endpoint offers to a peer of its own kind.
  remote::LinkOffer offer() const {
    auto decoded = remote::read_frame(call_.handshake);
    auto* connect = decoded.ok() ? std::get_if<remote::ConnectRequest>(&*decoded) : nullptr;
    EXPECT_TRUE(connect != nullptr && connect->link.has_value()) << "no offer";
    return connect == nullptr ? remote::LinkOffer{} : connect->link.value_or(remote::LinkOffer{});
  }
  bool finished() const { return finished_.load(); }
  bool cancelled() const { return cancelled_.load(); }
  bool pending() const { return pending_.load(); }
  std::size_t frame_count() const { return frames_.size(); }

  // The peer answers the handshake.
  void accept(const std::string& member_id, std::optional<remote::LinkAccept> link = {}) {
    accepted_.store(true);
    send(encode(remote::ConnectResponse{member_id, false, link}));
  }
  void refuse() { send(encode(remote::ConnectResponse{"refuser", true})); }
  void say_goodbye(std::optional<remote::LinkAck> ack = {}) {
    send(encode(remote::DisconnectRequest{ack}));
  }
  void send(std::string frame) { events()->on_stream_frame(call_.epoch, std::move(frame)); }

  struct Written {
    std::string frame;
    // 0: none.
    std::uint64_t sequence = 0;
  };
  // The next frame that was written.
  Written take_frame() {
    auto frame = frames_.pop();
    EXPECT_TRUE(frame.has_value()) << "nothing was written";
    return frame.value_or(Written{});
  }
  // The same, which must be a batch.
  remote::ReceivedBatch take_batch() {
    auto decoded = remote::read_frame(take_frame().frame);
    auto* batch = decoded.ok() ? std::get_if<remote::ReceivedBatch>(&*decoded) : nullptr;
    EXPECT_NE(batch, nullptr) << "a frame that is no batch";
    return batch == nullptr ? remote::ReceivedBatch{} : std::move(*batch);
  }
  // The result of the write that is pending.
  void written(bool ok = true) {
    ASSERT_TRUE(pending_.exchange(false)) << "no write is pending";
    events()->on_stream_written(call_.epoch, ok);
  }
  // From here on write() answers false, as it does shortly before the end.
  void stop_writes() {
    const core::MutexLock lock(mutex_);
    ended_ = true;
  }
  // Runs in a write() that will be refused, once. Set before stop_writes().
  std::function<void()> before_refusal;
  // Again: nothing happens.
  void end(const std::string& detail = "the test ended it") {
    stop_writes();
    if (events_ != nullptr && pending_.load()) written(false);
    if (const auto last = std::exchange(events_, nullptr))
      last->on_stream_closed(call_.epoch, detail);
  }

 private:
  bool take_before_refusal() {
    std::function<void()> run;
    {
      const core::MutexLock lock(mutex_);
      if (!ended_) return false;
      run = std::exchange(before_refusal, nullptr);
    }
    if (run) run();
    return true;
  }
  std::shared_ptr<remote::EndpointStreamEvents> events() const {
    EXPECT_NE(events_, nullptr) << "the stream has ended";
    return events_;
  }

  const remote::EndpointDialer::Call call_;
  std::shared_ptr<remote::EndpointStreamEvents> events_;
  std::atomic<bool> accepted_{false};
  std::atomic<bool> pending_{false};
  std::atomic<bool> finished_{false};
  std::atomic<bool> cancelled_{false};
  Queue<Written> frames_;

  // After stop_writes() no write is taken, so that end() sees the last one.
  core::Mutex mutex_{"test_stream"};
  bool ended_ GUARDED_BY(mutex_) = false;
};

class FakeDialer final : public remote::EndpointDialer {
 public:
  bool await_ends(core::Instant) override { return true; }
  std::shared_ptr<remote::EndpointStream> dial(
      const Call& call, std::shared_ptr<remote::EndpointStreamEvents> events) override {
    if (closed_.load()) return nullptr;
    auto stream = std::make_shared<FakeStream>(call, std::move(events));
    dial_count_.fetch_add(1);
    {
      const core::MutexLock lock(mutex_);
      all_.push_back(stream);
    }
    // Before anything can happen to it that makes the endpoint dial again.
    streams_.push(stream);
    if (during_dial) during_dial(*stream);
    return stream;
  }
  // The test's thread, after the endpoints were closed.
  void close() override {
    closed_.store(true);
    std::vector<std::shared_ptr<FakeStream>> all;
    {
      const core::MutexLock lock(mutex_);
      all = std::move(all_);
    }
    for (const auto& stream : all) stream->end();
  }

  // The next stream that was dialled.
  std::shared_ptr<FakeStream> take() {
    auto stream = streams_.pop();
    EXPECT_TRUE(stream.has_value()) << "nothing was dialled";
    return stream.value_or(nullptr);
  }
  int dial_count() const { return dial_count_.load(); }

  // Runs before dial() returns; its events must come from another thread. Set before the first dial.
  std::function<void(FakeStream&)> during_dial;

 private:
  std::atomic<bool> closed_{false};
  std::atomic<int> dial_count_{0};
  Queue<std::shared_ptr<FakeStream>> streams_;
  core::Mutex mutex_{"test_dialer"};
  std::vector<std::shared_ptr<FakeStream>> all_ GUARDED_BY(mutex_);
};

}  // namespace nexus::test
