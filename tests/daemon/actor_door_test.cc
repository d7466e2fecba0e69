#include "daemon/actor_door.h"

#include <gtest/gtest.h>

#include "core/actor/context.h"
#include "daemon/builtin_kinds.h"
#include "nexus/v1/types.pb.h"
#include "remote/wire_message.h"
#include "tests/support/wait.h"

namespace nexus::daemon {
namespace {

using core::Errc;
using core::Error;
using std::chrono::milliseconds;

class Thrower final : public core::Actor {
 public:
  void receive(core::Context& context) override {
    if (context.message<core::Payload>() != nullptr) throw std::runtime_error("on purpose");
  }
};

// Holds its worker until the test opens the gate.
class Stuck final : public core::Actor {
 public:
  explicit Stuck(std::shared_ptr<test::Gate> gate) : gate_(std::move(gate)) {}
  void receive(core::Context& context) override {
    if (context.message<core::Payload>() != nullptr) gate_->wait();
  }

 private:
  const std::shared_ptr<test::Gate> gate_;
};

core::ActorSystem::Options at_address() {
  core::ActorSystem::Options options;
  options.address = "127.0.0.1:7999";
  options.worker_count = 2;
  return options;
}

class ActorDoorTest : public testing::Test {
 protected:
  ActorDoorTest() {
    add_builtin_kinds(kinds_);
    kinds_.add("thrower", core::props<Thrower>(), "");
    kinds_.add("stuck", core::props<Stuck>(gate_), "");
    kinds_.add("off", core::props<Thrower>(), "");
    config_.kinds["off"].enabled = false;
    config_.kinds["stuck"].mailbox_user_count_max = 2;
    config_.remote.message_bytes_max = 1000;
    door_.emplace(system_, kinds_, config_, [this](const std::string&) { return has_link_; });
  }
  ~ActorDoorTest() override {
    gate_->open();
    // Calls that are still open end before the door goes.
    system_.shutdown(std::chrono::seconds(5));
  }

  core::Pid spawn(const std::string& kind, const std::string& id) {
    auto spawned = door_->spawn(kind, id, false);
    EXPECT_TRUE(spawned.ok());
    return spawned->pid;
  }
  core::Pid parse(const std::string& text) { return *door_->parse(text); }

  core::Result<ActorDoor::Message> ask(const core::Pid& target, core::Payload payload,
                                       core::Duration budget = milliseconds(2000)) {
    test::Queue<core::Result<ActorDoor::Message>> answers;
    door_->ask(target, {std::move(payload), headers_}, budget,
               [&](core::Result<ActorDoor::Message> answer) { answers.push(std::move(answer)); });
    auto answer = answers.pop();
    CHECK(answer.has_value());
    return std::move(*answer);
  }
  core::Result<std::uint32_t> tell(const core::Pid& target, std::vector<core::Payload> payloads) {
    test::Queue<core::Result<std::uint32_t>> answers;
    door_->tell(target, std::move(payloads), headers_, ActorDoor::Ack::enqueued, milliseconds(2000),
                [&](core::Result<std::uint32_t> answer) { answers.push(std::move(answer)); });
    auto answer = answers.pop();
    CHECK(answer.has_value());
    return std::move(*answer);
  }
  core::Result<core::Nothing> stop(const core::Pid& target, ActorDoor::StopOptions options = {},
                                   core::Duration budget = milliseconds(2000)) {
    test::Queue<core::Result<core::Nothing>> answers;
    door_->stop(target, options, budget,
                [&](core::Result<core::Nothing> answer) { answers.push(std::move(answer)); });
    auto answer = answers.pop();
    CHECK(answer.has_value());
    return std::move(*answer);
  }
  static core::Payload add(int amount) {
    return core::Payload::json("{\"add\":" + std::to_string(amount) + "}");
  }

