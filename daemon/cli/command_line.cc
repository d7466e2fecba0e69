#include "daemon/cli/command_line.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <limits>
#include <memory>
#include <string_view>
#include <utility>

#include "core/base/nearest.h"
#include "daemon/cli/time_text.h"

namespace nexus::cli {
namespace {

constexpr const char* kExamples =
    "Examples:\n"
    "  nexusctl spawn counter --id visits\n"
    "  nexusctl ask visits '{\"add\":5}'\n"
    "  nexusctl --node 127.0.0.1:7702 ask 127.0.0.1:7701/visits '{\"add\":1}'\n"
    "  nexusctl watch 127.0.0.1:7701/visits\n"
    "  nexusctl members --watch\n"
    "  nexusctl --admin /run/nexus/admin.sock leave\n"
    "\n"
    "A PID is HOST:PORT/ID. An ID alone means an actor of the node that is asked.\n"
    "Exit codes: 0 done, 1 failed, 2 usage, 3 node unavailable, 4 not found, 5 deadline exceeded.";

// CLI11 takes a value in square brackets apart, as a list; a JSON array must come through whole. A
// leading mark hides the bracket from it, and every value that comes back has the mark taken off.
constexpr char kBracketMark = '\x01';

std::string marked(const std::string& argument) {
  return !argument.empty() && argument.front() == '[' ? kBracketMark + argument : argument;
}

std::string unmarked(std::string value) {
  if (!value.empty() && value.front() == kBracketMark) value.erase(0, 1);
  return value;
}

CLI::Option* text_option(CLI::App& app, const std::string& name, std::string& target,
                         const std::string& description) {
  return app
      .add_option_function<std::string>(
          name, [&target](const std::string& value) { target = unmarked(value); }, description)
      ->type_name("");
}

CLI::Option* texts_option(CLI::App& app, const std::string& name, std::vector<std::string>& target,
                          const std::string& description, int count_min) {
  constexpr int kCountMax = 1000;
  CLI::Option* option = app.add_option(
      name,
      [&target](const CLI::results_t& values) {
        for (const std::string& value : values) target.push_back(unmarked(value));
        return true;
      },
      description);
  return option->type_size(1)->expected(count_min, kCountMax)->allow_extra_args()->type_name("");
}

CLI::Option* value_name(CLI::Option* option, const std::string& name) {
  return option->option_text(name);
}

bool is_address(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  const std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  const bool bracketed = host.front() == '[' && host.back() == ']';
  if (!bracketed && host.find_first_of(":/[] ") != std::string_view::npos) return false;
  unsigned number = 0;
  const auto [end, fault] = std::from_chars(port.data(), port.data() + port.size(), number);
  return fault == std::errc{} && end == port.data() + port.size() && number >= 1 && number <= 65535;
}

// The grammar and the values that parsing leaves behind. Callbacks of `app` point into the object:
// it stays where it is.
class Grammar {
 public:
  Grammar() {
    app.require_subcommand(1);
    app.fallthrough();
    app.set_version_flag("--version", "nexusctl " NEXUS_VERSION);
    add_globals();
    add_spawn();
    add_tell();
    add_ask();
    add_stop();
    add_get();
    add_list();
    add_kinds();
    add_watch();
    add_members();
    add_join();
    add_leave();
    add_force_view();
    add_completion();
    add_version();
    // Set last: commands inherit what is there when they are added.
    app.footer(kExamples);
  }
  Grammar(const Grammar&) = delete;
  Grammar& operator=(const Grammar&) = delete;

  // After a failed parse in which no command was found: what is wrong with that.
  std::string missing_command() const {
    std::vector<std::string> names;
    for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
      names.push_back(command->get_name());
    const std::string known = "; the commands are " + CLI::detail::join(names, ", ");
    for (const std::string& argument : app.remaining()) {
      const std::string word = unmarked(argument);
      if (word.starts_with('-')) return "there is no option '" + word + "', and no command";
      const std::string near = core::nearest(word, names);
      return "there is no command '" + word + "'" +
             (near.empty() ? known : "; did you mean '" + near + "'?");
    }
    return "a command is missing" + known;
  }

  // After a successful parse: the command that was chosen.
  Command chosen() const {
    const std::string name = app.get_subcommands().front()->get_name();
    if (name == "spawn") return spawn;
    if (name == "tell") return tell;
    if (name == "ask") return ask;
    if (name == "stop") return stop;
    if (name == "get") return get;
    if (name == "list") return list;
    if (name == "kinds") return kinds;
    if (name == "watch") return watch;
    if (name == "members") return members;
    if (name == "join") return join;
    if (name == "leave") return leave;
    if (name == "force-view") return force_view;
    if (name == "completion") return completion;
    return VersionCommand{};
  }

