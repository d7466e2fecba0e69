// Clients: peers that cannot be dialled, whose messages and ours share the stream that they open. Without a transport.
#include <gtest/gtest.h>

#include <functional>
#include <thread>
#include <utility>
#include <vector>

#include "core/actor/messages.h"
#include "core/actor/system_messages.h"
#include "core/process/process.h"
#include "tests/remote/inbound_fixture.h"
#include "tests/remote/wire_bytes.h"

namespace nexus::remote {
namespace {

using core::DeadLetterReason;
using core::Pid;

Pid actor_of(const std::string& client, const std::string& id) {
  return Pid::of_name("here:1", "$client/" + client + "/" + id);
}

class ClientLink : public InboundFixture {
 protected:
  static constexpr std::size_t kPeerCountMax = 3;
  static Options small() {
    Options options = usual();
    options.peer_count_max = kPeerCountMax;
    options.queue_count_max = 3;
    options.queue_reserve_count_max = 3;
    options.unreachable_after = std::chrono::milliseconds(20);
    return options;
  }

  explicit ClientLink(const Options& options = small()) : InboundFixture(options) {
    test::expect_next(*diary_, {"started"});
  }
  ~ClientLink() override { (void)endpoints_.close(system_->clock().now()); }

  static std::string handshake(const std::string& member_id) {
    return encode(ConnectRequest{.member_id = member_id, .address = {}, .client = true});
  }
  // Its handshake is not answered yet.
  Opened open_client(const std::string& member_id = "c") {
    Opened client = accept();
    EXPECT_TRUE(client.stream->on_frame(handshake(member_id)));
    return client;
  }
  Opened connect(const std::string& member_id = "c") {
    Opened client = open_client(member_id);
    EXPECT_EQ(next<ConnectResponse>(client).member_id, "self");
    EXPECT_TRUE(link_of(member_id)->is_connected());
    return client;
  }
  std::shared_ptr<Endpoint> link_of(const std::string& member_id = "c") {
    return endpoints_.find("$client/" + member_id);
  }
  void send(const std::string& data, const std::string& member_id = "c") {
    WireMessage message;
    message.target = actor_of(member_id, "x");
    message.type_name = "some.T";
    message.data = data;
    send_message(*link_of(member_id), message);
  }
  // The data of the next batch, and what its targets are on the wire.
  std::string read(Opened& client) {
    std::string text;
    for (const ReceivedMessage& message : next<ReceivedBatch>(client).messages) {
      text += (text.empty() ? "" : " ") + message.target_id + ":" +
              (message.type_name == "some.T" ? message.data : message.type_name);
    }
    return text;
  }
  static std::string batch_of(const std::string& type_name, const std::string& data,
                              const Pid& target, const Pid& sender = {}) {
    BatchEncoder encoder;
    encoder.begin(Dialect::strings);
    EXPECT_TRUE(
        encoder.try_add({.type_name = type_name, .target = target, .sender = sender}, data));
    return std::string(encoder.finish());
  }
  template <typename T>
  std::string batch_of(T message, const Pid& target) {
    const WireMessage wire =
        wire_message(endpoints_shared_->types, core::make_envelope(std::move(message)));
    return batch_of(wire.type_name, wire.data, target);
  }
  void expect_no_more() {
    (void)system_->send(watcher_, test::Done{});
    test::expect_next(*diary_, {"done"});
  }
  std::uint64_t dead_letter_count(DeadLetterReason reason) {
    return system_->dead_letters().count(reason);
  }
  static void end(Opened& client) { client.stream->on_end(); }

