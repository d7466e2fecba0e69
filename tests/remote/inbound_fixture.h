// InboundFixture: streams that peers open, without a transport, in a real actor system.
//
//   all calls   the test's thread
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "remote/batch_codec.h"
#include "remote/batch_encoder.h"
#include "remote/inbound_stream.h"
#include "tests/support/fake_dialer.h"
#include "tests/support/test_system.h"

namespace nexus::remote {

constexpr std::uint64_t kCredit = 4'000;

class FakeTransport final : public InboundStream::Transport {
 public:
  void write(std::string frame) override {
    EXPECT_FALSE(pending.exchange(true)) << "two writes at once";
    frames.push(std::move(frame));
  }
  void write_batch(OutgoingFramePtr frame) override { write(std::string(frame->bytes.view())); }
  void cancel() override { cancelled.store(true); }
  void end(const core::Error& why, std::string last_frame) override {
    EXPECT_FALSE(pending.exchange(true)) << "an end while a write is pending";
    if (!last_frame.empty()) frames.push(std::move(last_frame));
    ended.push(why.detail);
  }

  std::atomic<bool> pending{false};
  std::atomic<bool> cancelled{false};
  test::Queue<std::string> frames;
  test::Queue<std::string> ended;
};

class InboundFixture : public testing::Test {
 protected:
  struct Opened {
    std::shared_ptr<FakeTransport> transport;
    std::shared_ptr<InboundStream> stream;
  };

  static Options usual() {
    Options options;
    options.credit_bytes = kCredit;
    options.ack_delay = std::chrono::milliseconds(1);
    return options;
  }

  explicit InboundFixture(const Options& options = usual()) : options_(options) {
    (void)system_.spawn_named(core::props_of([this](core::Context& context) {
                                if (const auto* payload = context.message<core::Payload>()) {
                                  received_.push(payload->data);
                                }
                              }),
                              "target");
  }
  ~InboundFixture() override { dialer_->close(); }

  // A stream on which nothing was said yet.
  Opened accept() {
    Opened opened{.transport = std::make_shared<FakeTransport>(), .stream = nullptr};
    opened.stream = std::make_shared<InboundStream>(
        shared_, InboundStream::Origin{.from = "ipv4:1.2.3.4:5"}, opened.transport);
    return opened;
  }
  Opened open(std::optional<LinkOffer> offer = LinkOffer{.link = 1, .session = 1},
              const std::string& member_id = "peer") {
    Opened opened = accept();
    EXPECT_TRUE(opened.stream->on_frame(
        encode(ConnectRequest{.member_id = member_id, .address = "peer:1", .link = offer})));
    return opened;
  }
  template <typename Expected>
  Expected next(Opened& opened) {
    const auto frame = opened.transport->frames.pop();
    EXPECT_TRUE(frame.has_value()) << "nothing was written";
    const auto decoded = read_frame(frame.value_or(""));
    EXPECT_TRUE(decoded.ok());
    const auto* expected = std::get_if<Expected>(&*decoded);
    EXPECT_NE(expected, nullptr);
    if (opened.transport->pending.exchange(false)) opened.stream->on_written(true);
    return expected == nullptr ? Expected{} : *expected;
  }
  static std::string batch(const std::string& text, std::uint64_t sequence) {
    BatchEncoder encoder;
    encoder.begin(Dialect::strings);
    EXPECT_TRUE(encoder.try_add(
        {.type_name = "some.T", .target = core::Pid::of_name("here:1", "target"), .sender = {}},
        text));
    const auto number = encode_sequence(sequence);
    return std::string(number.data(), sequence == 0 ? 0 : number.size()) +
           std::string(encoder.finish());
  }
  std::string received() { return received_.pop().value_or("nothing"); }

  Options options_;
  // Its actor may still write to it while the system ends.
  test::Queue<std::string> received_;
  test::TestSystem system_{{.address = "here:1"}};
  test::FakeDialer* dialer_ = new test::FakeDialer;
  std::shared_ptr<Endpoint::Shared> endpoints_shared_ = std::make_shared<Endpoint::Shared>(
      options_, *system_, "self", std::unique_ptr<EndpointDialer>(dialer_));
  EndpointManager endpoints_{endpoints_shared_};
  EndpointReader reader_{*system_, endpoints_shared_->types, endpoints_, 100};
  InboundStream::Shared shared_{.system = *system_,
                                .reader = reader_,
                                .endpoints = endpoints_,
                                .options = options_,
                                .self = {.address = "here:1", .member_id = "self"},
                                .sessions = InboundSessions(10),
                                .blocks = endpoints_shared_->blocks};
};

}  // namespace nexus::remote
