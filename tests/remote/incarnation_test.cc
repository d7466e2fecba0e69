// What a peer said and what became of it are told in that order: rules N4 of InboundStream and L4 of Endpoint.
#include <gtest/gtest.h>

#include <functional>
#include <utility>

#include "core/process/process.h"
#include "tests/remote/inbound_fixture.h"

namespace nexus::remote {
namespace {

using core::DeadLetterReason;

// Does something in the middle of a batch, on the thread that delivers it.
class Hook final : public core::Process {
 public:
  void deliver(const core::Pid&, core::EnvelopePtr, core::Lane) override {
    if (const auto run = std::exchange(run_, nullptr)) run();
  }
  const std::string& address() const override { return address_; }
  const std::string& id() const override { return id_; }

  void next(std::function<void()> run) { run_ = std::move(run); }

 private:
  const std::string address_ = "here:1";
  const std::string id_ = "hook";
  std::function<void()> run_;
};

class Incarnation : public InboundFixture {
 protected:
  explicit Incarnation(const Options& options = usual()) : InboundFixture(options) {
    test::expect_next(*diary_, {"started"});
    EXPECT_TRUE(system_->registry().add("hook", core::Pid::of_process(hook_)));
  }
  ~Incarnation() override {
    (void)endpoints_.close(system_->clock().now());
    system_->registry().remove("hook", core::Pid::of_process(hook_));
  }

  // The watcher watches `x` of the peer, whose incarnation `old` knows that.
  void watch() {
    endpoint_->add_watched(watcher_, x_);
    link_ = dialer_->take();
    link_->accept("old");
    EXPECT_EQ(link_->take_batch().messages.at(0).type_name, "actor.Watch");
    link_->written();
  }
  Opened open_as(const std::string& member_id) {
    Opened opened = open(std::nullopt, member_id);
    return opened;
  }
  // One message for each of them.
  static std::string batch_for(const std::vector<std::string>& targets,
                               std::uint32_t target_request_id = 0) {
    BatchEncoder encoder;
    encoder.begin(Dialect::strings);
    for (const std::string& target : targets) {
      EXPECT_TRUE(
          encoder.try_add({.type_name = "some.T",
                           .target = core::Pid::of_name("here:1", target, target_request_id),
                           .sender = core::Pid::of_name("peer:1", "x")},
                          "data"));
    }
    return std::string(encoder.finish());
  }
  // Nothing more has come. What was sent before this call is in the diary before its mark.
  void expect_no_more() {
    (void)system_->send(watcher_, test::Done{});
    test::expect_next(*diary_, {"done"});
  }
  // An order of the runtime, or a watch, for the watcher.
  std::string system_batch(const core::EnvelopePtr& envelope) {
    std::string scratch;
    const auto encoded = endpoints_shared_->types.encode(*envelope, scratch);
    BatchEncoder encoder;
    encoder.begin(Dialect::strings);
    EXPECT_TRUE(encoder.try_add({.type_name = encoded->type_name, .target = watcher_, .sender = {}},
                                encoded->data));
    return std::string(encoder.finish());
  }
  std::uint64_t late_count() {
    return system_->dead_letters().count(DeadLetterReason::sender_gone);
  }

  static constexpr const char* kMessage = "nexus::core::Payload";
  static constexpr const char* kTold = "terminated x address_terminated";

