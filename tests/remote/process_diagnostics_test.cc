// What the tools of peers may ask about the processes of a node.
#include "remote/process_diagnostics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/test_system.h"

namespace nexus::remote {
namespace {

using core::Errc;
using Match = ProcessDiagnostics::Match;
using Found = ProcessDiagnostics::Found;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

core::Props idle() {
  return core::props_of([](core::Context&) {});
}

class ProcessDiagnosticsTest : public testing::Test {
 protected:
  using Results = test::Queue<core::Result<Found>>;

  void start(const std::string& pattern, Match match) {
    diagnostics_->find(
        pattern, match, [this] { return wanted_.load(); },
        [results = results_](core::Result<Found> found) { results->push(std::move(found)); });
  }
  core::Result<Found> find(const std::string& pattern, Match match = Match::part) {
    start(pattern, match);
    auto found = results_->pop();
    if (!found) return core::Error{Errc::deadline_exceeded, "no answer came"};
    return *std::move(found);
  }
  std::vector<std::string> ids(const std::string& pattern, Match match) {
    const auto found = find(pattern, match);
    EXPECT_TRUE(found.ok()) << found.error().detail;
    return found.ok() ? found->ids : std::vector<std::string>{};
  }
  void limit(ProcessDiagnostics::Options options) { diagnostics_.emplace(options, *system_); }
  core::Errc refused(const std::string& pattern, Match match = Match::part) {
    const auto found = find(pattern, match);
    return found.ok() ? Errc::unknown : found.error().code;
  }

