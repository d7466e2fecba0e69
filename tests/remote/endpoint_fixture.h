// EndpointFixture: one endpoint on a FakeDialer, in a real actor system.
//
//   all calls   the test's thread
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "remote/endpoint.h"
#include "tests/support/fake_dialer.h"
#include "tests/support/test_system.h"

namespace nexus::remote {

class EndpointFixture : public testing::Test {
 protected:
  static constexpr const char* kAddress = "peer:1";

  // Long enough that nothing happens by time alone, short waits between dials.
  static Options patient() {
    Options options;
    options.reconnect_min = std::chrono::milliseconds(1);
    options.reconnect_max = std::chrono::milliseconds(4);
    options.unreachable_after = std::chrono::hours(1);
    return options;
  }
  static Options impatient() {
    Options options = patient();
    options.unreachable_after = std::chrono::milliseconds(30);
    return options;
  }

  EndpointFixture() { use(patient()); }
  ~EndpointFixture() override { close(); }

  // Replaces the endpoint by one with these options.
  void use(const Options& options) {
    close();
    auto dialer = std::make_unique<test::FakeDialer>();
    dialer_ = dialer.get();
    shared_ = std::make_shared<Endpoint::Shared>(options, *system_, "self", std::move(dialer));
    endpoint_ = std::make_shared<Endpoint>(shared_, kAddress);
  }

  void close() {
    if (endpoint_ != nullptr) endpoint_->close();
    if (shared_ != nullptr) shared_->dialer->close();
  }

  static WireMessage message(const std::string& data, const std::string& target = "target") {
    WireMessage made;
    made.target = core::Pid::of_name(kAddress, target);
    made.type_name = "test.T";
    made.data = data;
    return made;
  }
  void send(const std::string& data) { send_message(*endpoint_, message(data)); }

  // Makes the endpoint dial and connects it as this incarnation of the peer.
  std::shared_ptr<test::FakeStream> connect(const std::string& member_id = "one") {
    send("hello");
    auto stream = dialer_->take();
    stream->accept(member_id);
    EXPECT_EQ(read(*stream), "hello");
    return stream;
  }
  // After a loss: waits for the next dial and accepts it.
  std::shared_ptr<test::FakeStream> reconnect(const std::string& member_id = "one") {
    auto stream = dialer_->take();
    stream->accept(member_id);
    return stream;
  }

  // The next batch as text, acknowledged: data of user messages, `Watch(watchee)` and so on for system messages.
  static std::string read(test::FakeStream& stream) {
    const std::string text = text_of(stream.take_batch());
    stream.written();
    return text;
  }
  static std::string text_of(const ReceivedBatch& batch) {
    std::string text;
    for (const ReceivedMessage& received : batch.messages) {
      if (!text.empty()) text += ' ';
      const bool runtime = received.type_name.starts_with("actor.");
      text +=
          runtime ? received.type_name.substr(6) + "(" + received.target_id + ")" : received.data;
    }
    return text;
  }

  // Dead letters so far, as `reason type`.
  std::vector<std::string> dead_letters() {
    const core::MutexLock lock(mutex_);
    return dead_letters_;
  }
  std::uint64_t dead_letter_count(core::DeadLetterReason reason) {
    return system_->dead_letters().count(reason);
  }

  test::TestSystem system_{{.address = "here:1"}};
  core::Mutex mutex_{"test_dead_letters"};
  std::vector<std::string> dead_letters_ GUARDED_BY(mutex_);
  const core::EventStream::Subscription subscription_ =
      system_->events().subscribe<core::DeadLetter>([this](const core::DeadLetter& letter) {
        const core::MutexLock lock(mutex_);
        dead_letters_.push_back(std::string(to_string(letter.reason)) + " " + letter.message_name);
      });
  std::shared_ptr<Endpoint::Shared> shared_;
  test::FakeDialer* dialer_ = nullptr;
  std::shared_ptr<Endpoint> endpoint_;
};

}  // namespace nexus::remote
