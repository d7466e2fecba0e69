// Watches between two and three nodes over loopback: each ends in one Terminated, with the right reason.
#include <gtest/gtest.h>

#include <future>
#include <utility>

#include "core/actor/messages.h"
#include "nexus/v1/types.pb.h"
#include "remote/activation_messages.h"
#include "remote/remote_spawn.h"
#include "tests/remote/remote_node.h"

namespace nexus::remote {
namespace {

using core::Answer;
using std::chrono::milliseconds;
using test::eventually;

class RemoteWatch : public testing::Test {
 protected:
  // By patience alone nobody is told within a test, except where a test says so.
  static constexpr core::Duration kShort = milliseconds(500);
  static RemoteNode::Settings settings(char id,
                                       core::Duration unreachable_after = std::chrono::hours(1)) {
    RemoteNode::Settings settings;
    settings.member_id = std::string(32, id);
    settings.remote.reconnect_min = milliseconds(5);
    settings.remote.reconnect_max = milliseconds(20);
    settings.remote.unreachable_after = unreachable_after;
    return settings;
  }

  // A watcher on `node`, started.
  struct Watcher {
    std::shared_ptr<test::Diary> diary = std::make_shared<test::Diary>();
    core::Pid pid;
  };
  static Watcher watcher_on(RemoteNode& node) {
    Watcher watcher;
    watcher.pid = node.spawn(test::steered(watcher.diary));
    test::expect_next(*watcher.diary, {"started"});
    return watcher;
  }
  static void in_turn(RemoteNode& node, const core::Pid& actor,
                      std::function<void(core::Context&)> task) {
    const auto done = std::make_shared<test::Gate>();
    (void)node->send(actor, test::Do{[task = std::move(task), done](core::Context& context) {
                       task(context);
                       done->open();
                     }});
    EXPECT_TRUE(done->wait());
  }
  static void watch(RemoteNode& node, const Watcher& watcher, const core::Pid& target) {
    in_turn(node, watcher.pid, [&](core::Context& context) { context.watch(target); });
  }
  static void unwatch(RemoteNode& node, const Watcher& watcher, const core::Pid& target) {
    in_turn(node, watcher.pid, [&](core::Context& context) { context.unwatch(target); });
  }
  // Whatever was on its way to the watcher before has come; nothing of it is left in the diary.
  static void expect_no_more(RemoteNode& node, const Watcher& watcher) {
    (void)node->send(watcher.pid, test::Done{});
    test::expect_next(*watcher.diary, {"done"});
  }
  static core::Pid spawn_watchee(RemoteNode& node, const std::string& name) {
    return node.spawn(test::steered(std::make_shared<test::Diary>()), name);
  }
  static void await_watchers(const core::Pid& actor, std::uint32_t count) {
    EXPECT_TRUE(eventually([&] { return actor.cell()->watcher_count() == count; }))
        << actor.cell()->watcher_count();
  }