  std::shared_ptr<test::Gate> gate_ = std::make_shared<test::Gate>();
  // To all other nodes.
  bool has_link_ = true;
  // Of each ask and tell.
  core::Headers headers_;
  Kinds kinds_;
  NodeConfig config_;
  core::ActorSystem system_{at_address()};
  std::optional<ActorDoor> door_;
};

TEST_F(ActorDoorTest, ParsesFullPidsAndIdsOfThisNode) {
  EXPECT_EQ(parse("10.0.0.1:80/a/b").to_string(), "10.0.0.1:80/a/b");
  EXPECT_EQ(parse("a").to_string(), "127.0.0.1:7999/a");
  EXPECT_EQ(parse("/a/b").to_string(), "127.0.0.1:7999/a/b");
  EXPECT_EQ(parse("[::1]:80/a").to_string(), "[::1]:80/a");
}

TEST_F(ActorDoorTest, RefusesWhatIsNoPidAndSaysHowOneLooks) {
  for (const std::string& text :
       {std::string(), std::string("/"), std::string("host/a"), std::string("h:99999/a"),
        std::string("h:0/a"), std::string("h:80/"), std::string("a\nb"), std::string(2000, 'x')}) {
    const auto pid = door_->parse(text);
    ASSERT_FALSE(pid.ok()) << text;
    EXPECT_EQ(pid.error().reason, "INVALID_PID");
    EXPECT_NE(pid.error().detail.find("host:port/id"), std::string::npos);
  }
}

TEST_F(ActorDoorTest, AnAskIsAnsweredInTheFormatOfTheRequest) {
  const core::Pid counter = spawn("counter", "c");
  const auto json = ask(counter, add(5));
  ASSERT_TRUE(json.ok()) << json.error().detail;
  EXPECT_EQ(json->payload.data, R"({"value":"5"})");
  v1::CounterRequest request;
  request.set_add(2);
  const auto bytes = ask(
      counter, {"nexus.v1.CounterRequest", core::Payload::kProtobuf, request.SerializeAsString()});
  ASSERT_TRUE(bytes.ok());
  v1::CounterReply reply;
  ASSERT_TRUE(reply.ParseFromString(bytes->payload.data));
  EXPECT_EQ(reply.value(), 7);
}

TEST_F(ActorDoorTest, EchoGivesBackAnyPayload) {
  const auto answer = ask(spawn("echo", "e"), {"x.Y", "application/octet-stream", "bytes"});
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer->payload.type, "x.Y");
  EXPECT_EQ(answer->payload.data, "bytes");
}

TEST_F(ActorDoorTest, AMissingActorFailsAtOnce) {
  for (const auto& pid : {parse("nobody"), parse("$c1g9"), parse("127.0.0.1:7999/nobody")}) {
    EXPECT_EQ(ask(pid, add(1), std::chrono::hours(1)).error().reason, "ACTOR_NOT_FOUND");
    EXPECT_EQ(tell(pid, {add(1)}).error().reason, "ACTOR_NOT_FOUND");
    EXPECT_EQ(stop(pid).error().reason, "ACTOR_NOT_FOUND");
    EXPECT_EQ(door_->get(pid).error().reason, "ACTOR_NOT_FOUND");
    EXPECT_EQ(door_->watch(pid, [](core::TerminatedReason) {}).error().reason, "ACTOR_NOT_FOUND");
  }
}

TEST_F(ActorDoorTest, AStoppedActorIsAMissingOne) {
  const core::Pid counter = spawn("counter", "c");
  ASSERT_TRUE(stop(counter).ok());
  EXPECT_EQ(ask(counter, add(1)).error().reason, "ACTOR_NOT_FOUND");
  EXPECT_EQ(stop(counter).error().reason, "ACTOR_NOT_FOUND");
}

TEST_F(ActorDoorTest, AFailureInTheTurnIsToldWithItsReason) {
  const auto answer = ask(spawn("thrower", "t"), core::Payload::json("{}"));
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().code, Errc::internal);
  EXPECT_EQ(answer.error().reason, "ACTOR_FAILED");
  EXPECT_NE(answer.error().detail.find("on purpose"), std::string::npos);
}

