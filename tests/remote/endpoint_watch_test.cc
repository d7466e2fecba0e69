// Endpoint, rule L3: each watch ends in exactly one Terminated.
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <random>
#include <thread>

#include "core/actor/messages.h"
#include "core/actor/system_messages.h"
#include "core/telemetry/lock_report.h"
#include "tests/remote/endpoint_fixture.h"

namespace nexus::remote {
namespace {

using test::eventually;
using test::FakeStream;

class EndpointWatch : public EndpointFixture {
 protected:
  EndpointWatch() { test::expect_next(*diary_, {"started"}); }

  static core::Pid watchee(const std::string& id = "x") { return core::Pid::of_name(kAddress, id); }
  void watch(const std::string& id = "x") { endpoint_->add_watched(watcher_, watchee(id)); }
  void unwatch(const std::string& id = "x") { endpoint_->remove_watched(watcher_, watchee(id)); }
  // The peer's Terminated, as the reader hands it on.
  bool peer_says_terminated(const std::string& id = "x") {
    return bool{endpoint_->take_watched(watcher_, id, endpoint_->member_id())};
  }

  void expect_told(const std::string& id = "x") {
    test::expect_next(*diary_, {"terminated " + id + " address_terminated"});
  }
  // Nothing more has come. What was sent before this call is in the diary before its mark.
  void expect_no_more() {
    (void)system_->send(watcher_, test::Done{});
    test::expect_next(*diary_, {"done"});
  }

  // A stream on which `Watch(x)` was written.
  std::shared_ptr<FakeStream> connect_watching() {
    watch();
    auto stream = dialer_->take();
    stream->accept("one");
    EXPECT_EQ(read(*stream), "Watch(x)");
    return stream;
  }

