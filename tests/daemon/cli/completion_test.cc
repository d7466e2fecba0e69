#include "daemon/cli/completion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/cli/command_line.h"

namespace nexus::cli {
namespace {

using testing::HasSubstr;

TEST(CommandTree, HoldsCommandsOptionsAndChoices) {
  const CommandTree tree = command_tree();
  ASSERT_EQ(tree.commands.size(), 14u);
  const CommandNode& spawn = tree.commands.front();
  EXPECT_EQ(spawn.name, "spawn");
  const auto if_exists =
      std::find_if(spawn.options.begin(), spawn.options.end(),
                   [](const OptionNode& option) { return option.names.back() == "--if-exists"; });
  ASSERT_NE(if_exists, spawn.options.end());
  EXPECT_TRUE(if_exists->takes_value);
  EXPECT_THAT(if_exists->choices, testing::UnorderedElementsAre("return", "fail"));
}

TEST(Completion, EveryShellLearnsEveryCommandAndLongOption) {
  const CommandTree tree = command_tree();
  for (const std::string& script :
       {bash_completion(tree), zsh_completion(tree), fish_completion(tree)}) {
    for (const CommandNode& command : tree.commands) {
      EXPECT_THAT(script, HasSubstr(command.name));
      for (const OptionNode& option : command.options) {
        if (option.names.back() == "--help") continue;
        EXPECT_THAT(script, HasSubstr(option.names.back().substr(2)));
      }
    }
  }
}

TEST(Completion, DescriptionsCannotEndTheQuotesTheyStandIn) {
  CommandTree tree{.program = "p", .options = {}, .commands = {}};
  tree.commands.push_back(
      {.name = "c", .description = "it's [odd]: x", .options = {}, .positionals = {}});
  EXPECT_THAT(zsh_completion(tree), HasSubstr("'c:it'"));
  EXPECT_THAT(fish_completion(tree), HasSubstr("-d 'it'"));
}

}  // namespace
}  // namespace nexus::cli