TEST_F(ActorDoorTest, ADeadlineSaysWhetherTheMessageWasRunningOrQueued) {
  const core::Pid stuck = spawn("stuck", "s");
  // Time enough for its turn to begin, also on a busy machine.
  const auto running = ask(stuck, core::Payload::json("{}"), milliseconds(1500));
  ASSERT_FALSE(running.ok());
  EXPECT_EQ(running.error().code, Errc::deadline_exceeded);
  EXPECT_EQ(running.error().metadata.at("stage"), "running");
  const auto queued = ask(stuck, core::Payload::json("{}"), milliseconds(300));
  ASSERT_FALSE(queued.ok());
  EXPECT_EQ(queued.error().metadata.at("stage"), "queued");
}

// What goes to another node stays on its way.
class SilentRoute final : public core::ForeignRoute {
 public:
  explicit SilentRoute(core::ActorSystem& system) : system_(system) {
    system_.registry().set_foreign_route(this);
  }
  ~SilentRoute() { system_.registry().set_foreign_route(nullptr); }
  void deliver_foreign(const core::Pid&, core::EnvelopePtr, core::Lane) override {}

 private:
  core::ActorSystem& system_;
};

TEST_F(ActorDoorTest, ADeadlineWithoutALinkIsNoBusyActorButAnUnreachableNode) {
  const SilentRoute route(system_);
  const core::Pid foreign = parse("127.0.0.1:1/x");
  has_link_ = false;
  for (const Error& error : {ask(foreign, add(1), milliseconds(20)).error(),
                             stop(foreign, {}, milliseconds(20)).error()}) {
    EXPECT_EQ(error.code, Errc::unavailable);
    EXPECT_EQ(error.reason, "NODE_UNREACHABLE");
    EXPECT_EQ(error.detail, "the node of 127.0.0.1:1/x cannot be reached (no link within 20 ms)");
  }
  has_link_ = true;
  EXPECT_EQ(ask(foreign, add(1), milliseconds(20)).error().reason, "ASK_TIMEOUT");
  EXPECT_EQ(stop(foreign, {}, milliseconds(20)).error().reason, "STOP_TIMEOUT");
}

TEST_F(ActorDoorTest, AFullMailboxRefusesAndSaysHowManyWereTaken) {
  const core::Pid stuck = spawn("stuck", "s");
  ASSERT_TRUE(tell(stuck, {core::Payload::json("{}")}).ok());
  ASSERT_TRUE(test::eventually([&] { return stuck.cell()->processed_count() == 1; }))
      << "not in its turn";
  const auto told = tell(stuck, std::vector<core::Payload>(10, core::Payload::json("{}")));
  ASSERT_FALSE(told.ok());
  EXPECT_EQ(told.error().code, Errc::resource_exhausted);
  EXPECT_EQ(told.error().reason, "MAILBOX_FULL");
  EXPECT_EQ(told.error().metadata.at("accepted"), "2");
  EXPECT_EQ(ask(stuck, core::Payload::json("{}")).error().reason, "MAILBOX_FULL");
}

TEST_F(ActorDoorTest, ATellIsCheckedBeforeItIsSent) {
  const core::Pid counter = spawn("counter", "c");
  EXPECT_EQ(tell(counter, {add(1), core::Payload::json("nonsense")}).error().reason,
            "INVALID_PAYLOAD");
  EXPECT_EQ(ask(counter, add(0))->payload.data, R"({"value":"0"})")
      << "nothing of a bad tell is sent";
  EXPECT_EQ(*tell(counter, {add(1), add(2), add(3)}), 3u);
  EXPECT_EQ(ask(counter, add(0))->payload.data, R"({"value":"6"})");
}

TEST_F(ActorDoorTest, AMessageOverTheLimitIsRefusedWithTheLimit) {
  const core::Pid echo = spawn("echo", "e");
  EXPECT_TRUE(ask(echo, core::Payload::json(std::string(1000, ' '))).ok());
  const auto answer = ask(echo, core::Payload::json(std::string(1001, ' ')));
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().reason, "MESSAGE_TOO_LARGE");
  EXPECT_EQ(answer.error().metadata.at("limit"), "1000");
}

