#include "daemon/cli/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "daemon/cli/time_text.h"

namespace nexus::cli {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;

Invocation parse(const std::vector<std::string>& arguments) {
  auto parsed = parse_command_line(arguments);
  if (const auto* failure = std::get_if<Failure>(&parsed)) ADD_FAILURE() << failure->message;
  const auto* invocation = std::get_if<Invocation>(&parsed);
  return invocation != nullptr ? *invocation : Invocation{};
}

std::string fault_of(const std::vector<std::string>& arguments) {
  auto parsed = parse_command_line(arguments);
  const auto* failure = std::get_if<Failure>(&parsed);
  return failure != nullptr ? failure->message : "";
}

class CommandLine : public testing::Test {
 protected:
  void SetUp() override { forget(); }
  void TearDown() override { forget(); }

 private:
  static void forget() {
    for (const char* name :
         {"NEXUS_NODE", "NEXUS_CA", "NEXUS_CERT", "NEXUS_KEY", "NEXUS_SERVER_NAME"}) {
      unsetenv(name);
    }
  }
};

TEST_F(CommandLine, GlobalOptionsMayStandBeforeOrAfterTheCommand) {
  for (const auto& arguments :
       {std::vector<std::string>{"--node", "h:1", "--json", "--timeout", "2s", "kinds"},
        std::vector<std::string>{"kinds", "--node", "h:1", "--json", "--timeout=2s"}}) {
    const Invocation invocation = parse(arguments);
    EXPECT_EQ(invocation.globals.node, "h:1");
    EXPECT_TRUE(invocation.globals.json);
    EXPECT_EQ(invocation.globals.timeout, milliseconds(2000));
  }
}

TEST_F(CommandLine, TheNodeComesFromTheOptionThenTheEnvironmentThenTheDefault) {
  EXPECT_EQ(parse({"kinds"}).globals.node, "127.0.0.1:7701");
  setenv("NEXUS_NODE", "env:2", 1);
  EXPECT_EQ(parse({"kinds"}).globals.node, "env:2");
  EXPECT_EQ(parse({"kinds", "--node", "option:3"}).globals.node, "option:3");
}

TEST_F(CommandLine, TlsComesFromTheOptionsThenTheEnvironment) {
  setenv("NEXUS_CA", "env-ca", 1);
  setenv("NEXUS_CERT", "env-cert", 1);
  setenv("NEXUS_KEY", "env-key", 1);
  setenv("NEXUS_SERVER_NAME", "env-name", 1);
  const Globals from_environment = parse({"kinds"}).globals;
  EXPECT_EQ(from_environment.ca, "env-ca");
  EXPECT_EQ(from_environment.cert, "env-cert");
  EXPECT_EQ(from_environment.key, "env-key");
  EXPECT_EQ(from_environment.server_name, "env-name");
  const Globals given =
      parse({"--ca", "a", "--cert", "c", "kinds", "--key", "k", "--server-name", "n"}).globals;
  EXPECT_EQ(given.ca + given.cert + given.key + given.server_name, "ackn");
}

TEST_F(CommandLine, OptionsOfTlsThatWouldDoNothingAreRefused) {
  EXPECT_NE(fault_of({"kinds", "--cert", "c", "--ca", "a"}), "");
  EXPECT_NE(fault_of({"kinds", "--key", "k", "--ca", "a"}), "");
  EXPECT_NE(fault_of({"kinds", "--cert", "c", "--key", "k"}), "");
  EXPECT_NE(fault_of({"kinds", "--server-name", "n"}), "");
  EXPECT_EQ(fault_of({"kinds", "--ca", "a"}), "");
}

TEST_F(CommandLine, JsonPayloadsComeThroughWhole) {
  const auto tell = std::get<TellCommand>(
      parse({"tell", "p", "{}", "[1,2]", "[]", "-5", "{\"a\":[1]}", "\"x y\""}).command);
  EXPECT_THAT(tell.source.payloads,
              ElementsAre("{}", "[1,2]", "[]", "-5", "{\"a\":[1]}", "\"x y\""));
}

TEST_F(CommandLine, AnAddressInBracketsComesThroughWhole) {
  EXPECT_EQ(parse({"kinds", "--node", "[::1]:7701"}).globals.node, "[::1]:7701");
  EXPECT_EQ(std::get<GetCommand>(parse({"get", "[::1]:7701/a"}).command).pid, "[::1]:7701/a");
}

TEST_F(CommandLine, SpawnTakesItsOptions) {
  const auto spawn = std::get<SpawnCommand>(
      parse({"spawn", "counter", "--id", "a", "--on", "h:2", "--if-exists", "return"}).command);
  EXPECT_EQ(spawn.kind, "counter");
  EXPECT_EQ(spawn.id, "a");
  EXPECT_EQ(spawn.on, "h:2");
  EXPECT_TRUE(spawn.return_existing);
  EXPECT_FALSE(std::get<SpawnCommand>(parse({"spawn", "counter"}).command).return_existing);
}

TEST_F(CommandLine, TellWaitsForTheMailboxUnlessToldOtherwise) {
  EXPECT_FALSE(std::get<TellCommand>(parse({"tell", "p", "1"}).command).ack_accepted);
  EXPECT_TRUE(
      std::get<TellCommand>(parse({"tell", "p", "1", "--ack", "accepted"}).command).ack_accepted);
  EXPECT_THAT(fault_of({"tell", "p", "1", "--ack", "maybe"}), HasSubstr("maybe"));
}

TEST_F(CommandLine, AMessageHasExactlyOneSource) {
  EXPECT_THAT(fault_of({"tell", "p"}), HasSubstr("a message is missing"));
  EXPECT_THAT(fault_of({"ask", "p"}), HasSubstr("a message is missing"));
  EXPECT_THAT(fault_of({"tell", "p", "1", "--stdin-lines"}), HasSubstr("exclude each other"));
  EXPECT_THAT(fault_of({"ask", "p", "1", "--file", "f"}), HasSubstr("exclude each other"));
  EXPECT_THAT(fault_of({"ask", "p", "1", "2"}), HasSubstr("one PAYLOAD is expected, not 2"));
  EXPECT_THAT(fault_of({"tell", "p", "1", "--content-type", "x"}), HasSubstr("--file"));
}

TEST_F(CommandLine, WatchTakesManyPids) {
  EXPECT_THAT(std::get<WatchCommand>(parse({"watch", "a", "h:1/b"}).command).pids,
              ElementsAre("a", "h:1/b"));
  EXPECT_NE(fault_of({"watch"}), "");
}

TEST_F(CommandLine, MembersTakesOneOrWatchesAll) {
  EXPECT_EQ(std::get<MembersCommand>(parse({"members"}).command).member, "");
  EXPECT_EQ(std::get<MembersCommand>(parse({"members", "[::1]:7701"}).command).member,
            "[::1]:7701");
  EXPECT_TRUE(std::get<MembersCommand>(parse({"members", "--watch"}).command).watch);
  EXPECT_THAT(fault_of({"members", "--watch", "h:1"}), HasSubstr("leave 'h:1' out"));
  EXPECT_NE(fault_of({"members", "h:1", "h:2"}), "");
}

TEST_F(CommandLine, TheSocketIsForThreeCommands) {
  EXPECT_EQ(parse({"leave"}).globals.admin, "/run/nexus/admin.sock");
  EXPECT_EQ(parse({"--admin", "a.sock", "leave"}).globals.admin, "a.sock");
  EXPECT_TRUE(std::holds_alternative<LeaveCommand>(parse({"leave"}).command));
  EXPECT_NE(fault_of({"--admin", "", "leave"}), "");
  EXPECT_NE(fault_of({"leave", "h:1"}), "") << "it is the node of --admin that leaves";
}

TEST_F(CommandLine, JoinTakesAddresses) {
  EXPECT_THAT(std::get<JoinCommand>(parse({"join", "h:1", "[::1]:2"}).command).addresses,
              ElementsAre("h:1", "[::1]:2"));
  EXPECT_THAT(fault_of({"join", "h:1", "h"}), HasSubstr("'h' is not HOST:PORT"));
  EXPECT_NE(fault_of({"join"}), "");
}

TEST_F(CommandLine, ForceViewSaysWhoStaysAndDoesNothingUnlessItIsMeant) {
  const auto force = std::get<ForceViewCommand>(
      parse({"force-view", "--keep", "h:1", "h:2", "--epoch", "7", "--yes"}).command);
  EXPECT_THAT(force.keep, ElementsAre("h:1", "h:2"));
  EXPECT_EQ(force.epoch, 7u);
  EXPECT_TRUE(force.yes);
  EXPECT_FALSE(std::get<ForceViewCommand>(parse({"force-view", "--drop-suspects"}).command).yes);
  EXPECT_THAT(fault_of({"force-view"}), HasSubstr("say who stays"));
  EXPECT_THAT(fault_of({"force-view", "--keep", "h:1", "--drop-suspects"}),
              HasSubstr("say who stays"));
  EXPECT_NE(fault_of({"force-view", "--drop-suspects", "--epoch", "-1"}), "");
}

TEST_F(CommandLine, RefusesWhatItDoesNotKnow) {
  EXPECT_NE(fault_of({}), "");
  EXPECT_NE(fault_of({"frobnicate"}), "");
  EXPECT_NE(fault_of({"list", "--frobnicate"}), "");
  EXPECT_NE(fault_of({"get"}), "");
  EXPECT_NE(fault_of({"completion", "tcsh"}), "");
}

TEST_F(CommandLine, NamesTheUnknownCommandAndTheNearest) {
  EXPECT_EQ(fault_of({"spwan", "counter"}), "there is no command 'spwan'; did you mean 'spawn'?");
  EXPECT_EQ(fault_of({"--json", "--node", "h:1", "lst"}),
            "there is no command 'lst'; did you mean 'list'?");
  EXPECT_EQ(
      fault_of({"[frobnicate"}),
      "there is no command '[frobnicate'; the commands are spawn, tell, ask, stop, get, list, "
      "kinds, watch, members, join, leave, force-view, completion, version");
  EXPECT_EQ(
      fault_of({"--json"}),
      "a command is missing; the commands are spawn, tell, ask, stop, get, list, kinds, watch, "
      "members, join, leave, force-view, completion, version");
  EXPECT_THAT(fault_of({"--jsn"}), HasSubstr("--jsn"));
}

TEST_F(CommandLine, ANodeIsHostAndPort) {
  for (const char* node : {"h:1", "127.0.0.1:65535", "[::1]:7701"}) {
    EXPECT_EQ(fault_of({"kinds", "--node", node}), "") << node;
  }
  for (const char* node :
       {"h", "h:", ":1", "h:0", "h:65536", "h:x", "::1:77", "h:1/a", "unix:/run/nexus.sock", ""}) {
    EXPECT_NE(fault_of({"kinds", "--node", node}), "") << node;
  }
}

TEST_F(CommandLine, HelpNamesEveryCommand) {
  const auto parsed = parse_command_line({"--help"});
  const std::string help = std::get<HelpText>(parsed).text;
  for (const CommandNode& command : command_tree().commands)
    EXPECT_THAT(help, HasSubstr(command.name));
}

TEST(ParseDuration, TakesANumberAndAUnit) {
  EXPECT_EQ(parse_duration("250ms").value(), milliseconds(250));
  EXPECT_EQ(parse_duration("5s").value(), milliseconds(5000));
  EXPECT_EQ(parse_duration("2m").value(), milliseconds(120'000));
  EXPECT_EQ(parse_duration("24h").value(), std::chrono::hours(24));
}

TEST(ParseDuration, RefusesWhatIsNoTimeOrTooLong) {
  for (const char* text :
       {"", "5", "s", "-1s", "0s", "1.5s", "5 s", "5d", "25h", "99999999999999999999s"}) {
    EXPECT_FALSE(parse_duration(text).ok()) << text;
  }
}

}  // namespace
}  // namespace nexus::cli