  const std::shared_ptr<Results> results_ = std::make_shared<Results>();
  std::atomic<bool> wanted_ = true;
  test::TestSystem system_;
  std::optional<ProcessDiagnostics> diagnostics_{std::in_place, ProcessDiagnostics::Options{},
                                                 *system_};
};

TEST_F(ProcessDiagnosticsTest, APartOfTheIdMatchesInAnyCase) {
  for (const char* name : {"order-2", "Order-1", "invoice", "disorder"}) {
    system_.spawn_named(idle(), name);
  }
  EXPECT_THAT(ids("order", Match::part), ElementsAre("Order-1", "disorder", "order-2"));
  EXPECT_THAT(ids("ORDER-", Match::part), ElementsAre("Order-1", "order-2"));
  EXPECT_THAT(ids("rebate", Match::part), IsEmpty());
}

TEST_F(ProcessDiagnosticsTest, AnEmptyPatternMatchesEverythingButTheSearchItself) {
  const std::string unnamed = system_.spawn(idle()).id();
  system_.spawn_named(idle(), "a");
  EXPECT_THAT(ids("", Match::part), ElementsAre(unnamed, "a"));
  // The actor of the search before ends after its answer.
  EXPECT_TRUE(test::eventually([&] { return system_->cells().live_count() == 2; }));
  EXPECT_THAT(ids("", Match::regex), ElementsAre(unnamed, "a"));
  EXPECT_THAT(ids("", Match::exact), IsEmpty());
}

TEST_F(ProcessDiagnosticsTest, AnExactPatternMatchesTheWholeId) {
  system_.spawn_named(idle(), "a");
  system_.spawn_named(idle(), "ab");
  EXPECT_THAT(ids("a", Match::exact), ElementsAre("a"));
  EXPECT_THAT(ids("A", Match::exact), IsEmpty());
}

TEST_F(ProcessDiagnosticsTest, ARegularExpressionMatchesAnywhereInTheId) {
  for (const char* name : {"a1", "a22", "b1"}) system_.spawn_named(idle(), name);
  EXPECT_THAT(ids("^a[0-9]+$", Match::regex), ElementsAre("a1", "a22"));
  EXPECT_THAT(ids("1", Match::regex), ElementsAre("a1", "b1"));
}

TEST_F(ProcessDiagnosticsTest, ChildrenAndFurtherNamesAreFound) {
  const core::Pid parent = system_.spawn_named(test::steered(test::new_diary()), "parent");
  system_.spawn_child(parent, idle(), "child");
  ASSERT_TRUE(system_->registry().add("$alias", parent));
  EXPECT_THAT(ids("", Match::part), ElementsAre("$alias", "parent", "parent/child"));
  EXPECT_THAT(ids("$alias", Match::exact), ElementsAre("$alias"));
}

TEST_F(ProcessDiagnosticsTest, WhatHasStoppedIsNotFound) {
  const core::Pid actor = system_.spawn_named(idle(), "a");
  system_.stop(actor);
  EXPECT_THAT(ids("", Match::part), IsEmpty());
  EXPECT_THAT(ids("a", Match::exact), IsEmpty());
}

TEST_F(ProcessDiagnosticsTest, AnAnswerNamesTheFirstOfTooManyAndCountsThemAll) {
  limit({.count_max = 3});
  for (int n = 9; n >= 0; --n) system_.spawn_named(idle(), "a" + std::to_string(n));
  const auto found = find("a");
  ASSERT_TRUE(found.ok());
  EXPECT_THAT(found->ids, ElementsAre("a0", "a1", "a2"));
  EXPECT_EQ(found->matched_count, 10U);
}

TEST_F(ProcessDiagnosticsTest, D1_ManyActorsTakeManyTurnsAndAreAllFound) {
  for (int n = 0; n < 50'000; ++n) system_.spawn(idle());
  const auto found = find("^[$]c[0-9]+g", Match::regex);
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->matched_count, 50'000U);
  EXPECT_EQ(found->ids.size(), 10'000U);
  EXPECT_TRUE(std::is_sorted(found->ids.begin(), found->ids.end()));
}

TEST_F(ProcessDiagnosticsTest, APatternThatIsNoExpressionIsRefusedWithTheReason) {
  const auto found = find("a(b", Match::regex);
  ASSERT_FALSE(found.ok());
  EXPECT_EQ(found.error().code, Errc::invalid_argument);
  EXPECT_THAT(found.error().detail, HasSubstr("missing )"));
}

TEST_F(ProcessDiagnosticsTest, HostileExpressionsEndSoon) {
  system_.spawn_named(idle(), std::string(256, 'a'));
  // Exponential for engines that backtrack.
  EXPECT_THAT(ids("^(a|a|aa)*b$", Match::regex), IsEmpty());
  EXPECT_THAT(ids("^(a*)*$", Match::regex), ElementsAre(std::string(256, 'a')));
  // Engines that recurse run out of stack.
  const std::string deep(500, '(');
  EXPECT_EQ(refused(deep, Match::regex), Errc::invalid_argument);
  EXPECT_THAT(ids(deep + "a" + std::string(500, ')'), Match::regex),
              ElementsAre(std::string(256, 'a')));
  // Small to write, large to run.
  EXPECT_EQ(refused("(((a{100}){100}){100})", Match::regex), Errc::invalid_argument);
  EXPECT_EQ(refused("((a{30}){30}){30}", Match::regex), Errc::invalid_argument);
  EXPECT_EQ(refused("(\\pL{40}){20}", Match::regex), Errc::invalid_argument);
}

TEST_F(ProcessDiagnosticsTest, APatternHasALimit) {
  EXPECT_THAT(ids(std::string(1024, 'x'), Match::part), IsEmpty());
  for (const Match match : {Match::part, Match::exact, Match::regex}) {
    EXPECT_EQ(refused(std::string(1025, 'x'), match), Errc::invalid_argument);
  }
}

// Two actors of which each holds a worker, so that no search goes on.
class WithBusyWorkers : public ProcessDiagnosticsTest {
 protected:
  WithBusyWorkers() {
    for (const char* name : {"busy", "other"}) {
      const core::Pid actor = system_.spawn_named(test::steered(test::new_diary()), name);
      (void)system_->send(actor, test::Do{[this](core::Context&) {
                            inside_.push(1);
                            EXPECT_TRUE(gate_.wait());
                          }});
    }
    EXPECT_TRUE(inside_.pop() && inside_.pop());
  }
  ~WithBusyWorkers() override { gate_.open(); }

  test::Gate gate_;
  test::Queue<int> inside_;
};

TEST_F(WithBusyWorkers, SearchesAtOnceHaveALimit) {
  limit({.search_count_max = 2});
  start("a", Match::part);
  start("b", Match::part);
  EXPECT_EQ(refused("c"), Errc::resource_exhausted);
  gate_.open();
  for (int n = 0; n < 2; ++n) {
    const auto found = results_->pop();
    ASSERT_TRUE(found.has_value() && found->ok());
  }
  EXPECT_TRUE(find("c").ok());
}

TEST_F(WithBusyWorkers, D2_ASearchThatWaitsIsAnsweredWhenTheNodeStops) {
  start("a", Match::part);
  EXPECT_FALSE(system_->stop_actors(std::chrono::milliseconds(1)));
  gate_.open();
  EXPECT_TRUE(system_->stop_actors(test::kPatience));
  EXPECT_TRUE(results_->pop().has_value());
  EXPECT_EQ(results_->size(), 0U);
}

TEST_F(ProcessDiagnosticsTest, ASearchThatNobodyWantsEnds) {
  wanted_ = false;
  EXPECT_EQ(refused("a"), Errc::cancelled);
}

TEST_F(ProcessDiagnosticsTest, ASearchOfAStoppedNodeIsRefused) {
  EXPECT_TRUE(system_->stop_actors(test::kPatience));
  EXPECT_EQ(refused("a"), Errc::unavailable);
  EXPECT_EQ(results_->size(), 0U);
}

TEST_F(ProcessDiagnosticsTest, AnActorIsDescribedFromOutside) {
  core::Props props = test::steered(test::new_diary());
  props.kind = "clerk";
  const core::Pid clerk = system_.spawn_named(std::move(props), "c");
  system_.spawn_child(clerk, idle(), "child");
  const auto text = diagnostics_->describe("", "c");
  ASSERT_TRUE(text.ok());
  EXPECT_THAT(*text, testing::StartsWith("ActorType:clerk\n"));
  for (const char* line : {"\nPid: nonhost/c\n", "\nSystem: no\n", "\nState: alive\n",
                           "\nChildren: 1\n", "\nWatchers: 0\n", "\nRestarts: 0\n"}) {
    EXPECT_THAT(*text, HasSubstr(line));
  }
  const auto child = diagnostics_->describe("nonhost", "c/child");
  ASSERT_TRUE(child.ok());
  EXPECT_THAT(*child, HasSubstr("\nParent: nonhost/c\n"));
}

TEST_F(ProcessDiagnosticsTest, NobodyAndOthersAreNotDescribed) {
  EXPECT_EQ(diagnostics_->describe("", "nobody").error().code, Errc::not_found);
  EXPECT_EQ(diagnostics_->describe("elsewhere:1", "a").error().code, Errc::invalid_argument);
}

TEST_F(ProcessDiagnosticsTest, ZeroRefusesEverything) {
  system_.spawn_named(idle(), "a");
  limit({.count_max = 0});
  for (const Match match : {Match::part, Match::exact, Match::regex}) {
    EXPECT_EQ(refused("a", match), Errc::permission_denied);
  }
  EXPECT_EQ(diagnostics_->describe("", "a").error().code, Errc::permission_denied);
}

}  // namespace
}  // namespace nexus::remote