  CLI::App app{"Talks to a nexus node: makes actors, sends them messages, and shows what runs.",
               "nexusctl"};
  Globals globals;
  std::string timeout_text = "5s";
  SpawnCommand spawn;
  TellCommand tell;
  AskCommand ask;
  StopCommand stop;
  GetCommand get;
  ListCommand list;
  KindsCommand kinds;
  WatchCommand watch;
  MembersCommand members;
  JoinCommand join;
  LeaveCommand leave;
  ForceViewCommand force_view;
  CompletionCommand completion;

 private:
  void add_globals() {
    value_name(
        text_option(app, "--node", globals.node, "Node to call (env NEXUS_NODE) [127.0.0.1:7701]"),
        "HOST:PORT")
        ->envname("NEXUS_NODE");
    value_name(text_option(app, "--admin", globals.admin,
                           "Socket of the node for join, leave and force-view (env NEXUS_ADMIN) "
                           "[/run/nexus/admin.sock]"),
               "PATH")
        ->envname("NEXUS_ADMIN");
    value_name(
        text_option(app, "--timeout", timeout_text, "How long a call may take: 250ms, 5s, 2m [5s]"),
        "DURATION");
    value_name(text_option(app, "--ca", globals.ca,
                           "Talk TLS, and take only nodes whose certificate one of these "
                           "authorities signed (env NEXUS_CA)"),
               "FILE")
        ->envname("NEXUS_CA");
    value_name(text_option(app, "--cert", globals.cert,
                           "Certificate to show to the node (env NEXUS_CERT)"),
               "FILE")
        ->envname("NEXUS_CERT");
    value_name(text_option(app, "--key", globals.key, "Its private key (env NEXUS_KEY)"), "FILE")
        ->envname("NEXUS_KEY");
    value_name(text_option(app, "--server-name", globals.server_name,
                           "Name in the node's certificate, if not the host of --node (env "
                           "NEXUS_SERVER_NAME)"),
               "NAME")
        ->envname("NEXUS_SERVER_NAME");
    app.add_flag("--json", globals.json, "Write one JSON object a line");
    app.add_flag("--verbose", globals.verbose,
                 "Say on standard error what is called and how long it took");
  }

  void add_source(CLI::App& command, MessageSource& source) {
    value_name(text_option(command, "--type", source.type, "Full protobuf name of the message"),
               "FULLNAME");
    value_name(text_option(command, "--file", source.file,
                           "Send the bytes of a file as one message; - is standard input"),
               "FILE");
    value_name(
        text_option(command, "--content-type", source.content_type, "What the bytes of --file are"),
        "MIME");
  }

  void add_spawn() {
    CLI::App& command = *app.add_subcommand("spawn", "Make an actor and print its Pid");
    text_option(command, "KIND", spawn.kind, "Kind of actor; see `nexusctl kinds`")->required();
    value_name(text_option(command, "--id", spawn.id,
                           "Name of the actor; without it the node makes one up"),
               "ID");
    value_name(text_option(command, "--on", spawn.on,
                           "Node that shall host it, if not the one that is asked"),
               "HOST:PORT");
    value_name(command.add_option_function<std::string>(
                   "--if-exists",
                   [this](const std::string& value) { spawn.return_existing = value == "return"; },
                   "Take the actor of that name if there is one, instead of failing"),
               "return")
        ->check(CLI::IsMember({"return", "fail"}));
  }

  void add_tell() {
    CLI::App& command = *app.add_subcommand("tell", "Send messages without waiting for answers");
    text_option(command, "PID", tell.pid, "Actor to send to")->required();
    texts_option(command, "PAYLOAD", tell.source.payloads, "Messages, each as JSON", 0);
    add_source(command, tell.source);
    command.add_flag("--stdin-lines", tell.stdin_lines,
                     "Send each line of standard input as one JSON message");
    value_name(
        command.add_option_function<std::string>(
            "--ack", [this](const std::string& value) { tell.ack_accepted = value == "accepted"; },
            "Wait until the messages are in the mailbox (enqueued), or only until the node has "
            "them (accepted)"),
        "LEVEL")
        ->check(CLI::IsMember({"enqueued", "accepted"}));
  }

  void add_ask() {
    CLI::App& command = *app.add_subcommand("ask", "Send one message and print the answer");
    text_option(command, "PID", ask.pid, "Actor to ask")->required();
    texts_option(command, "PAYLOAD", ask.source.payloads, "The message, as JSON", 0);
    add_source(command, ask.source);
  }

