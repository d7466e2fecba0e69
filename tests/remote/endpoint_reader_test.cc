#include "remote/endpoint_reader.h"

#include <gtest/gtest.h>

#include <atomic>
#include <set>

#include "core/actor/messages.h"
#include "core/actor/system_messages.h"
#include "core/telemetry/lock_report.h"
#include "nexus/v1/types.pb.h"
#include "protoactor/remote.pb.h"
#include "remote/activator.h"
#include "remote/batch_codec.h"
#include "tests/support/fake_dialer.h"
#include "tests/support/test_system.h"

namespace nexus::remote {
namespace {

// Its codec is a user's that trusts the bytes.
struct Fragile {
  int value = 0;
};

}  // namespace
}  // namespace nexus::remote

namespace nexus::core {

template <>
struct Wire<remote::Fragile> {
  static constexpr const char* kName = "test.Fragile";
  static bool encode(const remote::Fragile& message, std::string* out) {
    *out = std::to_string(message.value);
    return true;
  }
  static std::optional<remote::Fragile> decode(std::string_view bytes) {
    return remote::Fragile{std::stoi(std::string(bytes))};
  }
};

}  // namespace nexus::core

namespace nexus::remote {
namespace {

using core::DeadLetterReason;
using core::Payload;
using test::eventually;

constexpr const char* kHere = "here:1";
const Peer kPeer{.address = "peer:1", .member_id = "0123456789abcdef0123456789abcdef"};

// What actors of this node send to other nodes, as text.
class ForeignMail final : public core::ForeignRoute {
 public:
  void deliver_foreign(const core::Pid& target, core::EnvelopePtr envelope, core::Lane) override {
    std::string text = target.to_string();
    if (target.request_id() != 0) text += "#" + std::to_string(target.request_id());
    if (const auto* notice = envelope->get<core::Notice>()) {
      text += " notice " + std::to_string(static_cast<int>(notice->kind));
    } else if (const auto* terminated = envelope->get<core::Terminated>()) {
      text += " terminated " + terminated->who.id() + " " +
              std::to_string(static_cast<int>(terminated->why));
    } else {
      text += " " + envelope->type().name();
    }
    mail.push(std::move(text));
  }

  test::Queue<std::string> mail;
};

class EndpointReaderTest : public testing::Test {
 protected:
  EndpointReaderTest() { system_->registry().set_foreign_route(&foreign_); }
  ~EndpointReaderTest() override {
    (void)endpoints_.close(system_->clock().now());
    shared_->dialer->close();
  }