  Hook hook_;
  const std::shared_ptr<test::Diary> diary_ = test::new_diary();
  const core::Pid watcher_ = system_.spawn_named(test::steered(diary_), "watcher");
  const core::Pid x_ = core::Pid::of_name("peer:1", "x");
  const std::shared_ptr<Endpoint> endpoint_ = endpoints_.endpoint("peer:1");
  std::shared_ptr<test::FakeStream> link_;
};

TEST_F(Incarnation, L4_WhatIsBeingDeliveredComesBeforeTheEndOfAPeerThatRestarts) {
  Opened former = open_as("old");
  watch();
  std::optional<Opened> later;
  hook_.next([&] {
    later = open_as("new");
    EXPECT_EQ(later->transport->frames.size(), 0u) << "not before the watchers were told";
  });
  EXPECT_TRUE(former.stream->on_frame(batch_for({"watcher", "hook", "watcher"})));
  EXPECT_EQ(next<ConnectResponse>(*later).member_id, "self");
  EXPECT_TRUE(later->stream->on_frame(batch_for({"watcher"})));
  test::expect_next(*diary_, {kMessage, kMessage, kTold, kMessage});
}

TEST_F(Incarnation, L4_TheSameWhenTheNewOneIsDialled) {
  Opened former = open_as("old");
  watch();
  link_->end();
  const auto link = dialer_->take();
  hook_.next([&] { link->accept("new"); });
  EXPECT_TRUE(former.stream->on_frame(batch_for({"hook", "watcher"})));
  test::expect_next(*diary_, {kMessage, kTold});
}

TEST_F(Incarnation, N4_WhatComesLaterIsADeadLetter) {
  Opened former = open_as("old");
  watch();
  Opened later = open_as("new");
  test::expect_next(*diary_, {kTold});
  const auto dial_count = dialer_->dial_count();
  EXPECT_TRUE(former.stream->on_frame(batch_for({"watcher", "watcher"})));
  EXPECT_EQ(late_count(), 2u);
  EXPECT_EQ(dialer_->dial_count(), dial_count) << "nobody there is told";
  expect_no_more();
}

TEST_F(Incarnation, N4_AStreamThatComesLaterIsEnded) {
  Opened former = open_as("old");
  watch();
  Opened later = open_as("new");
  test::expect_next(*diary_, {kTold});
  Opened late = accept();
  EXPECT_FALSE(late.stream->on_frame(
      encode(ConnectRequest{.member_id = "old", .address = "peer:1", .link = std::nullopt})));
  EXPECT_EQ(late.transport->ended.pop(), "this incarnation has ended");
  EXPECT_EQ(late.transport->frames.size(), 0u) << "it is not answered";
  EXPECT_TRUE(later.stream->on_frame(batch_for({"watcher"})));
  test::expect_next(*diary_, {kMessage});
}

TEST_F(Incarnation, N4_AWatchOrAStopThatComesLaterHasNoEffect) {
  Opened former = open_as("old");
  watch();
  Opened later = open_as("new");
  test::expect_next(*diary_, {kTold});
  EXPECT_TRUE(former.stream->on_frame(system_batch(core::make_envelope(core::Stop{}))));
  EXPECT_TRUE(former.stream->on_frame(system_batch(core::make_envelope(core::Watch{x_}))));
  expect_no_more();
  EXPECT_EQ(watcher_.cell()->watcher_count(), 0u);
  EXPECT_EQ(late_count(), 0u);
}

TEST_F(Incarnation, L4_AnAnswerThatIsBeingDeliveredWinsOverTheEndOfItsPeer) {
  Opened former = open_as("old");
  watch();
  test::Queue<core::Answer> answers;
  const auto ask = [&] {
    return system_->futures().open(
        system_->clock().now() + test::kPatience,
        [&](core::Answer answer) { answers.push(std::move(answer)); }, false, x_);
  };
  const core::Pid answered = ask();
  const core::Pid unanswered = ask();
  std::optional<Opened> later;
  hook_.next([&] { later = open_as("new"); });
  BatchEncoder encoder;
  encoder.begin(Dialect::strings);
  for (const core::Pid& target : {core::Pid::of_name("here:1", "hook"), answered}) {
    EXPECT_TRUE(encoder.try_add({.type_name = "some.T", .target = target, .sender = {}}, "data"));
  }
  EXPECT_TRUE(former.stream->on_frame(encoder.finish()));
  EXPECT_EQ(answers.pop()->outcome, core::Answer::Outcome::answered);
  EXPECT_EQ(answers.pop()->outcome, core::Answer::Outcome::link_failed);
}

TEST_F(Incarnation, N4_WhoseAnswerComesTooLateIsTold) {
  Opened former = open_as("old");
  watch();
  Opened later = open_as("new");
  test::expect_next(*diary_, {kTold});
  test::Queue<core::Answer> answers;
  // Of one that knows the peer by another name, and was not told of the end.
  const core::Pid asker = system_->futures().open(
      system_->clock().now() + std::chrono::hours(1),
      [&](core::Answer answer) { answers.push(std::move(answer)); }, false,
      core::Pid::of_name("alias:1", "x"));
  BatchEncoder encoder;
  encoder.begin(Dialect::strings);
  EXPECT_TRUE(encoder.try_add({.type_name = "some.T", .target = asker, .sender = {}}, "data"));
  EXPECT_TRUE(former.stream->on_frame(encoder.finish()));
  const auto answer = answers.pop();
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->outcome, core::Answer::Outcome::link_failed);
  EXPECT_EQ(answer->detail, "the peer was given up");
  EXPECT_EQ(late_count(), 1u);
}

// Of a peer that is given up soon.
class ImpatientIncarnation : public Incarnation {
 protected:
  static Options impatient() {
    Options options = usual();
    options.unreachable_after = std::chrono::milliseconds(20);
    options.reconnect_min = options.reconnect_max = std::chrono::milliseconds(1);
    return options;
  }