  void add_stop() {
    CLI::App& command = *app.add_subcommand("stop", "Stop an actor and wait until it has stopped");
    text_option(command, "PID", stop.pid, "Actor to stop")->required();
    command.add_flag("--now", stop.now, "Do not let it handle what is in its mailbox first");
    command.add_flag("--no-wait", stop.no_wait, "Do not wait until it has stopped");
  }

  void add_get() {
    CLI::App& command = *app.add_subcommand("get", "Show one actor");
    text_option(command, "PID", get.pid, "Actor to show")->required();
  }

  void add_list() {
    CLI::App& command = *app.add_subcommand("list", "Show the actors of a node");
    value_name(text_option(command, "--on", list.on,
                           "Node whose actors to show, if not the one that is asked"),
               "HOST:PORT");
    value_name(text_option(command, "--kind", list.kind, "Only this kind"), "KIND");
    value_name(text_option(command, "--prefix", list.prefix, "Only ids that begin so"), "TEXT");
    command.add_flag("--system", list.system, "The node's own actors too");
  }

  void add_kinds() {
    CLI::App& command = *app.add_subcommand("kinds", "Show the kinds of actor a node offers");
    value_name(text_option(command, "--on", kinds.on,
                           "Node whose kinds to show, if not the one that is asked"),
               "HOST:PORT");
  }

  void add_watch() {
    CLI::App& command =
        *app.add_subcommand("watch", "Wait until actors have terminated, and say why");
    texts_option(command, "PID", watch.pids, "Actors to watch", 1)->required();
  }

  void add_members() {
    CLI::App& command =
        *app.add_subcommand("members", "Show who is in the cluster, as the node sees it");
    text_option(command, "MEMBER", members.member,
                "Only this one, by its address or id, with its kinds, labels and state");
    command.add_flag("--watch", members.watch, "Then tell who joins and who departs, until Ctrl-C");
  }

  void add_join() {
    CLI::App& command = *app.add_subcommand(
        "join", "Let the node of --admin join the cluster that is at these addresses");
    texts_option(command, "ADDRESS", join.addresses, "Members of that cluster, HOST:PORT", 1)
        ->required();
  }

  void add_leave() {
    app.add_subcommand("leave", "Let the node of --admin leave its cluster and end");
  }

  void add_force_view() {
    CLI::App& command = *app.add_subcommand(
        "force-view",
        "Go on without members that are lost for good, when the node of --admin is frozen");
    value_name(texts_option(command, "--keep", force_view.keep,
                            "Members that stay, by address or id; all others are removed", 1),
               "MEMBER");
    command.add_flag("--drop-suspects", force_view.drop_suspects,
                     "Remove those that `members` shows as suspect, and keep the others");
    value_name(command.add_option("--epoch", force_view.epoch,
                                  "Only if the cluster is still at this epoch"),
               "N")
        ->check(CLI::Range(std::int64_t{0}, std::numeric_limits<std::int64_t>::max()))
        ->type_name("");
    command.add_flag("--yes", force_view.yes,
                     "Do it; without this it is only shown what would be done");
  }

  void add_completion() {
    CLI::App& command = *app.add_subcommand("completion", "Print a completion script for a shell");
    text_option(command, "SHELL", completion.shell, "bash, zsh or fish")
        ->required()
        ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  }