  const std::shared_ptr<test::Diary> diary_ = std::make_shared<test::Diary>();
  const core::Pid watcher_ = system_.spawn_named(test::steered(diary_), "watcher");
};

TEST_F(EndpointWatch, AWatchIsSentOnceHoweverOftenItIsAskedFor) {
  watch();
  watch();
  const auto stream = dialer_->take();
  stream->accept("one");
  const ReceivedBatch batch = stream->take_batch();
  ASSERT_EQ(text_of(batch), "Watch(x)");
  const auto envelope = shared_->types.decode("actor.Watch", batch.messages[0].data);
  EXPECT_EQ(envelope->get<core::Watch>()->watcher, watcher_);
  stream->written();
  watch();
  send("a");
  EXPECT_EQ(read(*stream), "a");
}

// No peer has an actor of such a name.
TEST_F(EndpointWatch, AWatchOfANameThatIsNotTextEndsAtOnce) {
  const auto stream = connect();
  watch("caf\xe9");
  test::expect_next(*diary_, {"terminated caf\xe9 not_found"});
  EXPECT_FALSE(peer_says_terminated("caf\xe9"));
  send("a");
  EXPECT_EQ(read(*stream), "a");
}

// The peer would end every stream that brings it.
TEST_F(EndpointWatch, L8_AWatchOfANameThatIsTooLongEndsAtOnce) {
  const auto stream = connect();
  const std::string name(Endpoint::kWatchedBytesMax + 1, 'x');
  watch(name);
  test::expect_next(*diary_, {"terminated " + name + " not_found"});
  EXPECT_EQ(endpoint_->watch_count(), 0u);
  watch(name.substr(1));
  EXPECT_EQ(read(*stream), "Watch(" + name.substr(1) + ")");
}

TEST_F(EndpointWatch, L8_AStopOfANameThatIsTooLongIsADeadLetter) {
  const auto stream = connect();
  const std::string name(Endpoint::kWatchedBytesMax + 1, 'x');
  endpoint_->send(watchee(name), core::make_envelope(core::Stop{}), core::Lane::system);
  EXPECT_EQ(dead_letter_count(core::DeadLetterReason::too_large), 1u);
  endpoint_->send(watchee("y"), core::make_envelope(core::Stop{}), core::Lane::system);
  EXPECT_EQ(read(*stream), "Stop(y)");
}

TEST_F(EndpointWatch, AWatchOnALiveLinkIsSentAtOnce) {
  const auto stream = connect();
  watch();
  EXPECT_EQ(read(*stream), "Watch(x)");
}

TEST_F(EndpointWatch, L3_ThePeersTerminatedEndsTheWatch) {
  const auto stream = connect_watching();
  EXPECT_TRUE(peer_says_terminated());
  EXPECT_FALSE(peer_says_terminated()) << "a second Terminated is for nobody";
  stream->say_goodbye();
  expect_no_more();
}

TEST_F(EndpointWatch, L3_ATerminatedOfWhatIsNotWatchedIsForNobody) {
  const auto stream = connect_watching();
  EXPECT_FALSE(peer_says_terminated("y"));
  EXPECT_TRUE(endpoint_->take_watched(core::Pid::of_name("here:1", "nobody"), "x", "one").empty());
  EXPECT_TRUE(peer_says_terminated("x"));
}

TEST_F(EndpointWatch, L3_GoodbyeTellsEachWatcherOnce) {
  watch("y");
  const auto stream = dialer_->take();
  stream->accept("one");
  stream->say_goodbye();
  expect_told("y");
  stream->end();
  EXPECT_FALSE(peer_says_terminated("y"));
  endpoint_->close();
  expect_no_more();
}

TEST_F(EndpointWatch, L3_AnUnreachablePeerTellsEachWatcherOnce) {
  use(impatient());
  connect_watching()->end();
  while (endpoint_->member_id() == "one") dialer_->take()->end();
  expect_told();
  EXPECT_FALSE(peer_says_terminated());
  expect_no_more();
}

TEST_F(EndpointWatch, L3_ARestartedPeerTellsEachWatcherOnceAndNoWatchIsSentAgain) {
  connect_watching()->end();
  const auto stream = reconnect("two");
  expect_told();
  send("a");
  EXPECT_EQ(read(*stream), "a");
  expect_no_more();
}

TEST_F(EndpointWatch, L3_APeerSeenUnderAnotherIdTellsEachWatcherOnce) {
  const auto first = connect_watching();
  endpoint_->on_seen("one");
  endpoint_->on_seen("two");
  expect_told();
  endpoint_->on_seen("two");
  first->end();
  const auto second = reconnect("two");
  send("a");
  EXPECT_EQ(read(*second), "a");
  expect_no_more();
}

TEST_F(EndpointWatch, L3_AShortLossTellsNobodyAndSendsTheWatchesAgain) {
  connect_watching()->end();
  watch("y");
  const auto stream = reconnect("one");
  const std::string watches = read(*stream);
  EXPECT_TRUE(watches == "Watch(x) Watch(y)" || watches == "Watch(y) Watch(x)") << watches;
  expect_no_more();
  EXPECT_TRUE(peer_says_terminated("x"));
  EXPECT_TRUE(peer_says_terminated("y"));
}

TEST_F(EndpointWatch, L3_AWatchMadeWhileTheLinkIsDownEndsWithThePeer) {
  use(impatient());
  connect()->end();
  watch();
  while (endpoint_->member_id() == "one") dialer_->take()->end();
  expect_told();
  expect_no_more();
}

TEST_F(EndpointWatch, L3_AWatchOnAGonePeerDialsAndIsToldWhenThatFails) {
  connect()->say_goodbye();
  for (int i = 0; i < 3; ++i) {
    watch();
    dialer_->take()->end();
    expect_told();
  }
  expect_no_more();
}

TEST_F(EndpointWatch, L3_AWatchOnAGonePeerThatComesBackIsSentToIt) {
  connect()->say_goodbye();
  watch();
  EXPECT_EQ(read(*reconnect("two")), "Watch(x)");
  expect_no_more();
}

TEST_F(EndpointWatch, L3_CloseTellsTheWatchersAndSoDoesAWatchAfterwards) {
  connect_watching();
  endpoint_->close();
  expect_told();
  watch("y");
  expect_told("y");
  endpoint_->close();
  expect_no_more();
}

TEST_F(EndpointWatch, L7_AWatchOrUnwatchThatWaitsForAnIncarnationThatIsGoneDoesNotReachTheNext) {
  const auto first = connect_watching();
  send("is being written");
  (void)first->take_batch();
  watch("y");
  unwatch("x");
  endpoint_->on_seen("two");
  expect_told("y");
  first->end();
  const auto second = reconnect("two");
  send("a");
  EXPECT_EQ(read(*second), "a");
  expect_no_more();
}

// A link that breaks again and again before it has written them.
TEST_F(EndpointWatch, WatchesDoNotPileUpWhenTheLinkComesAndGoes) {
  watch();
  for (int i = 0; i < 5; ++i) {
    const auto stream = dialer_->take();
    send("a");
    stream->stop_writes();
    stream->accept("one");
    stream->end();
  }
  EXPECT_EQ(endpoint_->waiting_count(), 5u + 1u);
  EXPECT_EQ(read(*reconnect("one")), "Watch(x)");
}

TEST_F(EndpointWatch, AnUnwatchIsSentAndEndsTheWatchSilently) {
  const auto stream = connect_watching();
  unwatch();
  EXPECT_EQ(read(*stream), "Unwatch(x)");
  unwatch();
  EXPECT_FALSE(peer_says_terminated());
  stream->say_goodbye();
  expect_no_more();
}

TEST_F(EndpointWatch, AnUnwatchBeforeThePeerWasAskedIsNotSent) {
  watch();
  unwatch();
  const auto stream = dialer_->take();
  stream->accept("one");
  send("a");
  EXPECT_EQ(read(*stream), "a");
}

TEST_F(EndpointWatch, AnUnwatchWhileTheLinkIsDownIsSentToTheSameIncarnation) {
  connect_watching()->end();
  unwatch();
  EXPECT_EQ(read(*reconnect("one")), "Unwatch(x)");
}

TEST_F(EndpointWatch, WatchingAgainAfterAnUnwatchWhileDownLeavesTheWatchStanding) {
  connect_watching()->end();
  unwatch();
  watch();
  const auto stream = reconnect("one");
  EXPECT_EQ(read(*stream), "Unwatch(x)");
  EXPECT_EQ(read(*stream), "Watch(x)");
}

TEST_F(EndpointWatch, WatchesOvertakeWhatWaitsAndAFullQueueDoesNotRefuseThem) {
  Options options = patient();
  options.queue_count_max = 1;
  use(options);
  send("a");
  watch();
  const auto stream = dialer_->take();
  stream->accept("one");
  EXPECT_EQ(read(*stream), "Watch(x)");
  EXPECT_EQ(read(*stream), "a");
}

TEST_F(EndpointWatch, AFullQueueDoesNotRefuseATerminated) {
  Options options = patient();
  options.queue_count_max = 1;
  use(options);
  send("a");
  endpoint_->send(core::Pid::of_name(kAddress, "target"),
                  core::make_envelope(core::Terminated{watcher_}), core::Lane::user);
  const auto stream = dialer_->take();
  stream->accept("one");
  EXPECT_EQ(read(*stream), "a Terminated(target)") << "and it stays behind what was sent before";
}

// A gRPC thread that handles the peer's frames, and all senders, need that lock.
TEST_F(EndpointWatch, AWatchThatIsKnownTakesNoLockOfTheLink) {
  if (!core::kLockTiming) GTEST_SKIP() << "this build does not count locks";
  const auto stream = connect_watching();
  const std::uint64_t before = core::LockReport::take().site("endpoint").acquisition_count;
  for (int i = 0; i < 1'000; ++i) watch();
  EXPECT_EQ(core::LockReport::take().site("endpoint").acquisition_count, before);
  watch("y");
  EXPECT_GT(core::LockReport::take().site("endpoint").acquisition_count, before);
}

TEST_F(EndpointWatch, ATerminatedOfAnIncarnationThatIsGoneDoesNotEndAWatchOfTheNext) {
  connect_watching()->end();
  const auto stream = reconnect("two");
  expect_told();
  watch();
  EXPECT_EQ(read(*stream), "Watch(x)");
  EXPECT_FALSE(endpoint_->take_watched(watcher_, "x", "one"));
  expect_no_more();
  EXPECT_TRUE(endpoint_->take_watched(watcher_, "x", "two"));
}

// A watch of what is not asked for yet cannot have ended: the Terminated is about an older watch.
TEST_F(EndpointWatch, ATerminatedOfAnIncarnationThatIsGoneDoesNotEndAWatchThatWaits) {
  connect_watching()->say_goodbye();
  expect_told();
  watch();
  EXPECT_FALSE(endpoint_->take_watched(watcher_, "x", "one"));
  EXPECT_EQ(read(*reconnect("two")), "Watch(x)");
  expect_no_more();
}

TEST_F(EndpointWatch, WatchesOfManyWatchersSurviveManyReconnectsAndEndOnceEach) {
  constexpr int kWatcherCount = 100;
  std::vector<core::Pid> watchers;
  const auto diary = test::new_diary();
  for (int i = 0; i < kWatcherCount; ++i) {
    watchers.push_back(system_.spawn(test::steered(diary)));
    test::expect_next(*diary, {"started"});
    endpoint_->add_watched(watchers.back(), watchee());
  }
  auto stream = dialer_->take();
  stream->accept("one");
  for (int round = 0; round < 5; ++round) {
    EXPECT_EQ(stream->take_batch().messages.size(), static_cast<std::size_t>(kWatcherCount));
    stream->written();
    stream->end();
    stream = reconnect("one");
  }
  stream->say_goodbye();
  for (int i = 0; i < kWatcherCount; ++i) {
    test::expect_next(*diary, {"terminated x address_terminated"});
  }
  for (const core::Pid& watcher : watchers) (void)system_->send(watcher, test::Done{});
  for (int i = 0; i < kWatcherCount; ++i) test::expect_next(*diary, {"done"});
}

TEST_F(EndpointWatch, EventsTellHowEachPairComesAndGoes) {
  std::vector<std::string> events;
  const auto changed =
      system_->events().subscribe<EndpointWatchChanged>([&](const EndpointWatchChanged& event) {
        static constexpr const char* kChanges[] = {"watched", "unwatched", "terminated"};
        events.push_back(event.address + " " + event.watcher.id() + " " +
                         kChanges[static_cast<int>(event.change)] + " " + event.watchee.id() +
                         ", " + std::to_string(event.watch_count));
      });
  const auto gone =
      system_->events().subscribe<EndpointTerminated>([&](const EndpointTerminated& event) {
        events.push_back("gone with " + std::to_string(event.watch_count));
      });
  const auto stream = connect_watching();
  watch();
  watch("y");
  watch("z");
  unwatch();
  unwatch();
  (void)peer_says_terminated("y");
  (void)peer_says_terminated("y");
  stream->say_goodbye();
  EXPECT_EQ(events, (std::vector<std::string>{
                        "peer:1 watcher watched x, 1", "peer:1 watcher watched y, 2",
                        "peer:1 watcher watched z, 3", "peer:1 watcher unwatched x, 2",
                        "peer:1 watcher terminated y, 1", "gone with 1"}));
}

// Unwatches, the peer's Terminated, goodbyes and new watches of the same pairs race: each watch that began ended once.
TEST_F(EndpointWatch, L3_EachWatchEndsOnceWhenUnwatchTerminatedAndGoneRace) {
  constexpr int kRoundCount = 1'500;
  std::atomic<int> begun_count{0};
  std::atomic<int> ended_count{0};
  const auto changed =
      system_->events().subscribe<EndpointWatchChanged>([&](const EndpointWatchChanged& event) {
        const bool begun = event.change == EndpointWatchChanged::Change::watched;
        (begun ? begun_count : ended_count).fetch_add(1);
      });
  std::atomic<int> running_count{2};
  std::thread watching([&] {
    for (int i = 0; i < kRoundCount; ++i) {
      const std::string id = std::to_string(i % 7);
      watch(id);
      if (i % 2 == 0) unwatch(id);
      if (i % 50 == 0) std::this_thread::yield();
    }
    running_count.fetch_sub(1);
  });
  std::thread terminating([&] {
    for (int i = 0; i < kRoundCount; ++i) {
      (void)peer_says_terminated(std::to_string(i % 7));
      if (i % 50 == 0) std::this_thread::yield();
    }
    running_count.fetch_sub(1);
  });
  while (running_count.load() > 0 && !HasFailure()) {
    send("keep the link wanted");
    const auto stream = dialer_->take();
    stream->accept("one");
    for (int batches = 0; batches < 3 && stream->pending(); ++batches) {
      (void)stream->take_batch();
      stream->written();
    }
    stream->say_goodbye();
    stream->end();
  }
  watching.join();
  terminating.join();
  // The others may all have ended otherwise.
  watch("last");
  endpoint_->close();
  int told_count = 0;
  (void)system_->send(watcher_, test::Done{});
  for (auto line = diary_->pop(); line && *line != "done"; line = diary_->pop()) ++told_count;
  EXPECT_GT(told_count, 0);
  EXPECT_EQ(told_count + ended_count.load(), begun_count.load());
}

// The peer reads nothing, and what no full queue turns away comes to more than may wait.
TEST_F(EndpointWatch, L5_APeerThatDoesNotReadWhatCannotBeRefusedIsGone) {
  Options options = patient();
  options.queue_count_max = 2;
  options.queue_reserve_count_max = 4;
  use(options);
  std::vector<std::string> reasons;
  const auto gone = system_->events().subscribe<EndpointTerminated>(
      [&](const EndpointTerminated& event) { reasons.push_back(event.reason); });
  const auto stream = connect_watching();
  send("is being written");
  // The held watch makes room for one more.
  for (int i = 0; i < 7; ++i) {
    endpoint_->send(core::Pid::of_name(kAddress, "w"),
                    core::make_envelope(core::Terminated{watcher_}), core::Lane::user);
  }
  EXPECT_FALSE(stream->cancelled());
  expect_no_more();
  endpoint_->send(core::Pid::of_name(kAddress, "w"), core::make_envelope(core::PoisonPill{}),
                  core::Lane::user);
  EXPECT_TRUE(stream->cancelled());
  EXPECT_EQ(reasons, std::vector<std::string>{"does not read"});
  EXPECT_EQ(shared_->metrics.overrun_count.sum(), 1u);
  EXPECT_EQ(dead_letters(), std::vector<std::string>{"link_queue_full nexus::core::PoisonPill"});
  EXPECT_EQ(endpoint_->waiting_count(), 0u);
  expect_told();
  stream->end();
  send("next");
  EXPECT_EQ(read(*reconnect("one")), "next") << "it may have learnt to read";
}

TEST_F(EndpointWatch, L5_SoIsOneThatWatchesComeAndGoAt) {
  Options options = patient();
  options.queue_count_max = 1;
  options.queue_reserve_count_max = 9;
  use(options);
  const auto stream = connect_watching();
  watch("y");
  for (int i = 0; i < 100; ++i) watch(std::to_string(i));
  EXPECT_FALSE(stream->cancelled()) << "there is one for each watch that is held";
  for (int i = 0; i < 100 && !stream->cancelled(); ++i) {
    unwatch("y");
    watch("y");
  }
  EXPECT_TRUE(stream->cancelled());
  EXPECT_EQ(endpoint_->watch_count(), 1u) << "all ended, and `y` was watched again";
  stream->end();
}

class InboundWatch : public EndpointWatch {
 protected:
  core::Pid remote_watcher() { return core::Pid::of_name(kAddress, "remote"); }
  // The peer's actor `remote` watches ours, as the reader notes it.
  void note() {
    EXPECT_EQ(endpoint_->note_inbound_watch(remote_watcher(), watcher_),
              Endpoint::OnInboundWatch::noted);
    system_->registry().send_system(watcher_, core::make_envelope(core::Watch{remote_watcher()}));
    EXPECT_TRUE(eventually([&] { return watcher_.cell()->watcher_count() == 1; }));
  }
  bool forgotten() {
    return eventually([&] { return watcher_.cell()->watcher_count() == 0; });
  }
};

TEST_F(InboundWatch, ItMakesALinkBecauseOnlyALinkTellsThatThePeerIsGone) {
  note();
  EXPECT_EQ(dialer_->dial_count(), 1);
}

TEST_F(InboundWatch, ItEndsWhenThePeerSaysGoodbye) {
  note();
  reconnect()->say_goodbye();
  EXPECT_TRUE(forgotten());
  EXPECT_TRUE(endpoint_->idle());
}

TEST_F(InboundWatch, ItEndsWhenThePeerIsUnreachable) {
  use(impatient());
  note();
  const auto stream = reconnect();
  stream->end();
  while (endpoint_->member_id() == "one") dialer_->take()->end();
  EXPECT_TRUE(forgotten());
}

TEST_F(InboundWatch, ItEndsWhenThePeerHasRestarted) {
  note();
  const auto stream = reconnect("one");
  endpoint_->on_seen("two");
  EXPECT_TRUE(forgotten());
}

TEST_F(InboundWatch, ItSurvivesAShortLoss) {
  note();
  reconnect("one")->end();
  const auto stream = reconnect("one");
  system_.in_turn(watcher_, [](core::Context&) {});
  EXPECT_EQ(watcher_.cell()->watcher_count(), 1u);
}

TEST_F(InboundWatch, OnceForgottenItIsNotUnwatchedLater) {
  note();
  endpoint_->forget_inbound_watch(remote_watcher(), watcher_);
  const auto stream = reconnect("one");
  stream->say_goodbye();
  EXPECT_TRUE(endpoint_->idle());
  system_.in_turn(watcher_, [](core::Context&) {});
  EXPECT_EQ(watcher_.cell()->watcher_count(), 1u);
}

TEST_F(InboundWatch, L6_ThereAreAtMostAsManyAsMayBe) {
  Options options = patient();
  options.inbound_watch_count_max = 2;
  use(options);
  const auto note_from = [&](const std::string& id) {
    return endpoint_->note_inbound_watch(core::Pid::of_name(kAddress, id), watcher_);
  };
  using OnInboundWatch = Endpoint::OnInboundWatch;
  EXPECT_EQ(note_from("a"), OnInboundWatch::noted);
  EXPECT_EQ(note_from(std::string(Endpoint::kWatcherBytesMax, 'n')), OnInboundWatch::refused);
  EXPECT_EQ(note_from("b"), OnInboundWatch::noted);
  EXPECT_EQ(note_from("c"), OnInboundWatch::refused);
  EXPECT_EQ(note_from("a"), OnInboundWatch::noted) << "as after a reconnect";
  endpoint_->forget_inbound_watch(core::Pid::of_name(kAddress, "b"), watcher_);
  EXPECT_EQ(note_from("c"), OnInboundWatch::noted);
  endpoint_->close();
  EXPECT_EQ(note_from("a"), OnInboundWatch::closed);
}

// Watchers, the peer's Terminated, losses, restarts and goodbyes race: whoever watched is told once, by one of them.
TEST_F(EndpointWatch, L3_HoldsForManyThreads) {
  constexpr int kThreadCount = 3;
  constexpr int kWatchCount = 1'500;
  std::atomic<int> taken_count{0};
  std::atomic<int> watching_thread_count{kThreadCount};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreadCount; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < kWatchCount; ++i) {
        const std::string id = std::to_string(thread) + "-" + std::to_string(i);
        watch(id);
        if (i % 3 == 0 && peer_says_terminated(id)) taken_count.fetch_add(1);
        if (i % 50 == 0) std::this_thread::yield();
      }
      watching_thread_count.fetch_sub(1);
    });
  }
  std::minstd_rand random(5);
  while (watching_thread_count.load() > 0 && !HasFailure()) {
    std::shared_ptr<FakeStream> stream;
    send("keep the link wanted");
    stream = dialer_->take();
    if (random() % 4 != 0) {
      stream->accept(random() % 2 == 0 ? "one" : "two");
      if (random() % 2 == 0) endpoint_->on_seen(random() % 2 == 0 ? "one" : "two");
      for (int batches = 0; batches < 3 && stream->pending(); ++batches) {
        (void)stream->take_batch();
        stream->written();
      }
      if (random() % 2 == 0) stream->say_goodbye();
    }
    stream->end();
  }
  for (std::thread& thread : threads) thread.join();
  endpoint_->close();

  std::map<std::string, int> told;
  int told_count = 0;
  (void)system_->send(watcher_, test::Done{});
  for (auto line = diary_->pop(); line && *line != "done"; line = diary_->pop()) {
    ++told_count;
    EXPECT_EQ(++told[*line], 1) << *line;
  }
  EXPECT_EQ(told_count + taken_count.load(), kThreadCount * kWatchCount);
}

}  // namespace
}  // namespace nexus::remote