  ImpatientIncarnation() : Incarnation(impatient()) {}
  // Until the peer is gone.
  void refuse_dials() {
    link_->end();
    while (endpoint_->member_id() == "old") dialer_->take()->end();
  }
};

TEST_F(ImpatientIncarnation, N4_ThePeerThatCannotBeReachedIsHeardOnANewStreamOnly) {
  Opened former = open_as("old");
  (void)next<ConnectResponse>(former);
  watch();
  hook_.next([&] { refuse_dials(); });
  EXPECT_TRUE(former.stream->on_frame(batch_for({"hook", "watcher"})));
  test::expect_next(*diary_, {kMessage, kTold});
  EXPECT_EQ(former.transport->ended.pop(), "this node takes the member for gone; connect again");
  EXPECT_TRUE(former.stream->on_frame(batch_for({"watcher"})));
  EXPECT_EQ(late_count(), 1u);
  Opened again = open_as("old");
  EXPECT_TRUE(again.stream->on_frame(batch_for({"watcher"})));
  test::expect_next(*diary_, {kMessage});
}

TEST_F(ImpatientIncarnation, AStreamOfAPeerThatCannotBeReachedGoesOnWhenNobodyWatchedIt) {
  Opened former = open_as("old");
  WireMessage message;
  message.target = x_;
  message.type_name = "some.T";
  send_message(*endpoint_, message);
  while (system_->dead_letters().count(DeadLetterReason::link_down) == 0) dialer_->take()->end();
  EXPECT_TRUE(former.stream->on_frame(batch_for({"watcher"})));
  test::expect_next(*diary_, {kMessage});
  EXPECT_EQ(former.transport->ended.size(), 0u);
}

// It cannot know otherwise that its watch was forgotten.
TEST_F(ImpatientIncarnation, L4_AStreamOfAPeerThatCannotBeReachedEndsWhenThePeerWatches) {
  Opened former = open_as("old");
  (void)next<ConnectResponse>(former);
  const std::string watch = system_batch(core::make_envelope(core::Watch{x_}));
  EXPECT_TRUE(former.stream->on_frame(watch));
  while (endpoint_->stats().inbound_watch_count > 0) dialer_->take()->end();
  EXPECT_EQ(former.transport->ended.size(), 1u);
  Opened again = open_as("old");
  EXPECT_TRUE(again.stream->on_frame(watch));
  EXPECT_EQ(endpoint_->stats().inbound_watch_count, 1u);
}

TEST_F(ImpatientIncarnation, N4_AfterAGoodbyeItsStreamsAreEndedWhenItDoesNotDoSo) {
  Opened former = open_as("old");
  watch();
  hook_.next([&] { link_->say_goodbye(); });
  EXPECT_TRUE(former.stream->on_frame(batch_for({"hook", "watcher"})));
  test::expect_next(*diary_, {kMessage, kTold});
  EXPECT_TRUE(former.stream->on_frame(batch_for({"watcher"})));
  EXPECT_EQ(late_count(), 1u);
  (void)next<ConnectResponse>(former);
  EXPECT_EQ(former.transport->ended.pop(), "this node takes the member for gone; connect again");
  expect_no_more();
}

}  // namespace
}  // namespace nexus::remote