  void add_version() { app.add_subcommand("version", "Print the version of nexusctl"); }
};

// CLI11 writes how often an argument may come as (0x) or (1x).
std::string help_text(const CLI::App& app) {
  std::string text = app.help();
  for (const std::string_view count : {"(0x)", "(1x)"}) {
    for (std::size_t at = text.find(count); at != std::string::npos; at = text.find(count)) {
      text.replace(at, count.size(), "...");
    }
  }
  return text;
}

// What the grammar cannot say by itself; empty if all is well.
std::string source_fault(const MessageSource& source, bool stdin_lines,
                         std::size_t payload_count_max) {
  const int sources =
      (source.payloads.empty() ? 0 : 1) + (source.file.empty() ? 0 : 1) + (stdin_lines ? 1 : 0);
  if (sources == 0) return "a message is missing: give a PAYLOAD or --file";
  if (sources > 1) return "PAYLOAD, --file and --stdin-lines exclude each other";
  if (source.payloads.size() > payload_count_max) {
    return "one PAYLOAD is expected, not " + std::to_string(source.payloads.size());
  }
  if (!source.content_type.empty() && source.file.empty())
    return "--content-type goes with --file only";
  return "";
}

std::string tls_fault(const Globals& globals) {
  if (globals.cert.empty() != globals.key.empty()) {
    return "--cert and --key (or NEXUS_CERT and NEXUS_KEY) go together";
  }
  const bool has_more = !globals.cert.empty() || !globals.server_name.empty();
  if (has_more && globals.ca.empty()) {
    return "--cert, --key and --server-name need --ca (or NEXUS_CA), which turns TLS on";
  }
  return "";
}

std::string fault_of(const Invocation& invocation) {
  if (std::string fault = tls_fault(invocation.globals); !fault.empty()) return fault;
  if (!is_address(invocation.globals.node)) {
    return "--node (or NEXUS_NODE): '" + invocation.globals.node + "' is not HOST:PORT";
  }
  if (invocation.globals.admin.empty()) return "--admin (or NEXUS_ADMIN): a path is missing";
  if (const auto* join = std::get_if<JoinCommand>(&invocation.command)) {
    for (const std::string& address : join->addresses) {
      if (!is_address(address)) return "'" + address + "' is not HOST:PORT";
    }
  }
  if (const auto* force = std::get_if<ForceViewCommand>(&invocation.command)) {
    if (force->keep.empty() != force->drop_suspects)
      return "say who stays: either --keep MEMBER... or --drop-suspects";
  }
  if (const auto* tell = std::get_if<TellCommand>(&invocation.command)) {
    return source_fault(tell->source, tell->stdin_lines, 1000);
  }
  if (const auto* ask = std::get_if<AskCommand>(&invocation.command))
    return source_fault(ask->source, false, 1);
  if (const auto* members = std::get_if<MembersCommand>(&invocation.command)) {
    if (members->watch && !members->member.empty())
      return "--watch is about all members; leave '" + members->member + "' out";
  }
  return "";
}

// The values between braces of a type name such as TEXT:{bash,zsh}.
std::vector<std::string> choices_of(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  const std::size_t begin = type.find('{');
  const std::size_t end = type.find('}');
  if (begin == std::string::npos || end == std::string::npos) return {};
  return CLI::detail::split(type.substr(begin + 1, end - begin - 1), ',');
}

OptionNode option_node(const CLI::Option& option) {
  OptionNode node{.names = {},
                  .description = option.get_description(),
                  .takes_value = option.get_items_expected_max() > 0,
                  .choices = choices_of(option)};
  for (const std::string& name : option.get_snames()) node.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) node.names.push_back("--" + name);
  return node;
}

}  // namespace

std::variant<Invocation, HelpText, Failure> parse_command_line(
    const std::vector<std::string>& arguments) {
  const auto grammar = std::make_unique<Grammar>();
  // CLI11 wants the arguments last first.
  std::vector<std::string> reversed;
  for (const std::string& argument : arguments) reversed.insert(reversed.begin(), marked(argument));
  try {
    grammar->app.parse(reversed);
  } catch (const CLI::CallForHelp&) {
    return HelpText{help_text(grammar->app)};
  } catch (const CLI::CallForVersion& version) {
    return HelpText{std::string(version.what()) + '\n'};
  } catch (const CLI::ParseError& fault) {
    // CLI11 would only say that a subcommand is required.
    const bool has_command = !grammar->app.get_subcommands().empty();
    const bool is_missing =
        fault.get_exit_code() == static_cast<int>(CLI::ExitCodes::RequiredError);
    if (!has_command && is_missing) return usage_failure(grammar->missing_command());
    return usage_failure(unmarked(fault.what()));
  }

  Invocation invocation{.globals = grammar->globals, .command = grammar->chosen()};
  const core::Result<std::chrono::milliseconds> timeout = parse_duration(grammar->timeout_text);
  if (!timeout) return usage_failure("--timeout: " + timeout.error().detail);
  invocation.globals.timeout = *timeout;
  if (std::string fault = fault_of(invocation); !fault.empty())
    return usage_failure(std::move(fault));
  return invocation;
}

CommandTree command_tree() {
  const auto grammar = std::make_unique<Grammar>();
  CommandTree tree{.program = grammar->app.get_name(), .options = {}, .commands = {}};
  for (const CLI::Option* option : std::as_const(grammar->app).get_options()) {
    tree.options.push_back(option_node(*option));
  }
  for (const CLI::App* command :
       grammar->app.get_subcommands([](const CLI::App*) { return true; })) {
    CommandNode node{.name = command->get_name(),
                     .description = command->get_description(),
                     .options = {},
                     .positionals = {}};
    for (const CLI::Option* option : command->get_options()) {
      if (option->get_positional()) {
        node.positionals.push_back(
            {.name = option->get_name(true), .choices = choices_of(*option)});
      } else {
        node.options.push_back(option_node(*option));
      }
    }
    tree.commands.push_back(std::move(node));
  }
  return tree;
}

}  // namespace nexus::cli