  RemoteNode a_{settings('a')};
  std::unique_ptr<RemoteNode> b_ = std::make_unique<RemoteNode>(settings('b'));
};

TEST_F(RemoteWatch, L3_AStoppedActorIsToldAsStopped) {
  const Watcher watcher = watcher_on(a_);
  const core::Pid actor = spawn_watchee(*b_, "x");
  watch(a_, watcher, b_->pid("x"));
  await_watchers(actor, 1);
  (*b_)->stop(actor);
  test::expect_next(*watcher.diary, {"terminated x stopped"});
  b_->stop();
  expect_no_more(a_, watcher);
}

TEST_F(RemoteWatch, L3_AnActorThatIsNotThereIsToldAsNotFound) {
  const Watcher watcher = watcher_on(a_);
  watch(a_, watcher, b_->pid("nobody"));
  test::expect_next(*watcher.diary, {"terminated nobody not_found"});
  watch(a_, watcher, b_->pid("nobody"));
  test::expect_next(*watcher.diary, {"terminated nobody not_found"});
}

TEST_F(RemoteWatch, L3_ACrashedNodeIsToldAsAddressTerminated) {
  RemoteNode c(settings('c', kShort));
  const Watcher watcher = watcher_on(c);
  const core::Pid actor = spawn_watchee(*b_, "x");
  watch(c, watcher, b_->pid("x"));
  await_watchers(actor, 1);
  b_->crash();
  test::expect_next(*watcher.diary, {"terminated x address_terminated"});
  expect_no_more(c, watcher);
}

TEST_F(RemoteWatch, L3_ANodeThatNoLinkIsLeftForIsToldAsAddressTerminated) {
  auto small = settings('c');
  small.remote.peer_count_max = 1;
  RemoteNode c(std::move(small));
  const Watcher watcher = watcher_on(c);
  const core::Pid actor = spawn_watchee(*b_, "x");
  watch(c, watcher, b_->pid("x"));
  await_watchers(actor, 1);
  const core::Pid one_too_many = core::Pid::of_name(free_address(), "y");
  watch(c, watcher, one_too_many);
  test::expect_next(*watcher.diary, {"terminated y address_terminated"});
  c->stop(one_too_many);
  EXPECT_TRUE(
      eventually([&] { return c->dead_letters().count(core::DeadLetterReason::link_down) == 1; }));
  expect_no_more(c, watcher);
}

TEST_F(RemoteWatch, L3_ANodeThatWasNeverThereIsToldAsAddressTerminated) {
  RemoteNode c(settings('c', kShort));
  const Watcher watcher = watcher_on(c);
  watch(c, watcher, core::Pid::of_name(free_address(), "x"));
  test::expect_next(*watcher.diary, {"terminated x address_terminated"});
}

TEST_F(RemoteWatch, L3_TerminatedNeverOvertakesWhatTheActorSentBefore) {
  const Watcher watcher = watcher_on(a_);
  for (int round = 0; round < 20; ++round) {
    const std::string name = "x" + std::to_string(round);
    const core::Pid actor = spawn_watchee(*b_, name);
    watch(a_, watcher, b_->pid(name));
    await_watchers(actor, 1);
    (void)(*b_)->send(actor, test::Do{[target = a_.pid(watcher.pid.id())](core::Context& context) {
                        for (int i = 0; i < 200; ++i) context.send(target, v1::CounterRequest());
                        context.stop(context.self());
                      }});
    for (int i = 0; i < 200; ++i) test::expect_next(*watcher.diary, {"nexus.v1.CounterRequest"});
    test::expect_next(*watcher.diary, {"terminated " + name + " stopped"});
  }
}

TEST_F(RemoteWatch, L3_GoodbyeTellsTheWatchersAtOnce) {
  const Watcher watcher = watcher_on(a_);
  const core::Pid actor = spawn_watchee(*b_, "x");
  watch(a_, watcher, b_->pid("x"));
  await_watchers(actor, 1);
  EXPECT_TRUE(b_->stop());
  const auto told = watcher.diary->pop();
  // The actor's own end and the node's goodbye are on their way at once; one of them counts.
  EXPECT_TRUE(told == "terminated x stopped" || told == "terminated x address_terminated")
      << told.value_or("");
  expect_no_more(a_, watcher);
}

TEST_F(RemoteWatch, L3_ARestartOnTheSamePortIsANewIncarnation) {
  const Watcher watcher = watcher_on(a_);
  RemoteNode::Settings again = settings('d');
  again.address = b_->address();
  const core::Pid actor = spawn_watchee(*b_, "x");
  watch(a_, watcher, b_->pid("x"));
  await_watchers(actor, 1);
  b_->crash();
  b_ = std::make_unique<RemoteNode>(again);
  test::expect_next(*watcher.diary, {"terminated x address_terminated"});
  // The new one is reached under the old address, and watched on its own.
  const core::Pid second = spawn_watchee(*b_, "x");
  watch(a_, watcher, b_->pid("x"));
  await_watchers(second, 1);
  (*b_)->stop(second);
  test::expect_next(*watcher.diary, {"terminated x stopped"});
  expect_no_more(a_, watcher);
}

TEST_F(RemoteWatch, L3_AWatchSurvivesABrokenConnection) {
  const Watcher watcher = watcher_on(a_);
  const core::Pid actor = spawn_watchee(*b_, "x");
  const core::Pid other = spawn_watchee(*b_, "y");
  watch(a_, watcher, b_->pid("x"));
  watch(a_, watcher, b_->pid("y"));
  await_watchers(actor, 1);
  await_watchers(other, 1);
  b_->drop_connections();
  // Whether or not its Terminated finds the link up, the watcher is told.
  (*b_)->stop(actor);
  const auto told = watcher.diary->pop();
  EXPECT_TRUE(told == "terminated x stopped" || told == "terminated x not_found")
      << told.value_or("");
  (*b_)->stop(other);
  const auto told_too = watcher.diary->pop();
  EXPECT_TRUE(told_too == "terminated y stopped" || told_too == "terminated y not_found")
      << told_too.value_or("");
  expect_no_more(a_, watcher);
}

TEST_F(RemoteWatch, L3_EachOfTwoNodesThatWatchIsTold) {
  RemoteNode c(settings('c', kShort));
  const Watcher at_a = watcher_on(a_);
  const Watcher at_c = watcher_on(c);
  const core::Pid x = spawn_watchee(*b_, "x");
  const core::Pid y = spawn_watchee(*b_, "y");
  watch(a_, at_a, b_->pid("x"));
  watch(c, at_c, b_->pid("x"));
  watch(c, at_c, b_->pid("y"));
  await_watchers(x, 2);
  await_watchers(y, 1);
  (*b_)->stop(x);
  test::expect_next(*at_a.diary, {"terminated x stopped"});
  test::expect_next(*at_c.diary, {"terminated x stopped"});
  b_->crash();
  test::expect_next(*at_c.diary, {"terminated y address_terminated"});
  expect_no_more(a_, at_a);
  expect_no_more(c, at_c);
}

TEST_F(RemoteWatch, AnUnwatchReachesTheActor) {
  const Watcher watcher = watcher_on(a_);
  const core::Pid actor = spawn_watchee(*b_, "x");
  watch(a_, watcher, b_->pid("x"));
  await_watchers(actor, 1);
  unwatch(a_, watcher, b_->pid("x"));
  await_watchers(actor, 0);
  (*b_)->stop(actor);
  expect_no_more(a_, watcher);
}

TEST_F(RemoteWatch, AWatcherThatStopsIsForgottenByTheActor) {
  const Watcher watcher = watcher_on(a_);
  const core::Pid actor = spawn_watchee(*b_, "x");
  watch(a_, watcher, b_->pid("x"));
  await_watchers(actor, 1);
  a_->stop(watcher.pid);
  await_watchers(actor, 0);
}

TEST_F(RemoteWatch, WatchersOnANodeThatCrashedAreForgottenByTheActor) {
  b_ = std::make_unique<RemoteNode>(settings('b', kShort));
  const core::Pid actor = spawn_watchee(*b_, "x");
  RemoteNode c(settings('c'));
  const Watcher watcher = watcher_on(c);
  watch(c, watcher, b_->pid("x"));
  await_watchers(actor, 1);
  c.crash();
  await_watchers(actor, 0);
  EXPECT_TRUE(eventually([&] { return b_->remote().endpoints().find(c.address())->idle(); }));
}

TEST_F(RemoteWatch, WatchersOnANodeThatSaidGoodbyeAreForgottenByTheActor) {
  const core::Pid actor = spawn_watchee(*b_, "x");
  RemoteNode c(settings('c'));
  const Watcher watcher = watcher_on(c);
  watch(c, watcher, b_->pid("x"));
  await_watchers(actor, 1);
  (void)c.stop();
  await_watchers(actor, 0);
}

TEST_F(RemoteWatch, AWatcherThatStopsUnwatchesAllThatItWatched) {
  const Watcher watcher = watcher_on(a_);
  std::vector<core::Pid> actors;
  for (int i = 0; i < 20; ++i) {
    actors.push_back(spawn_watchee(*b_, "x" + std::to_string(i)));
    watch(a_, watcher, b_->pid("x" + std::to_string(i)));
  }
  for (const core::Pid& actor : actors) await_watchers(actor, 1);
  EXPECT_EQ(a_.remote().endpoints().find(b_->address())->watch_count(), 20u);
  a_->stop(watcher.pid);
  for (const core::Pid& actor : actors) await_watchers(actor, 0);
  EXPECT_EQ(a_.remote().endpoints().find(b_->address())->watch_count(), 0u);
}

TEST_F(RemoteWatch, TwoWatchersOfOneActorAreToldOnceEachAlsoWhenOneWatchesTwice) {
  const Watcher first = watcher_on(a_);
  const Watcher second = watcher_on(a_);
  const core::Pid actor = spawn_watchee(*b_, "x");
  watch(a_, first, b_->pid("x"));
  watch(a_, first, b_->pid("x"));
  watch(a_, second, b_->pid("x"));
  await_watchers(actor, 2);
  (*b_)->stop(actor);
  test::expect_next(*first.diary, {"terminated x stopped"});
  test::expect_next(*second.diary, {"terminated x stopped"});
  expect_no_more(a_, first);
  expect_no_more(a_, second);
}

TEST_F(RemoteWatch, AWatcherMayKnowTheNodeByAnotherAddress) {
  const Watcher watcher = watcher_on(a_);
  const core::Pid actor = spawn_watchee(*b_, "x");
  // Another way to write the same place, which needs no name service.
  const core::Pid alias = core::Pid::of_name("ipv4:" + b_->address(), "x");
  watch(a_, watcher, alias);
  await_watchers(actor, 1);
  (*b_)->stop(actor);
  test::expect_next(*watcher.diary, {"terminated x stopped"});
}

class RemoteActivation : public RemoteWatch {
 protected:
  RemoteActivation() {
    const core::Status started = b_->remote().start_activator(
        [this](const std::string& kind, const std::string& name) -> core::Result<core::Pid> {
          if (kind != "steered") return core::Error{core::Errc::not_found, "no kind " + kind};
          auto props = test::share(test::steered(std::make_shared<test::Diary>()));
          return name.empty() ? (*b_)->spawn(props) : (*b_)->spawn_named(props, name);
        });
    EXPECT_TRUE(started.ok());
  }
  ActorPidResponse activate(const std::string& kind, const std::string& name,
                            const std::string& activator = "activator") {
    const Answer answer = a_->ask(b_->pid(activator), ActorPidRequest{name, kind}, test::kPatience);
    EXPECT_EQ(answer.outcome, Answer::Outcome::answered) << answer.detail;
    if (answer.message == nullptr) return {};
    const auto* response = answer.message->get<ActorPidResponse>();
    EXPECT_NE(response, nullptr);
    return response == nullptr ? ActorPidResponse{} : *response;
  }
};

TEST_F(RemoteActivation, AnActorOfAKindIsSpawnedUnderEitherNameOfTheActivator) {
  for (const char* activator : {"activator", "$activator"}) {
    const std::string name = std::string("from-") + (activator[0] == '$' ? "net" : "go");
    const ActorPidResponse response = activate("steered", name, activator);
    EXPECT_EQ(response.status, ActivationStatus::ok);
    EXPECT_EQ(response.pid, b_->pid(name));
    EXPECT_TRUE((*b_)->registry().find(name));
  }
}

TEST_F(RemoteActivation, WithoutANameTheNodeMakesOneUpThatLeadsToTheActor) {
  const ActorPidResponse response = activate("steered", "");
  EXPECT_EQ(response.status, ActivationStatus::ok);
  const Answer answer = a_->ask(response.pid, core::Touch{}, test::kPatience);
  EXPECT_EQ(answer.outcome, Answer::Outcome::answered);
}

TEST_F(RemoteActivation, ANameThatIsTakenIsToldWithItsOwner) {
  (void)activate("steered", "a");
  const ActorPidResponse response = activate("steered", "a");
  EXPECT_EQ(response.status, ActivationStatus::name_exists);
  EXPECT_EQ(response.pid, b_->pid("a"));
}

TEST_F(RemoteActivation, AnUnknownKindIsAnErrorWithoutAPid) {
  const ActorPidResponse response = activate("unknown", "a");
  EXPECT_EQ(response.status, ActivationStatus::error);
  EXPECT_TRUE(response.pid.empty());
}

TEST_F(RemoteActivation, WhoAsksByTheNameOfDotnetIsAnsweredInItsNumbers) {
  (void)activate("steered", "a", "$activator");
  const ActorPidResponse taken = activate("steered", "a", "$activator");
  EXPECT_EQ(static_cast<int>(taken.status), 1);
  EXPECT_EQ(taken.pid, b_->pid("a"));
  EXPECT_EQ(static_cast<int>(activate("unknown", "b", "$activator").status), 2);
}

TEST_F(RemoteActivation, SpawnAtAsksTheActivatorOfTheOtherNode) {
  const auto spawn = [this](const std::string& address, const std::string& kind,
                            const std::string& name) {
    std::promise<core::Result<SpawnedAt>> promise;
    auto future = promise.get_future();
    spawn_at(*a_, address, kind, name, test::kPatience,
             [&promise](const core::Result<SpawnedAt>& spawned) { promise.set_value(spawned); });
    return future.get();
  };
  const std::string there = (*b_)->address();
  const auto made = spawn(there, "steered", "a");
  ASSERT_TRUE(made.ok()) << made.error().detail;
  EXPECT_TRUE(made->created);
  EXPECT_EQ(made->pid, b_->pid("a"));
  const auto again = spawn(there, "steered", "a");
  ASSERT_TRUE(again.ok()) << again.error().detail;
  EXPECT_FALSE(again->created);
  EXPECT_EQ(again->pid, b_->pid("a"));
  const auto unknown = spawn(there, "unknown", "b");
  ASSERT_FALSE(unknown.ok());
  EXPECT_EQ(unknown.error().code, core::Errc::failed_precondition);
  // Nodes spawn for nobody until they are told to.
  const auto nobody = spawn(a_->address(), "steered", "c");
  ASSERT_FALSE(nobody.ok());
  EXPECT_EQ(nobody.error().code, core::Errc::unavailable);
}

TEST_F(RemoteActivation, AnythingElseIsIgnored) {
  (void)a_->send(b_->pid("activator"), v1::CounterRequest());
  EXPECT_EQ(activate("steered", "a").status, ActivationStatus::ok);
}

}  // namespace
}  // namespace nexus::remote