  const std::shared_ptr<test::Diary> diary_ = test::new_diary();
  const Pid watcher_ = system_.spawn_named(test::steered(diary_), "watcher");
};

// Handshake.

TEST_F(ClientLink, Golden_TheHandshakeAndABatchEachWay) {
  // Of .NET: `m1` connects, and its actor `x`, which it calls by the address that it has dialled, asks our actor.
  Opened client = accept();
  EXPECT_TRUE(client.stream->on_frame(bytes("12 06  0a 04  0a 02 'm1'")));
  EXPECT_EQ(hex(*client.transport->frames.pop()), hex(bytes("1a 06  12 04 'self'")));
  client.transport->pending.store(false);
  client.stream->on_written(true);
  test::Queue<Pid> senders;
  (void)system_.spawn_named(core::props_of([&](core::Context& context) {
                              if (context.message<core::Payload>() == nullptr) return;
                              senders.push(context.sender());
                            }),
                            "asked");
  EXPECT_TRUE(client.stream->on_frame(
      bytes("0a 36  0a 06 'some.T'  12 05 'asked'  1a 07  12 01 'd'  20 01  40 07  "
            "22 1c  0a 08 'dialed:1'  12 10 '$client/m1/x/y/z'")));
  const Pid sender = senders.pop().value_or(Pid{});
  EXPECT_EQ(sender, actor_of("m1", "x/y/z"));
  EXPECT_EQ(sender.request_id(), 7u);
  WireMessage answer;
  answer.target = sender;
  answer.sender = Pid::of_name("here:1", "asked");
  answer.type_name = "some.T";
  answer.data = "d";
  send_message(*link_of("m1"), answer);
  EXPECT_EQ(hex(*client.transport->frames.pop()),
            hex(bytes("0a 34  0a 06 'some.T'  12 10 '$client/m1/x/y/z'  "
                      "22 0f  0a 06 'here:1'  12 05 'asked'  1a 07  12 01 'd'  20 01  38 07")));
}

TEST_F(ClientLink, AMemberIdThatCannotStandInAPidIsRefused) {
  for (const std::string& bad :
       {std::string{}, std::string("a/b"), std::string("a b"), std::string(129, 'x')}) {
    Opened client = accept();
    EXPECT_FALSE(client.stream->on_frame(handshake(bad)));
    EXPECT_TRUE(client.transport->ended.pop()->starts_with("the member id of a client")) << bad;
    EXPECT_EQ(client.transport->frames.size(), 0u);
  }
  EXPECT_TRUE(endpoints_.all().empty());
}

TEST_F(ClientLink, N1_ASecondHandshakeEndsTheStream) {
  Opened client = connect();
  EXPECT_FALSE(client.stream->on_frame(handshake("c")));
  EXPECT_EQ(client.transport->ended.pop(), "a second ConnectRequest on one stream");
  EXPECT_EQ(link_of(), nullptr);
}

TEST_F(ClientLink, N3_ABlockedClientIsToldSo) {
  EXPECT_EQ(endpoints_shared_->blocks.block("c"), BlockList::OnBlock::blocked);
  Opened client = accept();
  EXPECT_FALSE(client.stream->on_frame(handshake("c")));
  EXPECT_TRUE(next<ConnectResponse>(client).blocked);
  EXPECT_EQ(client.transport->ended.pop(), "the member is blocked here");
  EXPECT_EQ(link_of(), nullptr);
}

TEST_F(ClientLink, N3_AClientThatIsBlockedLaterIsTurnedAwayAtOnce) {
  Opened client = connect();
  link_of()->add_watched(watcher_, actor_of("c", "x"));
  EXPECT_EQ(read(client), "$client/c/x:actor.Watch");
  EXPECT_EQ(endpoints_shared_->blocks.block("c"), BlockList::OnBlock::blocked);
  link_of()->on_blocked("c");
  test::expect_next(*diary_, {"terminated $client/c/x address_terminated"});
  EXPECT_EQ(client.transport->ended.pop(), "the member is blocked here");
  EXPECT_FALSE(client.stream->on_frame(batch("late", 0)));
  EXPECT_EQ(link_of(), nullptr);
}

// Limits.

TEST_F(ClientLink, ClientsCountAsPeersAndOneMoreIsRefused) {
  std::vector<Opened> clients;
  for (std::size_t i = 0; i < kPeerCountMax; ++i) clients.push_back(connect(std::to_string(i)));
  for (int i = 0; i < 100; ++i) {
    Opened refused = accept();
    EXPECT_FALSE(refused.stream->on_frame(handshake("more" + std::to_string(i))));
    EXPECT_TRUE(refused.transport->ended.pop()->ends_with("remote.peer_count_max allows"));
  }
  EXPECT_EQ(endpoints_.all().size(), kPeerCountMax);
  EXPECT_EQ(endpoints_.endpoint("peer:1"), nullptr) << "nor may a node";
  end(clients[1]);
  EXPECT_EQ(endpoints_.all().size(), kPeerCountMax - 1);
  (void)connect("late");
}

TEST_F(ClientLink, MessagesMakeNoLinkToAClientThatIsNotThere) {
  EXPECT_EQ(endpoints_.endpoint("$client/c"), nullptr);
  EXPECT_EQ(dialer_->dial_count(), 0);
}

TEST_F(ClientLink, B2_WhatWaitsIsLimited) {
  Opened client = connect();
  send("written");
  for (const char* data : {"a", "b", "c", "too much"}) send(data);
  EXPECT_EQ(dead_letter_count(DeadLetterReason::link_queue_full), 1u);
  EXPECT_EQ(read(client), "$client/c/x:written");
  EXPECT_EQ(read(client), "$client/c/x:a $client/c/x:b $client/c/x:c");
}

TEST_F(ClientLink, L5_AClientThatDoesNotReadWhatCannotBeRefusedIsGone) {
  Opened client = connect();
  send("never read");
  for (int i = 0; i < 7; ++i) {
    link_of()->send(actor_of("c", "x"), core::make_envelope(core::PoisonPill{}), core::Lane::user);
  }
  EXPECT_EQ(endpoints_.metrics().overrun_count.sum(), 1u);
  EXPECT_EQ(dead_letter_count(DeadLetterReason::link_queue_full), 1u);
  EXPECT_EQ(dead_letter_count(DeadLetterReason::link_down), 6u);
  EXPECT_TRUE(test::eventually([&] { return client.transport->cancelled.load(); }));
  client.transport->pending.store(false);
  client.stream->on_written(false);
  EXPECT_EQ(client.transport->ended.pop(), "this node takes the member for gone; connect again");
  EXPECT_EQ(link_of(), nullptr);
}

// Messages.

TEST_F(ClientLink, N5_NothingIsWrittenBeforeTheAnswerAndThenInOrder) {
  Opened client = open_client();
  send("a");
  send("b");
  EXPECT_FALSE(link_of()->is_connected());
  EXPECT_EQ(next<ConnectResponse>(client).member_id, "self");
  EXPECT_EQ(read(client), "$client/c/x:a $client/c/x:b");
  send("c");
  EXPECT_EQ(read(client), "$client/c/x:c");
  const LinkStats stats = link_of()->stats();
  EXPECT_EQ(stats.address, "$client/c");
  EXPECT_EQ(stats.member_id, "c");
  EXPECT_EQ(stats.sent_message_count, 3u);
  EXPECT_EQ(endpoints_.metrics().connect_count.sum(), 1u);
}

TEST_F(ClientLink, EachFormOfASenderIsTheSameActor) {
  Opened client = connect();
  test::Queue<Pid> senders;
  (void)system_.spawn_named(core::props_of([&](core::Context& context) {
                              if (context.message<core::Payload>() == nullptr) return;
                              senders.push(context.sender());
                            }),
                            "asked");
  const Pid asked = Pid::of_name("here:1", "asked");
  for (const Pid& sender :
       {Pid::of_name("dialled:1", "$client/c/x"), Pid::of_name("here:1", "$client/c/x"),
        Pid::of_name("$client/c", "x"), Pid::of_name("", "x")}) {
    EXPECT_TRUE(client.stream->on_frame(batch_of("some.T", "d", asked, sender)));
    EXPECT_EQ(senders.pop(), actor_of("c", "x")) << sender.to_string();
  }
  const Pid other = Pid::of_name("dialled:1", "$client/d/x");
  EXPECT_TRUE(client.stream->on_frame(batch_of("some.T", "d", asked, other)));
  EXPECT_EQ(senders.pop(), other) << "of another node, for all that this one knows";
}

TEST_F(ClientLink, L2_WhatWaitsAtTheEndIsADeadLetterAndWhatIsBeingWrittenIsInDoubt) {
  Opened client = connect();
  for (const char* data : {"written", "waits", "waits too"}) send(data);
  const auto link = link_of();
  end(client);
  EXPECT_EQ(link_of(), link) << "gRPC has not said what became of the write";
  client.transport->pending.store(false);
  client.stream->on_written(false);
  EXPECT_EQ(link_of(), nullptr);
  EXPECT_EQ(dead_letter_count(DeadLetterReason::link_lost_in_doubt), 1u);
  EXPECT_EQ(dead_letter_count(DeadLetterReason::link_down), 2u);
  EXPECT_FALSE(link->is_connected());
}

TEST_F(ClientLink, ABatchThatTheStreamHasTakenIsWrittenBeforeItEnds) {
  Opened client = open_client();
  BatchEncoder encoder;
  encoder.begin(Dialect::strings);
  ASSERT_TRUE(encoder.try_add({.type_name = "some.T", .target = actor_of("c", "x"), .sender = {}},
                              "taken"));
  const auto frame =
      std::make_shared<const OutgoingFrame>(encoder.take(), 1, core::Lane::user, Dialect::strings);
  // As the link does, which is told what became of each.
  EXPECT_TRUE(client.stream->write(frame, 0));
  end(client);
  EXPECT_FALSE(client.stream->write(frame, 0));
  (void)client.transport->frames.pop();
  client.transport->pending.store(false);
  client.stream->on_written(false);
  EXPECT_EQ(client.transport->frames.size(), 1u);
  EXPECT_EQ(client.transport->ended.size(), 0u);
}

TEST_F(ClientLink, AClientThatEndsBeforeItWasAnsweredLeavesNothing) {
  Opened client = open_client();
  send("a");
  end(client);
  client.transport->pending.store(false);
  client.stream->on_written(false);
  EXPECT_EQ(dead_letter_count(DeadLetterReason::link_down), 1u);
  EXPECT_EQ(link_of(), nullptr);
}

TEST_F(ClientLink, N6_AStreamThatEndsDoesNotWaitLongForAPeerThatDoesNotRead) {
  Opened client = connect();
  send("never read");
  end(client);
  EXPECT_TRUE(test::eventually([&] { return client.transport->cancelled.load(); }));
  client.transport->pending.store(false);
  client.stream->on_written(false);
  EXPECT_EQ(client.transport->ended.pop(), "the stream has ended");
}

// Watches.

TEST_F(ClientLink, L3_OurWatchersAreToldOnceWhenTheStreamEnds) {
  Opened client = connect();
  link_of()->add_watched(watcher_, actor_of("c", "x"));
  link_of()->add_watched(watcher_, actor_of("c", "y"));
  EXPECT_EQ(read(client), "$client/c/x:actor.Watch");
  EXPECT_EQ(read(client), "$client/c/y:actor.Watch");
  // As .NET says it: by the address that the client gives itself.
  EXPECT_TRUE(client.stream->on_frame(
      batch_of(core::Terminated{Pid::of_name("$client/c", "x"), core::TerminatedReason::stopped},
               watcher_)));
  test::expect_next(*diary_, {"terminated $client/c/x stopped"});
  end(client);
  test::expect_next(*diary_, {"terminated $client/c/y address_terminated"});
  expect_no_more();
}

TEST_F(ClientLink, L3_AWatchOfAnotherClientsActorIsNotEndedByThisOne) {
  Opened client = connect("c");
  Opened other = connect("d");
  link_of("d")->add_watched(watcher_, actor_of("d", "x"));
  EXPECT_EQ(read(other), "$client/d/x:actor.Watch");
  EXPECT_TRUE(client.stream->on_frame(
      batch_of(core::Terminated{Pid::of_name("$client/d", "x"), core::TerminatedReason::stopped},
               watcher_)));
  end(client);
  expect_no_more();
  end(other);
  test::expect_next(*diary_, {"terminated $client/d/x address_terminated"});
}

TEST_F(ClientLink, AWatchOfTheClientsIsForgottenWhenItsStreamEnds) {
  Opened client = connect();
  const auto watch = [&](Opened& from) {
    return from.stream->on_frame(batch_of(core::Watch{Pid::of_name("$client/c", "w")}, watcher_));
  };
  EXPECT_TRUE(watch(client));
  EXPECT_TRUE(test::eventually([&] { return watcher_.cell()->watcher_count() == 1; }));
  EXPECT_EQ(link_of()->stats().inbound_watch_count, 1u);
  end(client);
  EXPECT_TRUE(test::eventually([&] { return watcher_.cell()->watcher_count() == 0; }));
  // One that comes for a client which is gone is none.
  Opened other = connect("d");
  EXPECT_TRUE(watch(other));
  system_.in_turn(watcher_, [](core::Context&) {});
  EXPECT_EQ(watcher_.cell()->watcher_count(), 0u);
}

TEST_F(ClientLink, ARequestToAClientFailsWhenItsStreamEnds) {
  Opened client = connect();
  test::Queue<core::Answer> answers;
  (void)system_->futures().open(
      system_->clock().now() + test::kPatience,
      [&](core::Answer answer) { answers.push(std::move(answer)); }, false, actor_of("c", "x"));
  end(client);
  const auto answer = answers.pop();
  EXPECT_EQ(answer->outcome, core::Answer::Outcome::link_failed);
  EXPECT_EQ(answer->detail, "peer disconnected");
}

// The same client on another stream.

TEST_F(ClientLink, N5_ALaterStreamOfAClientReplacesTheOneBefore) {
  Opened first = connect();
  link_of()->add_watched(watcher_, actor_of("c", "x"));
  EXPECT_EQ(read(first), "$client/c/x:actor.Watch");
  send("written");
  send("waits");
  const auto former = link_of();
  Opened second = connect();
  test::expect_next(*diary_, {"terminated $client/c/x address_terminated"});
  EXPECT_NE(link_of(), former);
  EXPECT_EQ(dead_letter_count(DeadLetterReason::link_down), 1u);
  send("to the second");
  EXPECT_EQ(read(second), "$client/c/x:to the second");
  EXPECT_EQ(read(first), "$client/c/x:written");
  EXPECT_EQ(first.transport->ended.pop(), "the client is connected on another stream now");
  EXPECT_TRUE(first.stream->on_frame(batch("late", 0)));
  EXPECT_EQ(dead_letter_count(DeadLetterReason::sender_gone), 1u);
  EXPECT_TRUE(link_of()->is_connected()) << "the end of the first is none of the second";
}

TEST_F(ClientLink, AnotherIdIsAnotherClient) {
  Opened first = connect("c");
  Opened second = connect("d");
  send("a", "c");
  send("b", "d");
  EXPECT_EQ(read(first), "$client/c/x:a");
  EXPECT_EQ(read(second), "$client/d/x:b");
}

// Does something in the middle of a batch, on the thread that delivers it.
class Hook final : public core::Process {
 public:
  void deliver(const Pid&, core::EnvelopePtr, core::Lane) override {
    if (const auto run = std::exchange(next, nullptr)) run();
  }
  const std::string& address() const override { return address_; }
  const std::string& id() const override { return id_; }
  std::function<void()> next;