TEST_F(ActorDoorTest, HeadersCountAsTheMessageDoes) {
  const core::Pid echo = spawn("echo", "e");
  headers_ = {{"key", std::string(433, 'h')}};
  const std::size_t bytes = remote::headers_bytes(headers_);
  ASSERT_EQ(bytes, 500u);
  EXPECT_TRUE(ask(echo, core::Payload::json(std::string(500, ' '))).ok());
  EXPECT_TRUE(tell(echo, {core::Payload::json(std::string(500, ' '))}).ok());
  for (const auto& refused : {ask(echo, core::Payload::json(std::string(501, ' '))).error(),
                              tell(echo, {core::Payload::json(std::string(501, ' '))}).error()}) {
    EXPECT_EQ(refused.reason, "MESSAGE_TOO_LARGE");
    EXPECT_PRED_FORMAT2(testing::IsSubstring, "501 bytes and its headers 500", refused.detail);
  }
}

TEST_F(ActorDoorTest, TheHeadersOfATellCountOncePerMessage) {
  const core::Pid echo = spawn("echo", "e");
  headers_ = {{"key", std::string(433, 'h')}};
  EXPECT_TRUE(tell(echo, {add(1), add(1)}).ok());
  const auto told = tell(echo, {add(1), add(1), add(1)});
  ASSERT_FALSE(told.ok());
  EXPECT_EQ(told.error().code, Errc::invalid_argument);
  EXPECT_EQ(told.error().reason, "MESSAGE_TOO_LARGE");
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "headers of 500 bytes in each of 3 messages",
                      told.error().detail);
}

TEST_F(ActorDoorTest, TheNamesInAPayloadAreShort) {
  const core::Pid echo = spawn("echo", "e");
  const std::string longest(512, 'n');
  EXPECT_TRUE(ask(echo, {longest, longest, "{}"}).ok());
  EXPECT_EQ(ask(echo, {longest + "n", "", "{}"}).error().reason, "INVALID_REQUEST");
  EXPECT_EQ(tell(echo, {{"", longest + "n", "{}"}}).error().reason, "INVALID_REQUEST");
}

TEST_F(ActorDoorTest, SpawnErrorsNameWhatIsWrong) {
  const auto unknown = door_->spawn("countr", "", false);
  ASSERT_FALSE(unknown.ok());
  EXPECT_EQ(unknown.error().reason, "KIND_UNKNOWN");
  EXPECT_EQ(unknown.error().metadata.at("nearest"), "counter");
  EXPECT_EQ(door_->spawn("off", "", false).error().reason, "KIND_UNKNOWN")
      << "disabled by configuration";
  EXPECT_EQ(door_->spawn("echo", "a/b", false).error().reason, "INVALID_ID");
  EXPECT_EQ(door_->spawn("echo", "$a", false).error().reason, "INVALID_ID");
  EXPECT_EQ(door_->spawn("echo", std::string(257, 'x'), false).error().reason, "INVALID_ID");
  spawn("echo", "taken");
  EXPECT_EQ(door_->spawn("echo", "taken", false).error().reason, "ACTOR_EXISTS");
  const auto existing = door_->spawn("echo", "taken", true);
  ASSERT_TRUE(existing.ok());
  EXPECT_FALSE(existing->created);
}

TEST_F(ActorDoorTest, StopWaitsUntilTheActorHasStopped) {
  const core::Pid counter = spawn("counter", "c");
  ASSERT_TRUE(stop(counter).ok());
  EXPECT_TRUE(door_->spawn("counter", "c", false).ok()) << "the name is free again";
}

TEST_F(ActorDoorTest, StopOfAnActorThatDoesNotStopEndsWithATimeout) {
  const core::Pid stuck = spawn("stuck", "s");
  ASSERT_TRUE(tell(stuck, {core::Payload::json("{}")}).ok());
  const auto stopped = stop(stuck, {.now = true}, milliseconds(50));
  ASSERT_FALSE(stopped.ok());
  EXPECT_EQ(stopped.error().reason, "STOP_TIMEOUT");
}