  static ReceivedMessage message(const std::string& target, const std::string& type,
                                 std::string data = {}) {
    ReceivedMessage made;
    made.target_id = target;
    made.type_name = type;
    made.data = std::move(data);
    return made;
  }
  static ReceivedMessage with_sender(ReceivedMessage made, const std::string& id,
                                     const std::string& address = {}) {
    made.sender_id = id;
    made.sender_address = address;
    return made;
  }
  // The bytes of a message of the runtime.
  template <typename T>
  ReceivedMessage encoded(const std::string& target, T body) {
    const WireMessage wire = wire_message(shared_->types, core::make_envelope(std::move(body)));
    return message(target, wire.type_name, wire.data);
  }
  // As a peer writes it.
  static std::string frame_of(const std::vector<ReceivedMessage>& messages, bool pids = false) {
    ::remote::RemoteMessage frame;
    auto* batch = frame.mutable_message_batch();
    for (const ReceivedMessage& made : messages) {
      auto* envelope = batch->add_envelopes();
      envelope->set_type_id(batch->type_names_size());
      batch->add_type_names(made.type_name);
      envelope->set_target(batch->targets_size());
      actor::PID target;
      target.set_address(kHere);
      target.set_id(made.target_id);
      batch->add_targets(pids ? target.SerializeAsString() : made.target_id);
      envelope->set_target_request_id(made.target_request_id);
      if (!made.sender_id.empty()) {
        auto* sender = batch->add_senders();
        sender->set_address(made.sender_address);
        sender->set_id(made.sender_id);
        envelope->set_sender(batch->senders_size());
        envelope->set_sender_request_id(made.sender_request_id);
      }
      envelope->set_serializer_id(made.serializer_id);
      envelope->set_message_data(made.data);
      for (const auto& [key, value] : made.headers) {
        (*envelope->mutable_message_header()->mutable_header_data())[key] = value;
      }
    }
    return frame.SerializeAsString();
  }
  void receive(ReceivedMessage made, const Peer& peer = kPeer) {
    receive_frame(frame_of({made}), peer);
  }
  void receive_frame(const std::string& frame, const Peer& peer = kPeer) {
    const core::Result<BatchDecoder::Kind> kind = decoder_.decode(frame);
    ASSERT_TRUE(kind.ok() && *kind == BatchDecoder::Kind::batch);
    reader_.receive(peer, decoder_, known_);
  }
  void expect_mail(const std::string& expected) {
    const auto mail = foreign_.mail.pop();
    ASSERT_TRUE(mail.has_value()) << expected;
    EXPECT_EQ(*mail, expected);
  }
  core::Pid spawn(const std::string& name) {
    const core::Pid actor = system_.spawn_named(test::steered(diary_), name);
    test::expect_next(*diary_, {"started"});
    return actor;
  }
  // An actor that keeps what it gets.
  struct Seen {
    core::Pid self;
    core::Pid sender;
    std::string type;
    std::string content_type;
    std::string data;
    core::Headers headers;
  };
  void spawn_recorder(const std::string& name) {
    (void)system_.spawn_named(
        core::props_of([this](core::Context& context) {
          const auto* payload = context.message<Payload>();
          if (payload == nullptr) return;
          seen_.push({context.self(), context.sender(), payload->type, payload->content_type,
                      payload->data, context.headers()});
        }),
        name);
  }
  Seen next() {
    auto seen = seen_.pop();
    EXPECT_TRUE(seen.has_value());
    return seen.value_or(Seen{});
  }

  // Written by actors, so they outlive the system.
  ForeignMail foreign_;
  test::Queue<Seen> seen_;