 private:
  const std::string address_ = "here:1";
  const std::string id_ = "hook";
};

TEST_F(ClientLink, N5_TheLaterStreamIsAnsweredWhenTheEndOfTheFormerWasTold) {
  Hook hook;
  ASSERT_TRUE(system_->registry().add("hook", Pid::of_process(hook)));
  Opened first = connect();
  link_of()->add_watched(watcher_, actor_of("c", "x"));
  EXPECT_EQ(read(first), "$client/c/x:actor.Watch");
  std::optional<Opened> second;
  hook.next = [&] {
    second = open_client();
    EXPECT_EQ(second->transport->frames.size(), 0u);
    EXPECT_FALSE(second->stream->on_frame(batch("too early", 0)));
  };
  BatchEncoder encoder;
  encoder.begin(Dialect::strings);
  for (const char* target : {"hook", "watcher"}) {
    EXPECT_TRUE(encoder.try_add(
        {.type_name = "some.T", .target = Pid::of_name("here:1", target), .sender = {}}, "d"));
  }
  EXPECT_TRUE(first.stream->on_frame(encoder.finish()));
  test::expect_next(*diary_, {"nexus::core::Payload", "terminated $client/c/x address_terminated"});
  EXPECT_EQ(second->transport->ended.pop(), "a batch came before the ConnectResponse");
  system_->registry().remove("hook", Pid::of_process(hook));
}

TEST_F(ClientLink, OneThatShowsAnotherCertificateDoesNotReplaceIt) {
  const auto open_with = [&](const std::string& name) {
    Opened client{.transport = std::make_shared<FakeTransport>(), .stream = nullptr};
    client.stream = std::make_shared<InboundStream>(
        shared_,
        InboundStream::Origin{.from = "ipv4:1.2.3.4:5", .certified_names = {"DNS:" + name}},
        client.transport);
    return client;
  };
  Opened first = open_with("one");
  EXPECT_TRUE(first.stream->on_frame(handshake("c")));
  EXPECT_EQ(next<ConnectResponse>(first).member_id, "self");
  Opened thief = open_with("two");
  EXPECT_FALSE(thief.stream->on_frame(handshake("c")));
  EXPECT_EQ(thief.transport->ended.pop(), "this client is connected with a certificate for others");
  EXPECT_TRUE(link_of()->is_connected());
  Opened again = open_with("one");
  EXPECT_TRUE(again.stream->on_frame(handshake("c")));
  EXPECT_EQ(first.transport->ended.pop(), "the client is connected on another stream now");
}

// The node ends.

TEST_F(ClientLink, AGoodbyeComesBehindWhatIsBeingWritten) {
  Opened client = connect();
  send("a");
  std::thread closing(
      [&] { EXPECT_TRUE(endpoints_.close(system_->clock().now() + test::kPatience)); });
  EXPECT_EQ(read(client), "$client/c/x:a");
  closing.join();
  (void)next<DisconnectRequest>(client);
  EXPECT_EQ(client.transport->ended.pop(), "the node is shutting down");
}

// Streams of one client come, replace each other and end, while another thread uses whatever link there is.
class ClientLinkChurn : public ClientLink {
 protected:
  // Until the last stream has ended.
  void churn(const std::function<void(Endpoint&, int)>& use) {
    constexpr int kRoundCount = 500;
    std::atomic<bool> done{false};
    std::thread user([&] {
      for (int i = 0; !done.load(); ++i) {
        if (const auto link = link_of()) use(*link, i);
      }
    });
    std::vector<Opened> clients;
    for (int i = 0; i < kRoundCount; ++i) {
      clients.push_back(open_client());
      end_writes(clients.back(), true);
      if (i > 0) end_writes(clients[clients.size() - 2], i % 2 == 0);
      if (i % 3 == 0) end(clients.back());
      end_writes(clients.back(), i % 2 == 0);
    }
    end(clients.back());
    done.store(true);
    user.join();
    // The user may have been about to write for long.
    for (Opened& client : clients) end_writes(client, true);
    EXPECT_TRUE(endpoints_.all().empty());
  }
  // Those that are pending, and some that begin meanwhile.
  static void end_writes(Opened& client, bool ok) {
    for (int i = 0; i < 20 && client.transport->ended.size() == 0; ++i) {
      if (client.transport->pending.exchange(false)) client.stream->on_written(ok);
    }
  }
};

TEST_F(ClientLinkChurn, L3_EachWatchEndsInOneTerminated) {
  int watched_count = 0;
  churn([&](Endpoint& link, int i) {
    link.add_watched(watcher_, actor_of("c", std::to_string(i)));
    ++watched_count;
  });
  int told_count = 0;
  (void)system_->send(watcher_, test::Done{});
  for (auto line = diary_->pop(); line && *line != "done"; line = diary_->pop()) ++told_count;
  EXPECT_EQ(told_count, watched_count);
}

TEST_F(ClientLinkChurn, L2_EachMessageIsWrittenOrADeadLetter) {
  std::uint64_t sent_count = 0;
  churn([&](Endpoint& link, int) {
    WireMessage message;
    message.target = actor_of("c", "x");
    message.type_name = "some.T";
    send_message(link, message);
    ++sent_count;
  });
  EXPECT_EQ(endpoints_.metrics().sent_message_count.sum() + system_->dead_letters().link_count(),
            sent_count);
}

}  // namespace
}  // namespace nexus::remote
