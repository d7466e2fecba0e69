// Endpoint: the link, its queue and what becomes of messages that cannot be sent.
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "core/actor/messages.h"
#include "core/actor/system_messages.h"
#include "tests/remote/endpoint_fixture.h"

namespace nexus::remote {
namespace {

using core::DeadLetterReason;
using test::eventually;
using test::FakeStream;

class EndpointLink : public EndpointFixture {};

core::Instant now() { return core::SteadyClock().now(); }

TEST_F(EndpointLink, TheFirstMessageDialsAndLaterOnesDoNot) {
  EXPECT_EQ(dialer_->dial_count(), 0);
  send("a");
  send("b");
  EXPECT_EQ(dialer_->dial_count(), 1);
  EXPECT_EQ(dialer_->take()->address(), kAddress);
}

TEST_F(EndpointLink, NothingIsWrittenBeforeThePeersHandshake) {
  send("a");
  const auto stream = dialer_->take();
  send("b");
  EXPECT_EQ(stream->frame_count(), 0u);
  EXPECT_EQ(endpoint_->waiting_count(), 2u);
  stream->accept("one");
  EXPECT_EQ(read(*stream), "a b");
  EXPECT_EQ(endpoint_->waiting_count(), 0u);
}

TEST_F(EndpointLink, OneWriteAtATimeAndWhatComesMeanwhileIsTheNextBatch) {
  const auto stream = connect();
  send("a");
  send("b");
  send("c");
  EXPECT_EQ(text_of(stream->take_batch()), "a");
  EXPECT_EQ(stream->frame_count(), 0u);
  stream->written();
  EXPECT_EQ(read(*stream), "b c");
}

// Peers refuse a whole frame for one name in it that is not UTF-8, and what waits must stay readable for this node too.
TEST_F(EndpointLink, ANameThatIsNotTextIsRefusedAndHarmsNoOtherMessage) {
  send("a");
  send_message(*endpoint_, message("b", "caf\xe9"));
  WireMessage from_nobody = message("c");
  from_nobody.sender = core::Pid::of_name("elsewhere:1", "\xff");
  send_message(*endpoint_, from_nobody);
  EXPECT_EQ(dead_letter_count(DeadLetterReason::not_remotable), 2u);
  EXPECT_EQ(endpoint_->waiting_count(), 1u);
  send_message(*endpoint_, message("d", "caf\xc3\xa9"));
  const auto stream = dialer_->take();
  stream->accept("one");
  EXPECT_EQ(read(*stream), "a d");
}

TEST_F(EndpointLink, AHandshakeThatIsFasterThanDialIsNotLost) {
  dialer_->during_dial = [](FakeStream& stream) {
    std::thread([&] { stream.accept("one"); }).join();
  };
  send("a");
  EXPECT_EQ(read(*dialer_->take()), "a");
}

TEST_F(EndpointLink, AnEndThatIsFasterThanDialIsNotLost) {
  bool first = true;
  dialer_->during_dial = [&first](FakeStream& stream) {
    if (std::exchange(first, false)) std::thread([&] { stream.end(); }).join();
  };
  send("a");
  (void)dialer_->take();
  const auto second = dialer_->take();
  second->accept("one");
  EXPECT_EQ(read(*second), "a");
}

TEST_F(EndpointLink, AnEndThatIsFasterThanDialLeavesNoStreamBehind) {
  Options options = patient();
  options.reconnect_min = options.reconnect_max = std::chrono::hours(1);
  use(options);
  dialer_->during_dial = [](FakeStream& stream) { std::thread([&] { stream.end(); }).join(); };
  send("a");
  EXPECT_EQ(dialer_->take().use_count(), 2) << "this test and the dialer hold it";
}

TEST_F(EndpointLink, L1_WhatWaitedIsSentAfterTheReconnectInOrder) {
  const auto first = connect();
  first->end();
  for (const char* data : {"a", "b", "c"}) send(data);
  const auto second = reconnect();
  EXPECT_EQ(read(*second), "a b c");
  EXPECT_TRUE(dead_letters().empty());
}

TEST_F(EndpointLink, L1_WhatAnEndedStreamDidNotTakeIsSentAfterTheReconnectInOrder) {
  const auto first = connect();
  // The stream refuses writes a moment before it says that it has ended.
  first->stop_writes();
  for (const char* data : {"a", "b", "c"}) send(data);
  EXPECT_EQ(endpoint_->waiting_count(), 3u);
  first->end();
  const auto second = reconnect();
  EXPECT_EQ(read(*second), "a") << "the frame that was not taken";
  EXPECT_EQ(read(*second), "b c");
  EXPECT_TRUE(dead_letters().empty());
}

TEST_F(EndpointLink, L2_ABatchWhoseWriteFailedIsInDoubt) {
  const auto first = connect();
  send("a");
  send("b");
  EXPECT_EQ(text_of(first->take_batch()), "a");
  first->end();
  EXPECT_EQ(read(*reconnect()), "b");
  EXPECT_EQ(dead_letters(), std::vector<std::string>{"link_lost_in_doubt nexus::core::Payload"});
}

TEST_F(EndpointLink, L2_WhatWaitsForAPeerThatIsUnreachableIsLinkDown) {
  use(impatient());
  const auto diary = std::make_shared<test::Diary>();
  WireMessage asked = message("a");
  asked.sender = system_.spawn(test::steered(diary));
  send_message(*endpoint_, asked);
  send("b");
  while (endpoint_->waiting_count() > 0) dialer_->take()->end();
  EXPECT_TRUE(eventually([&] { return dead_letter_count(DeadLetterReason::link_down) == 2; }));
  EXPECT_EQ(dead_letters().size(), 2u);
  test::expect_next(*diary, {"started", "dead_letter_response"});
}

TEST_F(EndpointLink, L2_AFullQueueTurnsAwayTheNewestMessage) {
  Options options = patient();
  options.queue_count_max = 2;
  use(options);
  for (const char* data : {"a", "b", "c"}) send(data);
  EXPECT_EQ(dead_letter_count(DeadLetterReason::link_queue_full), 1u);
  const auto stream = dialer_->take();
  stream->accept("one");
  EXPECT_EQ(read(*stream), "a b");
}

TEST_F(EndpointLink, L2_AMessageOverTheLimitIsTooLargeAndOneAtTheLimitIsNot) {
  Options options = patient();
  options.message_bytes_max = 1'000;
  use(options);
  const std::string fits(1'000, 'x');
  send(fits + "x");
  EXPECT_EQ(dead_letter_count(DeadLetterReason::too_large), 1u);
  EXPECT_EQ(dialer_->dial_count(), 0) << "no link is made for what will not be sent";
  send(fits);
  const auto stream = dialer_->take();
  stream->accept("one");
  EXPECT_EQ(read(*stream), fits);
}

TEST_F(EndpointLink, L2_HeadersAndALongTypeNameMakeAMessageTooLarge) {
  Options options = patient();
  options.message_bytes_max = 1'000;
  use(options);
  WireMessage with_headers = message(std::string(500, 'x'));
  with_headers.headers = {{"key", std::string(434, 'h')}};
  ASSERT_EQ(headers_bytes(with_headers.headers), 501u);
  send_message(*endpoint_, with_headers);
  EXPECT_EQ(dead_letter_count(DeadLetterReason::too_large), 1u);
  WireMessage with_name = message("x");
  with_name.type_name = std::string(WireLimits::kNameBytesMax + 1, 'n');
  send_message(*endpoint_, with_name);
  EXPECT_EQ(dead_letter_count(DeadLetterReason::too_large), 2u);
  EXPECT_EQ(dialer_->dial_count(), 0);
  with_headers.data.pop_back();
  // The node's own header, which asks for a notice, takes nobody's place.
  with_headers.headers.emplace_back(kNoticesHeader, kEnqueuedNotice);
  send_message(*endpoint_, with_headers);
  const auto stream = dialer_->take();
  stream->accept("one");
  EXPECT_EQ(read(*stream), std::string(499, 'x'));
}

TEST_F(EndpointLink, L2_AfterCloseEverythingIsLinkDown) {
  const auto stream = connect();
  endpoint_->close();
  EXPECT_TRUE(stream->finished());
  send("a");
  EXPECT_EQ(dead_letter_count(DeadLetterReason::link_down), 1u);
  EXPECT_EQ(dialer_->dial_count(), 1);
}

TEST_F(EndpointLink, L2_CloseMakesDeadLettersOfWhatWaitsOnce) {
  send("a");
  endpoint_->close();
  endpoint_->close();
  EXPECT_EQ(dead_letter_count(DeadLetterReason::link_down), 1u);
  EXPECT_TRUE(dialer_->take()->finished());
}

TEST_F(EndpointLink, L2_ABatchThatIsBeingWrittenAtCloseEndsByItsResult) {
  for (const bool ok : {true, false}) {
    use(patient());
    const auto stream = connect();
    send("a");
    (void)stream->take_batch();
    endpoint_->close();
    const auto before = dead_letter_count(DeadLetterReason::link_lost_in_doubt);
    stream->written(ok);
    EXPECT_EQ(dead_letter_count(DeadLetterReason::link_lost_in_doubt), before + (ok ? 0 : 1));
    stream->end();
  }
}

TEST_F(EndpointLink, L2_DeadLettersKeepTheirNamesAndLostReportsAreNoNews) {
  const core::Pid actor = core::Pid::of_name(kAddress, "x");
  const auto give = [&](core::EnvelopePtr envelope) {
    endpoint_->send(actor, std::move(envelope), core::Lane::user);
  };
  for (const bool waits : {true, false}) {
    give(core::make_envelope(core::PoisonPill{}));
    give(core::make_envelope(core::Touch{}));
    send("of an unknown type");
    give(core::make_envelope(core::DeadLetterResponse{actor}));
    give(core::make_envelope(core::Terminated{actor}));
    give(core::make_envelope(core::Notice{core::Notice::Kind::failed, {}}));
    if (waits) endpoint_->close();
  }
  const std::vector<std::string> once = {"link_down nexus::core::PoisonPill",
                                         "link_down nexus::core::Touch",
                                         "link_down nexus::core::Payload"};
  std::vector<std::string> twice = once;
  twice.insert(twice.end(), once.begin(), once.end());
  EXPECT_EQ(dead_letters(), twice);
}

TEST_F(EndpointLink, APeerThatSaysGoodbyeIsGoneAtOnce) {
  const auto first = connect();
  send("a");
  (void)first->take_batch();
  send("b");
  first->say_goodbye();
  EXPECT_TRUE(first->cancelled());
  EXPECT_EQ(dead_letter_count(DeadLetterReason::link_down), 1u) << "b";
  first->end();
  EXPECT_EQ(dead_letter_count(DeadLetterReason::link_lost_in_doubt), 1u) << "a";
  EXPECT_EQ(dialer_->dial_count(), 1) << "nobody wants it";
  send("c");
  EXPECT_EQ(read(*reconnect("two")), "c");
}

TEST_F(EndpointLink, WhatWaitedWhileAPeerRestartedIsSentToItsNextIncarnation) {
  connect("one")->end();
  send("a");
  EXPECT_EQ(read(*reconnect("two")), "a");
  EXPECT_TRUE(dead_letters().empty());
}

TEST_F(EndpointLink, L2_AStopThatCannotBeSentIsADeadLetter) {
  const core::Pid actor = core::Pid::of_name(kAddress, "x");
  endpoint_->send(actor, core::make_envelope(core::Stop{}), core::Lane::system);
  endpoint_->close();
  EXPECT_EQ(dead_letters(), std::vector<std::string>{"link_down nexus::core::Stop"});
  endpoint_->send(actor, core::make_envelope(core::Stop{}), core::Lane::system);
  EXPECT_EQ(dead_letters().size(), 2u);
}

// What waits while a peer restarts.
class EndpointCarryOver : public EndpointFixture {
 protected:
  static core::Pid actor(const std::string& id = "x") { return core::Pid::of_name(kAddress, id); }
  template <typename T>
  void give(T message, core::Lane lane = core::Lane::user, const core::Pid& target = actor()) {
    endpoint_->send(target, core::make_envelope(std::move(message)), lane);
  }
  // A request whose outcome goes into `answers_`.
  core::Pid ask(const std::string& data) {
    core::Pid future = system_->futures().open(
        system_->clock().now() + test::kPatience,
        [this](core::Answer answer) { answers_.push(std::move(answer)); }, false, actor());
    auto envelope = core::make_envelope(core::Payload{"test.T", core::Payload::kProtobuf, data});
    envelope->set_sender(future);
    endpoint_->send(actor(), std::move(envelope), core::Lane::user);
    return future;
  }

  test::Queue<core::Answer> answers_;
};

TEST_F(EndpointCarryOver, L7_OrdersForAnIncarnationThatIsGoneDoNotReachTheNext) {
  connect("one")->end();
  send("a");
  give(core::PoisonPill{});
  give(core::Stop{}, core::Lane::system);
  give(core::Terminated{actor("here")});
  send("b");
  EXPECT_EQ(read(*reconnect("two")), "a b");
  EXPECT_EQ(dead_letters(), (std::vector<std::string>{"link_down nexus::core::Stop",
                                                      "link_down nexus::core::PoisonPill"}));
  EXPECT_EQ(endpoint_->waiting_count(), 0u);
}

TEST_F(EndpointCarryOver, L7_TheSameIncarnationGetsThem) {
  connect("one")->end();
  send("a");
  give(core::PoisonPill{});
  give(core::Stop{}, core::Lane::system);
  const auto again = reconnect("one");
  EXPECT_EQ(read(*again), "Stop(x)");
  EXPECT_EQ(read(*again), "a PoisonPill(x)");
  EXPECT_TRUE(dead_letters().empty());
}

// The next incarnation may have a request of the same number.
TEST_F(EndpointCarryOver, L7_AnAnswerForAnIncarnationThatIsGoneDoesNotReachTheNext) {
  connect("one")->end();
  send("a");
  give(core::Touched{actor()}, core::Lane::user, actor("$f1").with_request_id(5));
  EXPECT_EQ(read(*reconnect("two")), "a");
  EXPECT_EQ(dead_letters(), std::vector<std::string>{"link_down nexus::core::Touched"});
}

TEST_F(EndpointCarryOver, L7_ARequestThatGoesOnIsNotFailedAndOneThatWasSentIs) {
  const auto first = connect("one");
  const core::Pid sent = ask("sent");
  EXPECT_EQ(read(*first), "sent");
  first->end();
  const core::Pid waits = ask("waits");
  const core::Pid cancelled = ask("cancelled");
  EXPECT_TRUE(system_->futures().cancel(cancelled));
  EXPECT_EQ(answers_.pop()->outcome, core::Answer::Outcome::cancelled);
  const auto second = reconnect("two");
  EXPECT_EQ(read(*second), "waits");
  EXPECT_EQ(answers_.pop()->outcome, core::Answer::Outcome::link_failed);
  EXPECT_FALSE(system_->futures().is_open(sent));
  EXPECT_TRUE(system_->futures().is_open(waits));
  EXPECT_EQ(dead_letters(), std::vector<std::string>{"link_down nexus::core::Payload"});
  EXPECT_TRUE(system_->futures().cancel(waits));
}

// Taken from the queue for the first incarnation, refused by its stream when the second has been seen.
TEST_F(EndpointCarryOver, L7_HoldsForWhatIsAboutToBeWritten) {
  const auto first = connect("one");
  give(core::PoisonPill{});
  (void)first->take_batch();
  send("a");
  give(core::PoisonPill{});
  const core::Pid asked = ask("asked");
  first->before_refusal = [&] { endpoint_->on_seen("two"); };
  first->stop_writes();
  first->written();
  EXPECT_EQ(answers_.pop()->outcome, core::Answer::Outcome::link_failed);
  EXPECT_FALSE(system_->futures().is_open(asked));
  first->end();
  EXPECT_EQ(read(*reconnect("two")), "a");
  EXPECT_EQ(dead_letters(), (std::vector<std::string>{"link_down nexus::core::PoisonPill",
                                                      "link_down nexus::core::Payload"}));
}

TEST_F(EndpointCarryOver, L7_WhatASessionHasNotSentIsCarriedOverTheSameWay) {
  Options options = patient();
  options.batch_count_max = 1;
  use(options);
  send("hello");
  const auto first = dialer_->take();
  first->accept("one", LinkAccept{.credit_bytes = 1, .frame_bytes_max = 1'000'000});
  EXPECT_EQ(read(*first), "hello");
  send("a");
  give(core::PoisonPill{});
  send("b");
  first->send(encode(LinkAck{1, 1}));
  EXPECT_EQ(text_of(first->take_batch()), "a");
  first->end();
  const auto second = reconnect("two");
  EXPECT_EQ(read(*second), "b");
  EXPECT_EQ(dead_letters(), (std::vector<std::string>{"link_lost_in_doubt nexus::core::Payload",
                                                      "link_down nexus::core::PoisonPill"}));
}

TEST_F(EndpointLink, TheEndOfAnOldStreamDoesNotDisturbTheNextDial) {
  const auto first = connect();
  first->say_goodbye();
  send("a");
  const auto second = dialer_->take();
  first->end();
  second->accept("two");
  EXPECT_EQ(read(*second), "a");
  EXPECT_TRUE(dead_letters().empty());
}

TEST_F(EndpointLink, AResultOfAnOldStreamsWriteDoesNotHoldUpTheNextStream) {
  const auto first = connect();
  send("a");
  (void)first->take_batch();
  first->say_goodbye();
  send("b");
  const auto second = reconnect("two");
  EXPECT_EQ(second->frame_count(), 0u) << "one write at a time, across streams too";
  first->end();
  EXPECT_EQ(read(*second), "b");
}

TEST_F(EndpointLink, ARefusalMakesEachMessageADialAndADeadLetter) {
  for (std::uint64_t i = 1; i <= 3; ++i) {
    send("a");
    const auto stream = dialer_->take();
    stream->refuse();
    EXPECT_TRUE(stream->cancelled());
    stream->end();
    EXPECT_EQ(dead_letter_count(DeadLetterReason::link_down), i);
  }
}

TEST_F(EndpointLink, GarbageBreaksTheLinkOffAndItIsDialledAgain) {
  const auto first = connect();
  first->send("no frame at all");
  EXPECT_TRUE(first->cancelled());
  send("a");
  EXPECT_EQ(first->frame_count(), 0u);
  first->end();
  EXPECT_EQ(read(*reconnect()), "a");
}

TEST_F(EndpointLink, ASecondHandshakeOnAStreamChangesNothing) {
  const auto stream = connect();
  stream->accept("two");
  EXPECT_EQ(endpoint_->member_id(), "one");
  send("a");
  EXPECT_EQ(read(*stream), "a");
}

TEST_F(EndpointLink, BatchesFromTheDialledPeerAreIgnored) {
  const auto stream = connect();
  stream->send(encode_batch({message("a")}, Dialect::strings));
  stream->send(encode(ConnectRequest{"x", "y", false}));
  EXPECT_FALSE(stream->cancelled());
  send("a");
  EXPECT_EQ(read(*stream), "a");
}

TEST_F(EndpointLink, APeerThatNeverAnswersTheHandshakeIsGoneAfterUnreachableAfter) {
  use(impatient());
  send("a");
  const auto stream = dialer_->take();
  EXPECT_TRUE(eventually([&] { return stream->cancelled(); }));
  EXPECT_EQ(endpoint_->waiting_count(), 1u);
  stream->end();
  EXPECT_TRUE(eventually([&] { return dead_letter_count(DeadLetterReason::link_down) == 1; }));
}

TEST_F(EndpointLink, LinkEventsArePublished) {
  std::vector<std::string> events;
  const auto up =
      system_->events().subscribe<EndpointConnected>([&](const EndpointConnected& event) {
        events.push_back("up " + event.address + " " + event.member_id);
      });
  const auto down =
      system_->events().subscribe<EndpointTerminated>([&](const EndpointTerminated& event) {
        events.push_back("down " + event.address + " " + event.reason);
      });
  connect("one")->end();
  reconnect("two")->say_goodbye();
  send("a");
  dialer_->take()->refuse();
  EXPECT_EQ(events,
            (std::vector<std::string>{"up peer:1 one", "down peer:1 restarted", "up peer:1 two",
                                      "down peer:1 said goodbye", "down peer:1 refused us"}));
}

TEST_F(EndpointLink, FlushWaitsForTheResultOfTheLastWrite) {
  const auto stream = connect();
  EXPECT_TRUE(endpoint_->flush(now()));
  send("a");
  (void)stream->take_batch();
  EXPECT_FALSE(endpoint_->flush(now() + std::chrono::milliseconds(5)));
  std::thread writer([&] { stream->written(); });
  EXPECT_TRUE(endpoint_->flush(test::give_up_at()));
  writer.join();
}

TEST_F(EndpointLink, FlushWaitsForAPeerThatIsBeingDialled) {
  send("a");
  EXPECT_FALSE(endpoint_->flush(now() + std::chrono::milliseconds(5)));
  const auto stream = dialer_->take();
  std::thread peer([&] {
    stream->accept("one");
    EXPECT_EQ(read(*stream), "a");
  });
  EXPECT_TRUE(endpoint_->flush(test::give_up_at()));
  peer.join();
}

TEST_F(EndpointLink, FlushGivesUpWhenTheLinkIsDown) {
  EXPECT_TRUE(endpoint_->flush(test::give_up_at())) << "there is nothing to send";
  Options options = patient();
  options.reconnect_min = options.reconnect_max = std::chrono::hours(1);
  use(options);
  send("a");
  const auto stream = dialer_->take();
  std::thread breaker([&] { stream->end(); });
  EXPECT_FALSE(endpoint_->flush(test::give_up_at()));
  breaker.join();
  EXPECT_EQ(endpoint_->waiting_count(), 1u);
}

TEST_F(EndpointLink, ItIsIdleOnlyWithoutStreamQueueAndWatches) {
  const core::Pid watcher = system_.spawn(test::steered(std::make_shared<test::Diary>()));
  EXPECT_TRUE(endpoint_->idle());
  const auto stream = connect();
  EXPECT_FALSE(endpoint_->idle());
  stream->say_goodbye();
  EXPECT_TRUE(endpoint_->idle());
  endpoint_->add_watched(watcher, core::Pid::of_name(kAddress, "x"));
  EXPECT_FALSE(endpoint_->idle());
}

TEST_F(EndpointLink, AnEndpointThatNobodyHoldsIsForgottenByItsTimers) {
  use(impatient());
  send("a");
  const auto stream = dialer_->take();
  const std::weak_ptr<Endpoint> weak = endpoint_;
  endpoint_->close();
  endpoint_.reset();
  EXPECT_FALSE(weak.expired()) << "its stream still has to tell it that it has ended";
  stream->end();
  EXPECT_TRUE(eventually([&] { return weak.expired(); }));
}

// Random bursts, losses and results, on one thread: each message arrives or is in doubt, what arrives keeps its order.
TEST_F(EndpointLink, L1L2_HoldForRandomLosses) {
  for (std::uint32_t seed = 1; seed <= 60 && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Options options = patient();
    options.batch_count_max = 3;
    use(options);
    std::minstd_rand random(seed);
    std::set<int> in_doubt;
    const auto letters =
        system_->events().subscribe<core::DeadLetter>([&](const core::DeadLetter& letter) {
          ASSERT_EQ(letter.reason, DeadLetterReason::link_lost_in_doubt);
          ASSERT_TRUE(in_doubt.insert(std::stoi(letter.target.id())).second);
        });
    int sent = 0;
    int last = -1;
    std::set<int> arrived;
    std::shared_ptr<FakeStream> stream;
    const auto read_one = [&] {
      for (const ReceivedMessage& received : stream->take_batch().messages) {
        const int number = std::stoi(received.target_id);
        ASSERT_GT(number, last) << "out of order";
        last = number;
        arrived.insert(number);
      }
    };
    for (int step = 0; step < 120; ++step) {
      for (std::uint32_t burst = random() % 4; burst > 0; --burst, ++sent) {
        send_message(*endpoint_, message("", std::to_string(sent)));
      }
      if (sent == 0) continue;
      if (stream == nullptr) stream = reconnect();
      if (stream->pending() && random() % 2 == 0) {
        read_one();
        stream->written();
      } else if (random() % 5 == 0) {
        if (random() % 2 == 0) stream->stop_writes();
        if (stream->pending() && random() % 2 == 0) read_one();
        stream->end();
        stream = nullptr;
      }
    }
    if (sent > 0 && stream == nullptr) stream = reconnect();
    while (stream != nullptr && !endpoint_->flush(now())) {
      read_one();
      stream->written();
    }
    for (int number = 0; number < sent; ++number) {
      EXPECT_TRUE(arrived.contains(number) || in_doubt.contains(number))
          << number << " is lost without a word";
    }
    endpoint_->close();
    if (stream != nullptr) stream->end();
  }
}

// Several senders while the link is lost again and again: per target the order holds, and nothing is unaccounted for.
TEST_F(EndpointLink, L1L2_HoldForManySendersAcrossReconnects) {
  constexpr int kSenderCount = 4;
  constexpr int kMessageCount = 3'000;
  std::atomic<int> in_doubt_count{0};
  const auto letters = system_->events().subscribe<core::DeadLetter>(
      [&](const core::DeadLetter&) { in_doubt_count.fetch_add(1); });
  std::vector<std::thread> senders;
  for (int sender = 0; sender < kSenderCount; ++sender) {
    senders.emplace_back([this, sender] {
      for (int i = 0; i < kMessageCount; ++i) {
        send_message(*endpoint_, message(std::to_string(i), "t" + std::to_string(sender)));
      }
    });
  }
  std::map<std::string, int> last;
  int arrived_count = 0;
  int batch_count = 0;
  auto stream = reconnect();
  while (arrived_count + in_doubt_count.load() < kSenderCount * kMessageCount && !HasFailure()) {
    if (!eventually([&] {
          return stream->pending() ||
                 arrived_count + in_doubt_count.load() == kSenderCount * kMessageCount;
        })) {
      FAIL() << "the link stands still";
    }
    if (!stream->pending()) break;
    if (++batch_count % 7 == 0) {
      stream->end();
      stream = reconnect();
      continue;
    }
    for (const ReceivedMessage& received : stream->take_batch().messages) {
      const int number = std::stoi(received.data);
      const auto [place, first] = last.try_emplace(received.target_id, -1);
      ASSERT_GT(number, place->second);
      place->second = number;
      ++arrived_count;
    }
    stream->written();
  }
  for (std::thread& sender : senders) sender.join();
  EXPECT_EQ(arrived_count + in_doubt_count.load(), kSenderCount * kMessageCount);
  endpoint_->close();
  stream->end();
}

// Every call from several threads at once, while the peer connects, breaks and says goodbye: for the sanitizers.
TEST_F(EndpointLink, AllCallsAtOnceLeaveEveryMessageAccountedFor) {
  Options options = patient();
  options.queue_count_max = 100;
  use(options);
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> sent_count{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      while (!stop.load()) {
        send("m");
        sent_count.fetch_add(1);
        (void)endpoint_->idle();
        (void)endpoint_->waiting_count();
        (void)endpoint_->flush(now());
        endpoint_->on_seen("one");
      }
    });
  }
  std::uint64_t arrived_count = 0;
  std::minstd_rand random(3);
  for (int round = 0; round < 60; ++round) {
    const auto stream = dialer_->take();
    if (random() % 5 != 0) {
      stream->accept(random() % 3 == 0 ? "two" : "one");
      for (std::uint32_t batches = random() % 3; batches > 0 && !stream->cancelled(); --batches) {
        if (!eventually([&] { return stream->pending() || stream->cancelled(); })) break;
        if (!stream->pending()) break;
        arrived_count += stream->take_batch().messages.size();
        stream->written();
      }
      if (random() % 3 == 0) stream->say_goodbye();
    }
    stream->end();
  }
  stop.store(true);
  for (std::thread& thread : threads) thread.join();
  endpoint_->close();
  std::uint64_t dead_count = 0;
  for (const auto reason : {DeadLetterReason::link_down, DeadLetterReason::link_lost_in_doubt,
                            DeadLetterReason::link_queue_full}) {
    dead_count += dead_letter_count(reason);
  }
  EXPECT_EQ(arrived_count + dead_count, sent_count.load());
}

}  // namespace
}  // namespace nexus::remote
