#include "daemon/cli/completion.h"

#include <string_view>
#include <vector>

namespace nexus::cli {
namespace {

std::string joined(const std::vector<std::string>& words, std::string_view between) {
  std::string text;
  for (const std::string& word : words) {
    if (!text.empty()) text += between;
    text += word;
  }
  return text;
}

// Safe between single quotes of any shell, and short enough for a menu: up to the first colon,
// bracket or quote.
std::string label(const std::string& description) {
  std::string text = description.substr(0, description.find_first_of("'`[]:\\\n;("));
  text.erase(text.find_last_not_of(' ') + 1);
  return text;
}

std::vector<std::string> option_names(const std::vector<OptionNode>& options) {
  std::vector<std::string> names;
  for (const OptionNode& option : options) {
    names.insert(names.end(), option.names.begin(), option.names.end());
  }
  return names;
}

std::vector<std::string> command_names(const CommandTree& tree) {
  std::vector<std::string> names;
  for (const CommandNode& command : tree.commands) names.push_back(command.name);
  return names;
}

// Cases of `case $command:$previous` for the options that want a value.
std::string bash_value_cases(const std::vector<OptionNode>& options, const std::string& command) {
  std::string text;
  for (const OptionNode& option : options) {
    if (!option.takes_value) continue;
    std::vector<std::string> patterns;
    for (const std::string& name : option.names) patterns.push_back(command + ':' + name);
    const bool any_file = option.names.back() == "--file";
    text += "    " + joined(patterns, "|") + ")\n";
    if (any_file) {
      text += "      mapfile -t COMPREPLY < <(compgen -f -- \"$current\") ;;\n";
    } else if (option.choices.empty()) {
      text += "      ;;\n";
    } else {
      text += "      mapfile -t COMPREPLY < <(compgen -W '" + joined(option.choices, " ") +
              "' -- \"$current\") ;;\n";
    }
  }
  return text;
}

std::vector<std::string> value_option_names(const std::vector<OptionNode>& options) {
  std::vector<std::string> names;
  for (const OptionNode& option : options) {
    if (option.takes_value) names.insert(names.end(), option.names.begin(), option.names.end());
  }
  return names;
}

std::string zsh_option(const OptionNode& option) {
  std::string text;
  for (const std::string& name : option.names) {
    text += " '" + name + (option.takes_value ? "=" : "") + '[' + label(option.description) + ']';
    if (option.takes_value) {
      text += ":value:";
      if (option.names.back() == "--file") text += "_files";
      if (!option.choices.empty()) text += '(' + joined(option.choices, " ") + ')';
    }
    text += '\'';
  }
  return text;
}

std::string fish_option(const CommandTree& tree, const OptionNode& option,
                        const std::string& condition) {
  std::string text = "complete -c " + tree.program + condition;
  for (const std::string& name : option.names) {
    const bool is_long = name.starts_with("--");
    text += (is_long ? " -l " : " -s ") + name.substr(is_long ? 2 : 1);
  }
  if (option.takes_value) text += option.names.back() == "--file" ? " -r -F" : " -x";
  if (!option.choices.empty()) text += " -a '" + joined(option.choices, " ") + '\'';
  return text + " -d '" + label(option.description) + "'\n";
}

}  // namespace

std::string bash_completion(const CommandTree& tree) {
  const std::string function = '_' + tree.program;
  std::string text = "# Completion of " + tree.program + " for bash.\n" + function +
                     "() {\n"
                     "  local current=${COMP_WORDS[COMP_CWORD]} "
                     "previous=${COMP_WORDS[COMP_CWORD-1]} command='' words='' i\n"
                     "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
                     "    case ${COMP_WORDS[i]} in\n"
                     "      " +
                     joined(value_option_names(tree.options), "|") +
                     ") ((i++)) ;;\n"
                     "      " +
                     joined(command_names(tree), "|") +
                     ") command=${COMP_WORDS[i]}; break ;;\n"
                     "    esac\n"
                     "  done\n"
                     "  COMPREPLY=()\n"
                     "  case $command:$previous in\n";
  text += bash_value_cases(tree.options, "*");
  for (const CommandNode& command : tree.commands)
    text += bash_value_cases(command.options, command.name);
  text += "    *)\n      case $command in\n";
  for (const CommandNode& command : tree.commands) {
    std::vector<std::string> words;
    for (const PositionalNode& positional : command.positionals) {
      words.insert(words.end(), positional.choices.begin(), positional.choices.end());
    }
    for (const OptionNode& option : command.options) {
      // Already among the options that go with every command.
      if (option.names.back() != "--help") words.push_back(option.names.back());
    }
    text += "        " + command.name + ") words='" + joined(words, " ") + "' ;;\n";
  }
  text += "        *) words='" + joined(command_names(tree), " ") +
          "' ;;\n      esac\n"
          "      mapfile -t COMPREPLY < <(compgen -W \"$words " +
          joined(option_names(tree.options), " ") +
          "\" -- \"$current\") ;;\n"
          "  esac\n"
          "}\n"
          "complete -F " +
          function + ' ' + tree.program + '\n';
  return text;
}

std::string zsh_completion(const CommandTree& tree) {
  std::string globals;
  for (const OptionNode& option : tree.options) globals += zsh_option(option);

  std::string text = "#compdef " + tree.program + "\n_" + tree.program +
                     "() {\n"
                     "  local state line\n"
                     "  local -a commands=(\n";
  for (const CommandNode& command : tree.commands) {
    text += "    '" + command.name + ':' + label(command.description) + "'\n";
  }
  text += "  )\n  _arguments -C" + globals +
          " '1:command:->command' '*::argument:->argument'\n"
          "  case $state in\n"
          "    command) _describe command commands ;;\n"
          "    argument)\n"
          "      case $line[1] in\n";
  for (const CommandNode& command : tree.commands) {
    text += "        " + command.name + ") _arguments" + globals;
    for (const OptionNode& option : command.options) {
      // Already among the options that go with every command.
      if (option.names.back() != "--help") text += zsh_option(option);
    }
    for (const PositionalNode& positional : command.positionals) {
      text += " '*:" + positional.name + ':';
      if (!positional.choices.empty()) text += '(' + joined(positional.choices, " ") + ')';
      text += '\'';
      // One rest argument is all _arguments takes.
      break;
    }
    text += " ;;\n";
  }
  text +=
      "      esac ;;\n  esac\n}\n"
      "if [[ $funcstack[1] == _" +
      tree.program + " ]]; then _" + tree.program + " \"$@\"; else compdef _" + tree.program + ' ' +
      tree.program + "; fi\n";
  return text;
}

std::string fish_completion(const CommandTree& tree) {
  const std::string names = joined(command_names(tree), " ");
  std::string text =
      "# Completion of " + tree.program + " for fish.\ncomplete -c " + tree.program + " -f\n";
  for (const OptionNode& option : tree.options) text += fish_option(tree, option, "");
  for (const CommandNode& command : tree.commands) {
    text += "complete -c " + tree.program + " -n 'not __fish_seen_subcommand_from " + names +
            "' -a " + command.name + " -d '" + label(command.description) + "'\n";
    const std::string condition = " -n '__fish_seen_subcommand_from " + command.name + '\'';
    for (const OptionNode& option : command.options) {
      if (option.names.back() != "--help") text += fish_option(tree, option, condition);
    }
    for (const PositionalNode& positional : command.positionals) {
      if (positional.choices.empty()) continue;
      text += "complete -c " + tree.program + condition + " -a '" +
              joined(positional.choices, " ") + "'\n";
    }
  }
  return text;
}

}  // namespace nexus::cli