TEST_F(ActorDoorTest, TheNodesOwnActorsCannotBeStopped) {
  auto props = core::props_of([](core::Context&) {});
  props.system = true;
  ASSERT_TRUE(system_.spawn_system(core::share(props), "activator").ok());
  EXPECT_EQ(stop(parse("activator")).error().reason, "SYSTEM_ACTOR");
}

TEST_F(ActorDoorTest, AWatchReportsTheEndOnce) {
  const core::Pid counter = spawn("counter", "c");
  test::Queue<core::TerminatedReason> ends;
  ASSERT_TRUE(door_->watch(counter, [&](core::TerminatedReason why) { ends.push(why); }).ok());
  ASSERT_TRUE(stop(counter).ok());
  EXPECT_EQ(ends.pop(), core::TerminatedReason::stopped);
}

TEST_F(ActorDoorTest, ListsByIdInPages) {
  for (const char* id : {"b", "d", "a", "c"}) spawn("echo", id);
  spawn("counter", "bb");
  const auto first =
      *door_->list({.kind = "echo", .id_prefix = {}, .count_max = 3, .after_id = {}});
  ASSERT_EQ(first.actors.size(), 3u);
  EXPECT_EQ(first.actors[0].pid, "127.0.0.1:7999/a");
  EXPECT_EQ(first.last_id, "c");
  const auto second =
      *door_->list({.kind = "echo", .id_prefix = {}, .count_max = 3, .after_id = first.last_id});
  ASSERT_EQ(second.actors.size(), 1u);
  EXPECT_EQ(second.actors[0].pid, "127.0.0.1:7999/d");
  EXPECT_TRUE(second.last_id.empty());
  EXPECT_EQ(door_->list({.kind = {}, .id_prefix = "b", .after_id = {}})->actors.size(), 2u);
}

TEST_F(ActorDoorTest, KindsShowHowManyActorsLive) {
  spawn("echo", "a");
  spawn("echo", "b");
  const auto kinds = door_->kinds();
  ASSERT_TRUE(kinds.ok());
  for (const KindView& kind : *kinds) {
    EXPECT_NE(kind.name, "off");
    if (kind.name == "echo") {
      EXPECT_EQ(kind.actor_count, 2u);
    }
  }
}

TEST_F(ActorDoorTest, ADrainingNodeRefusesNewCalls) {
  const core::Pid counter = spawn("counter", "c");
  door_->drain();
  EXPECT_EQ(ask(counter, add(1)).error().reason, "DRAINING");
  EXPECT_EQ(tell(counter, {add(1)}).error().reason, "DRAINING");
  EXPECT_EQ(stop(counter).error().reason, "DRAINING");
  EXPECT_EQ(door_->spawn("echo", "", false).error().reason, "DRAINING");
  EXPECT_EQ(door_->get(counter).error().reason, "DRAINING");
  EXPECT_EQ(door_->watch(counter, [](core::TerminatedReason) {}).error().reason, "DRAINING");
  const auto listed = door_->list({});
  ASSERT_FALSE(listed.ok());
  EXPECT_EQ(listed.error().reason, "DRAINING");
  const auto kinds = door_->kinds();
  ASSERT_FALSE(kinds.ok());
  EXPECT_EQ(kinds.error().reason, "DRAINING");
}

TEST_F(ActorDoorTest, TheBudgetLeavesTimeForTheAnswerToGetBack) {
  EXPECT_EQ(door_->budget(std::nullopt), config_.core.ask_timeout_default);
  EXPECT_EQ(door_->budget(milliseconds(100)), milliseconds(90));
  EXPECT_EQ(door_->budget(std::chrono::seconds(10)), milliseconds(9750));
  EXPECT_EQ(door_->budget(std::chrono::hours(24)), config_.core.ask_timeout_max);
  EXPECT_EQ(door_->budget(milliseconds(-5)), milliseconds(1));
}

}  // namespace
}  // namespace nexus::daemon