  // Written by its actors, too.
  std::atomic<int> logged_count_{0};
  test::TestSystem system_{
      {.address = kHere, .log = core::Log({}, [this](std::string_view) { ++logged_count_; })}};
  std::shared_ptr<Endpoint::Shared> shared_ = std::make_shared<Endpoint::Shared>(
      Options{}, *system_, "self", std::make_unique<test::FakeDialer>());
  EndpointManager endpoints_{shared_};
  static constexpr std::size_t kHeaderCountMax = 50;
  EndpointReader reader_{*system_, shared_->types, endpoints_, kHeaderCountMax};
  BatchDecoder decoder_;
  EndpointReader::Known known_;
  const std::shared_ptr<test::Diary> diary_ = std::make_shared<test::Diary>();
};

TEST_F(EndpointReaderTest, AMessageReachesItsActorWithSenderAndHeaders) {
  spawn_recorder("a");
  ReceivedMessage made = with_sender(message("a", "some.Type", "bytes"), "asker", "third:1");
  made.sender_request_id = 8;
  made.headers = {{"trace", "1"}, {kNoticesHeader, "1"}};
  receive(std::move(made));
  const Seen seen = next();
  EXPECT_EQ(seen.sender, core::Pid::of_name("third:1", "asker"));
  EXPECT_EQ(seen.sender.request_id(), 8u);
  EXPECT_EQ(seen.type, "some.Type");
  EXPECT_EQ(seen.content_type, Payload::kProtobuf);
  EXPECT_EQ(seen.data, "bytes");
  EXPECT_EQ(seen.headers, (core::Headers{{"trace", "1"}}))
      << "the wish for notices is no header of the user's";
}

TEST_F(EndpointReaderTest, ASenderWithoutAddressIsAtThePeer) {
  spawn_recorder("a");
  receive(with_sender(message("a", "some.Type"), "asker"));
  EXPECT_EQ(next().sender, core::Pid::of_name("peer:1", "asker"));
}

TEST_F(EndpointReaderTest, AMessageWithoutSenderHasNone) {
  spawn_recorder("a");
  receive(message("a", "some.Type"));
  EXPECT_TRUE(next().sender.empty());
}

// The tables of two batches that look alike.
TEST_F(EndpointReaderTest, AnActorThatHasTakenTheNameOfAnotherGetsItsMessages) {
  spawn_recorder("a");
  receive(message("a", "some.Type", "first"));
  const core::Pid first = next().self;
  system_.stop(first);
  receive(message("a", "some.Type", "nobody"));
  EXPECT_EQ(system_->dead_letters().count(DeadLetterReason::no_such_actor), 1u);
  spawn_recorder("a");
  receive(message("a", "some.Type", "second"));
  const Seen seen = next();
  EXPECT_EQ(seen.data, "second");
  EXPECT_NE(seen.self, first);
}

TEST_F(EndpointReaderTest, EachBatchHasTablesOfItsOwn) {
  spawn_recorder("a");
  spawn_recorder("b");
  receive(with_sender(message("a", "some.Type", "1"), "asker", "third:1"));
  EXPECT_EQ(next().self.id(), "a");
  receive(with_sender(message("b", "other.Type", "2"), "asker", "fourth:1"));
  const Seen seen = next();
  EXPECT_EQ(seen.self.id(), "b");
  EXPECT_EQ(seen.type, "other.Type");
  EXPECT_EQ(seen.sender, core::Pid::of_name("fourth:1", "asker"));
}

TEST_F(EndpointReaderTest, MessagesOfABatchKeepTheirOrder) {
  spawn_recorder("a");
  std::vector<ReceivedMessage> messages;
  for (int i = 0; i < 1'000; ++i) {
    messages.push_back(message("a", "some.Type", std::to_string(i)));
  }
  receive_frame(frame_of(messages));
  for (int i = 0; i < 1'000; ++i) ASSERT_EQ(next().data, std::to_string(i));
}

TEST_F(EndpointReaderTest, OtherSerializersArriveAsBytesWithTheirContentType) {
  spawn_recorder("a");
  ReceivedMessage made = message("a", "nexus.v1.CounterRequest", "{}");
  made.serializer_id = 1;
  receive(std::move(made));
  EXPECT_EQ(next().content_type, Payload::kJson);
  made = message("a", "Some.Dotnet.Type", "\x01");
  made.serializer_id = 7;
  receive(std::move(made));
  const Seen seen = next();
  EXPECT_EQ(seen.content_type, "application/octet-stream");
  EXPECT_EQ(seen.type, "Some.Dotnet.Type");
}

TEST_F(EndpointReaderTest, WhoAsksForNoticesIsToldThatTheMessageWaits) {
  spawn_recorder("a");
  ReceivedMessage made = with_sender(message("a", "some.Type"), "asker");
  made.sender_request_id = 3;
  made.headers = {{kNoticesHeader, "1"}};
  receive(std::move(made));
  // Both come, and the actor may be faster than this thread.
  std::set<std::string> notices;
  for (int i = 0; i < 2; ++i) notices.insert(foreign_.mail.pop().value_or(""));
  EXPECT_EQ(notices, (std::set<std::string>{"peer:1/asker#3 notice 1", "peer:1/asker#3 notice 2"}));
}

TEST_F(EndpointReaderTest, APeerOfTheGoFamilyThatCopiesHeadersGetsNoNotices) {
  spawn_recorder("a");
  for (const char* value : {kAllNotices, kEnqueuedNotice}) {
    ReceivedMessage made = with_sender(message("a", "some.Type"), "asker");
    made.headers = {{kNoticesHeader, value}};
    receive(std::move(made), {.address = "peer:1", .member_id = "2ZbLMtGzVdpTgXN5kqWcRe"});
    const Seen seen = next();
    EXPECT_EQ(seen.sender, core::Pid::of_name("peer:1", "asker"));
    EXPECT_EQ(seen.headers, core::Headers{});
  }
  // It would come behind them.
  receive(with_sender(message("nobody", "some.Type"), "asker"));
  expect_mail("peer:1/asker nexus::core::DeadLetterResponse");
}

TEST_F(EndpointReaderTest, AMessageForNobodyIsADeadLetterAndItsSenderIsTold) {
  receive(with_sender(message("nobody", "some.Type"), "asker"));
  expect_mail("peer:1/asker nexus::core::DeadLetterResponse");
  EXPECT_EQ(system_->dead_letters().count(DeadLetterReason::no_such_actor), 1u);
}

TEST_F(EndpointReaderTest, BytesThatAreNotWhatTheirNameSaysAreUnreadable) {
  spawn_recorder("a");
  receive(with_sender(message("a", "actor.Touched", "\x08\x80"), "asker"));
  expect_mail("peer:1/asker nexus::core::DeadLetterResponse");
  EXPECT_EQ(system_->dead_letters().count(DeadLetterReason::unreadable), 1u);
  EXPECT_EQ(seen_.size(), 0u);
}

TEST_F(EndpointReaderTest, ATypeThatIsNotRegisteredIsNeverConstructed) {
  spawn_recorder("a");
  // Types of the runtime by their C++ names, protobuf types that are linked but not added, and nonsense.
  for (const std::string type :
       {"nexus::core::Started", "nexus::core::Stop", "nexus::remote::EndpointTerminated",
        "nexus::core::DeadLetter", "google.protobuf.Any", "remote.RemoteMessage", "no.such.Type",
        "", "actor.Stop ", "actor.stop"}) {
    receive(message("a", type, "bytes"));
    const Seen seen = next();
    EXPECT_EQ(seen.type, type);
    EXPECT_EQ(seen.data, "bytes");
  }
}

TEST_F(EndpointReaderTest, NothingFromAPeerIsPublishedOnTheEventStream) {
  int published_count = 0;
  const auto count = [&](const auto&) { ++published_count; };
  const std::vector<core::EventStream::Subscription> subscriptions = {
      system_->events().subscribe<EndpointTerminated>(count),
      system_->events().subscribe<EndpointConnected>(count),
      system_->events().subscribe<BlockListChanged>(count),
      system_->events().subscribe<core::Terminated>(count),
      system_->events().subscribe<core::Touch>(count),
      system_->events().subscribe<Payload>(count)};
  const std::uint64_t before = system_->dead_letters().count(core::DeadLetterReason::no_such_actor);
  std::uint64_t sent_count = 0;
  // What the nodes of the family call the stream, and the actor for dead letters.
  for (const char* target : {"eventstream", "$eventstream", "deadletter", "$deadletter"}) {
    receive(message(target, "nexus::remote::EndpointTerminated", "x"));
    receive(message(target, "cluster.ClusterTopology", "x"));
    receive(encoded(target, core::Touch{}));
    sent_count += 3;
    receive(encoded(target, core::Terminated{core::Pid::of_name(kPeer.address, "w")}));
  }
  EXPECT_EQ(published_count, 0);
  EXPECT_EQ(system_->dead_letters().count(core::DeadLetterReason::no_such_actor),
            before + sent_count)
      << "there is no such actor here";
}

TEST_F(EndpointReaderTest, MoreHeadersThanTheLargestMessageMayHaveAreNotRead) {
  spawn_recorder("a");
  ReceivedMessage made = message("a", "test.T", "fits");
  for (std::size_t i = 0; i < kHeaderCountMax; ++i)
    made.headers.emplace_back(std::to_string(i), "");
  receive(made);
  EXPECT_EQ(next().headers.size(), kHeaderCountMax);
  made.data = "one too many";
  made.headers.emplace_back("more", "");
  receive(made);
  receive(message("a", "test.T", "after"));
  EXPECT_EQ(next().data, "after");
  EXPECT_EQ(system_->dead_letters().count(core::DeadLetterReason::too_large), 1u);
}

TEST_F(EndpointReaderTest, AMessageThatIsNestedTooDeepIsUnreadable) {
  spawn_recorder("a");
  // Groups in groups, in a field that nobody knows; protobuf reads 100 of them.
  const auto nested = [](int depth) {
    return std::string(static_cast<std::size_t>(depth), '\x7b') +
           std::string(static_cast<std::size_t>(depth), '\x7c');
  };
  shared_->types.add<v1::CounterRequest>();
  for (const int depth : {101, 1'000'000}) {
    receive(message("a", "nexus.v1.CounterRequest", nested(depth)));
    receive(message("a", "actor.Watch", nested(depth)));
    receive(message("a", "remote.ActorPidRequest", nested(depth)));
  }
  EXPECT_EQ(system_->dead_letters().count(core::DeadLetterReason::unreadable), 6u);
}

TEST_F(EndpointReaderTest, StopAndPoisonPillStopTheActor) {
  for (const char* type : {"actor.Stop", "actor.PoisonPill"}) {
    const core::Pid actor = spawn("a");
    receive(message("a", type));
    test::expect_next(*diary_, {"stopping", "stopped"});
    system_.await_gone(actor);
  }
}

TEST_F(EndpointReaderTest, TouchIsAnswered) {
  (void)spawn("a");
  receive(with_sender(message("a", "actor.Touch"), "asker"));
  expect_mail("peer:1/asker nexus::core::Touched");
}

TEST_F(EndpointReaderTest, AWatchIsAnsweredWhenTheActorStops) {
  const core::Pid actor = spawn("a");
  receive(encoded("a", core::Watch{core::Pid::of_name("peer:1", "w")}));
  EXPECT_FALSE(endpoints_.find("peer:1")->idle());
  EXPECT_TRUE(eventually([&] { return actor.cell()->watcher_count() == 1; }));
  system_->stop(actor);
  expect_mail("peer:1/w terminated a 0");
}

TEST_F(EndpointReaderTest, AWatchBelongsToTheLinkThatItsAnswerTakes) {
  (void)spawn("a");
  receive(encoded("a", core::Watch{core::Pid::of_name("third:1", "w")}));
  EXPECT_EQ(endpoints_.find("peer:1"), nullptr);
  EXPECT_FALSE(endpoints_.find("third:1")->idle());
}

TEST_F(EndpointReaderTest, L6_AWatchTooManyIsAnsweredAsIfTheLinkHadEnded) {
  const core::Pid actor = spawn("a");
  const auto fill = [&](const std::string& id) {
    return endpoints_.endpoint("peer:1")->note_inbound_watch(core::Pid::of_name("peer:1", id),
                                                             actor);
  };
  for (std::size_t i = 0; i < Options{}.inbound_watch_count_max; ++i) {
    ASSERT_EQ(fill(std::to_string(i)), Endpoint::OnInboundWatch::noted);
  }
  receive(encoded("a", core::Watch{core::Pid::of_name("peer:1", "w")}));
  expect_mail("peer:1/w terminated a 1");
  EXPECT_EQ(endpoints_.metrics().refused_watch_count.sum(), 1u);
  system_.in_turn(actor, [](core::Context&) {});
  EXPECT_EQ(actor.cell()->watcher_count(), 0u);
}

TEST_F(EndpointReaderTest, APeersWatcherIsNoActorOfThisNode) {
  const core::Pid actor = spawn("a");
  receive(encoded("a", core::Watch{core::Pid::of_name(kHere, "unknown")}));
  receive(encoded("a", core::Watch{actor}));
  EXPECT_EQ(endpoints_.find(kHere), nullptr);
  EXPECT_EQ(endpoints_.metrics().refused_watch_count.sum(), 2u);
  system_.in_turn(actor, [](core::Context&) {});
  EXPECT_EQ(actor.cell()->watcher_count(), 0u);
}

TEST_F(EndpointReaderTest, UnlessTheNodeHasDialledItselfUnderAnotherName) {
  const core::Pid actor = spawn("a");
  receive(encoded("a", core::Watch{spawn("w")}), {.address = kHere, .member_id = "self"});
  EXPECT_TRUE(eventually([&] { return actor.cell()->watcher_count() == 1; }));
  EXPECT_EQ(endpoints_.find(kHere), nullptr);
}

// Its watchers are the actors that there are: nobody bounds the others.
TEST_F(EndpointReaderTest, AndThenAWatcherThatIsNotThereWatchesNothing) {
  const core::Pid actor = spawn("a");
  receive(encoded("a", core::Watch{core::Pid::of_name(kHere, "unknown")}),
          {.address = kHere, .member_id = "self"});
  system_.in_turn(actor, [](core::Context&) {});
  EXPECT_EQ(actor.cell()->watcher_count(), 0u);
}

// The peer names as many addresses as there may be links.
TEST_F(EndpointReaderTest, WatchersAtInventedAddressesLeaveTheLinksToOthers) {
  const core::Pid actor = spawn("a");
  const Options options;
  for (const char* target : {"a", "nobody"}) {
    for (std::size_t i = 0; i < options.peer_count_max; ++i) {
      const std::string address = std::string(target) + std::to_string(i) + ":1";
      receive(encoded(target, core::Watch{core::Pid::of_name(address, "w")}));
    }
  }
  EXPECT_EQ(endpoints_.all().size(), options.hearsay_peer_count_max);
  system_.in_turn(actor, [](core::Context&) {});
  EXPECT_EQ(actor.cell()->watcher_count(), options.hearsay_peer_count_max);
  EXPECT_EQ(endpoints_.metrics().refused_watch_count.sum(),
            2 * options.peer_count_max - options.hearsay_peer_count_max);
  EXPECT_NE(endpoints_.endpoint("whom-an-actor-sends-to:1"), nullptr);
  receive(encoded("a", core::Watch{core::Pid::of_name("peer:1", "w")}));
  EXPECT_FALSE(endpoints_.find("peer:1")->idle()) << "the peer's own";
}

TEST_F(EndpointReaderTest, AnUnwatchMakesNoLink) {
  (void)spawn("a");
  receive(encoded("a", core::Unwatch{core::Pid::of_name("third:1", "w")}));
  EXPECT_TRUE(endpoints_.all().empty());
}

TEST_F(EndpointReaderTest, AWatchOfWhatIsNotThereIsAnsweredNotFound) {
  receive(encoded("nobody", core::Watch{core::Pid::of_name("peer:1", "w")}));
  expect_mail("peer:1/w terminated nobody 2");
  EXPECT_EQ(endpoints_.find("peer:1"), nullptr) << "there is nothing to remember";
}

TEST_F(EndpointReaderTest, AWatchWithoutAWatcherIsUnreadable) {
  const core::Pid actor = spawn("a");
  receive(encoded("a", core::Watch{}));
  EXPECT_EQ(system_->dead_letters().count(DeadLetterReason::unreadable), 1u);
  system_.in_turn(actor, [](core::Context&) {});
  EXPECT_EQ(actor.cell()->watcher_count(), 0u);
}

TEST_F(EndpointReaderTest, AnUnwatchEndsTheWatch) {
  const core::Pid actor = spawn("a");
  const core::Pid watcher = core::Pid::of_name("peer:1", "w");
  receive(encoded("a", core::Watch{watcher}));
  EXPECT_TRUE(eventually([&] { return actor.cell()->watcher_count() == 1; }));
  receive(encoded("a", core::Unwatch{watcher}));
  EXPECT_TRUE(eventually([&] { return actor.cell()->watcher_count() == 0; }));
}

class TerminatedFromPeer : public EndpointReaderTest {
 protected:
  ~TerminatedFromPeer() override {
    if (stream_ != nullptr) stream_->end();
  }
  // Our actor `w` watches `x` at `address`, and kPeer, which is there, knows.
  void watch(const std::string& address) {
    watcher_ = spawn("w");
    endpoints_.endpoint(address)->add_watched(watcher_, core::Pid::of_name(address, "x"));
    stream_ = static_cast<test::FakeDialer&>(*shared_->dialer).take();
    stream_->accept(kPeer.member_id);
  }
  void receive_terminated(core::TerminatedReason why, const std::string& address,
                          const Peer& peer = kPeer) {
    receive(encoded("w", core::Terminated{core::Pid::of_name(address, "x"), why}), peer);
  }
  void expect_no_more() {
    (void)system_->send(watcher_, test::Done{});
    test::expect_next(*diary_, {"done"});
  }
  core::Pid watcher_;
  std::shared_ptr<test::FakeStream> stream_;
};

TEST_F(TerminatedFromPeer, L3_ReachesItsWatcherOnceWithItsReason) {
  watch("peer:1");
  receive_terminated(core::TerminatedReason::stopped, "peer:1");
  receive_terminated(core::TerminatedReason::not_found, "peer:1");
  test::expect_next(*diary_, {"terminated x stopped"});
  expect_no_more();
}

TEST_F(TerminatedFromPeer, NotFoundIsPassedOn) {
  watch("peer:1");
  receive_terminated(core::TerminatedReason::not_found, "peer:1");
  test::expect_next(*diary_, {"terminated x not_found"});
}

TEST_F(TerminatedFromPeer, OfAnActorThatIsNotWatchedReachesNobody) {
  watcher_ = spawn("w");
  receive_terminated(core::TerminatedReason::stopped, "peer:1");
  expect_no_more();
}

TEST_F(TerminatedFromPeer, IsFoundUnderAnotherAddressOfThePeer) {
  watch("localhost:1");
  receive_terminated(core::TerminatedReason::stopped, "peer:1");
  test::expect_next(*diary_, {"terminated x stopped"});
}

// With mutual TLS, where addresses are checked and member ids are not.
TEST_F(TerminatedFromPeer, IsFoundUnderAnotherAddressOnlyWhereThePeerMayBe) {
  watch("localhost:1");
  const auto from = [&](const std::string& address, std::vector<std::string> hosts) {
    receive_terminated(
        core::TerminatedReason::stopped, "peer:1",
        {.address = address, .member_id = kPeer.member_id, .hosts = std::move(hosts)});
  };
  from("liar:1", {"liar"});
  from("$client/" + kPeer.member_id, {});
  expect_no_more();
  from("peer:1", {"peer", "localhost"});
  test::expect_next(*diary_, {"terminated x stopped"});
}

// A peer may send as many in one frame as it likes.
TEST_F(TerminatedFromPeer, OfWhatNobodyWatchesLooksAtTheOtherLinksOnceABatch) {
  if (!core::kLockTiming) GTEST_SKIP() << "this build does not count locks";
  watch("localhost:1");
  for (int i = 2; i < 10; ++i) (void)endpoints_.endpoint("other:" + std::to_string(i));
  const auto forged = encoded(
      "w", core::Terminated{core::Pid::of_name("peer:1", "y"), core::TerminatedReason::stopped});
  const auto locks_of = [&](std::size_t count) {
    const std::string frame = frame_of(std::vector<ReceivedMessage>(count, forged));
    const std::uint64_t before = core::LockReport::take().site("endpoint").acquisition_count;
    receive_frame(frame);
    return core::LockReport::take().site("endpoint").acquisition_count - before;
  };
  const std::uint64_t of_one = locks_of(1);
  EXPECT_LE(locks_of(101), of_one + 100) << "one for each message, of the link that may know it";
  receive_terminated(core::TerminatedReason::stopped, "peer:1");
  test::expect_next(*diary_, {"terminated x stopped"});
}

TEST_F(TerminatedFromPeer, FromAStrangerEndsNoWatchOfAnotherPeer) {
  watch("peer:1");
  receive_terminated(core::TerminatedReason::stopped, "peer:1",
                     {.address = "stranger:1", .member_id = "two"});
  expect_no_more();
}

TEST_F(TerminatedFromPeer, OfAnIncarnationThatIsGoneEndsNoWatchOfTheNext) {
  watch("peer:1");
  const Peer last{.address = "peer:1", .member_id = std::string(32, 'e')};
  receive_terminated(core::TerminatedReason::stopped, "peer:1", last);
  expect_no_more();
  receive_terminated(core::TerminatedReason::stopped, "peer:1");
  test::expect_next(*diary_, {"terminated x stopped"});
}

TEST_F(TerminatedFromPeer, OfOneThatNeverSaidWhoItIsEndsTheWatch) {
  watcher_ = spawn("w");
  endpoints_.endpoint("peer:1")->add_watched(watcher_, core::Pid::of_name("peer:1", "x"));
  stream_ = static_cast<test::FakeDialer&>(*shared_->dialer).take();
  stream_->accept("");
  receive_terminated(core::TerminatedReason::stopped, "peer:1");
  test::expect_next(*diary_, {"terminated x stopped"});
}

TEST_F(EndpointReaderTest, APeerOfTheOldDialectIsAnsweredInIt) {
  spawn_recorder("a");
  receive_frame(frame_of({message("a", "some.Type")}, true));
  WireMessage answer;
  answer.target = core::Pid::of_name("peer:1", "x");
  answer.type_name = "some.Type";
  send_message(*endpoints_.find("peer:1"), answer);
  const auto stream = static_cast<test::FakeDialer&>(*shared_->dialer).take();
  stream->accept("one");
  EXPECT_EQ(stream->take_batch().dialect, Dialect::pids);
  stream->end();
}

// Each change writes all that waits anew.
TEST_F(EndpointReaderTest, TheDialectOfAStreamIsThatOfItsFirstBatch) {
  spawn_recorder("a");
  const auto dialect_after = [&](const std::vector<bool>& pids) {
    for (const bool as_pids : pids) receive_frame(frame_of({message("a", "some.Type")}, as_pids));
    WireMessage answer;
    answer.target = core::Pid::of_name("peer:1", "x");
    answer.type_name = "some.Type";
    send_message(*endpoints_.find("peer:1"), answer);
    const auto stream = static_cast<test::FakeDialer&>(*shared_->dialer).take();
    stream->accept("one");
    const Dialect dialect = stream->take_batch().dialect;
    stream->written();
    stream->say_goodbye();
    stream->end();
    return dialect;
  };
  EXPECT_EQ(dialect_after({true, false, false}), Dialect::pids);
  known_ = {};
  EXPECT_EQ(dialect_after({false, true, true}), Dialect::strings) << "of the next stream";
}

TEST_F(EndpointReaderTest, ACodecThatThrowsCostsItsOwnMessageOnly) {
  shared_->types.add<Fragile>();
  std::vector<int> seen;
  test::Gate done;
  const core::Pid actor = system_.spawn_named(core::props_of([&](core::Context& context) {
                                                if (const auto* got = context.message<Fragile>()) {
                                                  seen.push_back(got->value);
                                                  if (got->value == 3) done.open();
                                                }
                                              }),
                                              "a");
  receive_frame(frame_of({message("a", "test.Fragile", "1"), message("a", "test.Fragile", "x"),
                          message("a", "test.Fragile", "2"), message("a", "test.Fragile", ""),
                          message("a", "test.Fragile", "3")}));
  ASSERT_TRUE(done.wait());
  EXPECT_EQ(seen, (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(system_->dead_letters().count(DeadLetterReason::unreadable), 2u);
  system_.stop(actor);
}

// A peer may send as much of each as it likes.
TEST_F(EndpointReaderTest, WhatIsRefusedIsLoggedAFewTimes) {
  const auto spawn_none = [](const std::string&, const std::string&) -> core::Result<core::Pid> {
    return core::Error{core::Errc::not_found, "no such kind"};
  };
  const auto activator =
      system_->spawn_system(activator_props(spawn_none, ActivatorOf::go), "activator");
  ASSERT_TRUE(activator.ok());
  ::remote::RemoteMessage bad;
  bad.mutable_message_batch()->add_envelopes()->set_target(7);
  const std::string frame = bad.SerializeAsString();
  // Ten of each in a second, and what they leave out.
  constexpr int kCount = 1'000;
  for (int i = 0; i < kCount; ++i) receive_frame(frame);
  EXPECT_LT(logged_count_.load(), kCount / 2);
  logged_count_ = 0;
  for (int i = 0; i < kCount; ++i) receive(encoded("activator", core::Stop{}));
  EXPECT_LT(logged_count_.load(), kCount / 2);
  logged_count_ = 0;
  const ReceivedMessage request = encoded("activator", ActorPidRequest{"name", "kind"});
  receive_frame(frame_of(std::vector<ReceivedMessage>(kCount, request)));
  EXPECT_TRUE(eventually([&] { return activator->cell()->processed_count() >= kCount; }));
  EXPECT_LT(logged_count_.load(), kCount / 2);
}

TEST_F(EndpointReaderTest, LongNamesAreLookedUpEachTime) {
  const std::string name(200, 'n');
  const core::Pid actor = spawn(name);
  for (int round = 0; round < 3; ++round) {
    receive_frame(frame_of({with_sender(message(name, std::string(2'000, 't') + "T", "x"),
                                        std::string(3'000, 's'), "far:1")}));
  }
  EXPECT_TRUE(eventually([&] { return diary_->size() == 3; }));
}

}  // namespace
}  // namespace nexus::remote
