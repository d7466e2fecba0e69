#include "daemon/cli/run.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>

#include "daemon/cli/cluster_output.h"
#include "daemon/cli/command_line.h"
#include "daemon/cli/completion.h"
#include "daemon/cli/grpc_client.h"
#include "daemon/cli/json_text.h"
#include "daemon/cli/line_reader.h"
#include "daemon/cli/output.h"
#include "daemon/cli/payload_source.h"
#include "daemon/cli/reply_text.h"

namespace nexus::cli {
namespace {

void write_out(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }

ExitCode report(const Failure& failure, bool as_json) {
  std::fflush(stdout);
  std::fputs((as_json ? failure_json(failure) : failure_text(failure)).c_str(), stderr);
  return exit_code(failure);
}

// Also of a command line that cannot be parsed.
bool wants_json(const std::vector<std::string>& arguments) {
  return std::find(arguments.begin(), arguments.end(), "--json") != arguments.end();
}

// The connection to make, with what the files of TLS hold.
Outcome<Client::Options> client_options(const Globals& globals, bool admin) {
  Client::Options options{.node = admin ? "unix:" + globals.admin : globals.node,
                          .timeout = globals.timeout,
                          .server_name = globals.server_name};
  struct File {
    const char* option;
    const std::string& path;
    std::string& text;
    std::string_view mark;
  };
  const File files[] = {
      {"--ca", globals.ca, options.authorities, "-----BEGIN CERTIFICATE-----"},
      {"--cert", globals.cert, options.certificate, "-----BEGIN CERTIFICATE-----"},
      {"--key", globals.key, options.key, "PRIVATE KEY-----"},
  };
  for (const File& file : files) {
    // The socket speaks no TLS.
    if (file.path.empty() || admin) continue;
    Outcome<std::string> text = read_file(file.path);
    if (!text.ok()) return usage_failure(std::string(file.option) + ": " + text.failure->message);
    if (text.value.find(file.mark) == std::string::npos) {
      return usage_failure(std::string(file.option) + ": " + file.path + " has no \"" +
                           std::string(file.mark) + "\"; a file in PEM is expected");
    }
    file.text = std::move(text.value);
  }
  if (globals.verbose) {
    options.trace = [](const std::string& what) {
      std::fprintf(stderr, "nexusctl: %s\n", what.c_str());
    };
  }
  return options;
}

// Done over the socket of the node, and not over its port.
bool is_admin(const Command& command) {
  return std::holds_alternative<JoinCommand>(command) ||
         std::holds_alternative<LeaveCommand>(command) ||
         std::holds_alternative<ForceViewCommand>(command);
}

// Done without a node.
bool is_local(const Command& command) {
  return std::holds_alternative<CompletionCommand>(command) ||
         std::holds_alternative<VersionCommand>(command);
}

// Does what one command says. Each operator() returns the exit code.
class Runner {
 public:
  Runner(const Globals& globals, Client::Options options)
      : globals_(globals), client_(std::move(options)) {}

  ExitCode operator()(const SpawnCommand& command) {
    const Outcome<Spawned> outcome = client_.spawn(command);
    if (!outcome.ok()) return fail(*outcome.failure);
    const Spawned& spawned = outcome.value;
    show(spawned.pid + '\n',
         JsonObject().put("pid", spawned.pid).put("created", spawned.created).text() + '\n');
    if (!spawned.created && !globals_.json) {
      std::fputs("nexusctl: an actor of that name was there already\n", stderr);
    }
    return kExitOk;
  }

  ExitCode operator()(const TellCommand& command) {
    return command.stdin_lines ? tell_lines(command) : tell_once(command);
  }

  ExitCode operator()(const AskCommand& command) {
    const Outcome<std::vector<Payload>> messages = read_payloads(command.source);
    if (!messages.ok()) return fail(*messages.failure);
    const Outcome<Payload> reply = client_.ask(command.pid, messages.value.front());
    if (!reply.ok()) return fail(*reply.failure);
    show(reply_text(reply.value), reply_json(reply.value));
    return kExitOk;
  }

  ExitCode operator()(const StopCommand& command) {
    const Outcome<bool> outcome = client_.stop(command);
    if (!outcome.ok()) return fail(*outcome.failure);
    const bool stopped = !command.no_wait;
    show((stopped ? "stopped " : "stopping ") + command.pid + '\n',
         JsonObject().put("pid", command.pid).put("stopped", stopped).text() + '\n');
    return kExitOk;
  }

  ExitCode operator()(const GetCommand& command) {
    const Outcome<ActorInfo> actor = client_.get(command.pid);
    if (!actor.ok()) return fail(*actor.failure);
    show(actor_text(actor.value), actor_json(actor.value));
    return kExitOk;
  }

  ExitCode operator()(const ListCommand& command) {
    std::vector<ActorInfo> actors;
    std::string page_token;
    do {
      Outcome<ActorPage> page = client_.list(command, page_token);
      if (!page.ok()) return fail(*page.failure);
      for (ActorInfo& actor : page.value.actors) {
        if (globals_.json) {
          write_out(actor_json(actor));
        } else {
          actors.push_back(std::move(actor));
        }
      }
      page_token = std::move(page.value.next_page_token);
    } while (!page_token.empty());
    if (!globals_.json) {
      const auto now = std::chrono::system_clock::now().time_since_epoch();
      write_out(actors_text(actors, std::chrono::duration_cast<std::chrono::seconds>(now).count()));
    }
    return kExitOk;
  }

  ExitCode operator()(const KindsCommand& command) {
    const Outcome<std::vector<KindInfo>> kinds = client_.kinds(command.on);
    if (!kinds.ok()) return fail(*kinds.failure);
    std::string lines;
    for (const KindInfo& kind : kinds.value) lines += kind_json(kind);
    show(kinds_text(kinds.value), lines);
    return kExitOk;
  }

  // The first failure decides the exit code; an actor that was not there counts as one.
  ExitCode operator()(const WatchCommand& command) {
    ExitCode code = kExitOk;
    client_.watch(command.pids, [&](const WatchEvent& event) {
      ExitCode event_code = kExitOk;
      if (event.what == WatchEvent::What::failed) {
        event_code = fail(event.failure);
      } else {
        show(event_text(event), event_json(event));
        if (event.reason == "not_found") event_code = kExitNotFound;
      }
      if (code == kExitOk) code = event_code;
      // Who reads the pipe waits for just this.
      std::fflush(stdout);
    });
    return code;
  }

  ExitCode operator()(const MembersCommand& command) {
    if (command.watch) return watch_members();
    if (!command.member.empty()) {
      const Outcome<MemberInfo> member = client_.member(command.member);
      if (!member.ok()) return fail(*member.failure);
      show(member_text(member.value), member_json(member.value));
      return kExitOk;
    }
    const Outcome<ClusterInfo> cluster = client_.cluster();
    if (!cluster.ok()) return fail(*cluster.failure);
    // A node that is in no cluster yet says so here.
    const Outcome<MemberList> members = client_.members();
    if (!members.ok()) return fail(*members.failure);
    show(members_text(cluster.value, members.value), members_json(cluster.value, members.value));
    return kExitOk;
  }

  ExitCode operator()(const JoinCommand& command) {
    const Outcome<ViewInfo> view = client_.join(command);
    if (view.ok()) {
      show(joined_text(view.value), joined_json(view.value));
      return kExitOk;
    }
    Failure failure = *view.failure;
    if (failure.code == core::Errc::deadline_exceeded && failure.reason.empty()) {
      failure.reason = kReasonJoinPending;
      failure.message = "the node is not together with any of them yet, and goes on asking";
    }
    return fail(failure);
  }

  ExitCode operator()(const LeaveCommand&) {
    const Outcome<bool> agreed = client_.leave();
    if (!agreed.ok()) return fail(*agreed.failure);
    show("left\n", JsonObject().put("left", true).put("agreed", agreed.value).text() + '\n');
    if (!agreed.value && !globals_.json) {
      std::fputs(
          "nexusctl: the others have not agreed in time; they remove the node when they miss it\n",
          stderr);
    }
    return kExitOk;
  }

  ExitCode operator()(const ForceViewCommand& command) {
    const Outcome<ForcedView> forced = client_.force_view(command);
    if (!forced.ok()) return fail(*forced.failure);
    show(forced_text(forced.value), forced_json(forced.value));
    return kExitOk;
  }

  ExitCode operator()(const CompletionCommand& command) {
    const CommandTree tree = command_tree();
    if (command.shell == "bash") write_out(bash_completion(tree));
    if (command.shell == "zsh") write_out(zsh_completion(tree));
    if (command.shell == "fish") write_out(fish_completion(tree));
    return kExitOk;
  }

  ExitCode operator()(const VersionCommand&) {
    show("nexusctl " NEXUS_VERSION "\n", JsonObject().put("version", NEXUS_VERSION).text() + '\n');
    return kExitOk;
  }

 private:
  void show(const std::string& text, const std::string& json) const {
    write_out(globals_.json ? json : text);
  }

  ExitCode fail(const Failure& failure) const { return report(failure, globals_.json); }

  // Ends with a failure, or when nothing can be written any more.
  ExitCode watch_members() {
    const std::optional<Failure> failure = client_.watch_members([&](const ClusterEvent& event) {
      show(cluster_event_text(event), cluster_event_json(event));
      // Who reads the pipe waits for just this.
      return std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
    });
    return failure ? fail(*failure) : kExitOk;
  }

  ExitCode show_accepted(const TellCommand& command, std::uint64_t accepted) const {
    show("accepted " + std::to_string(accepted) + '\n',
         JsonObject().put("pid", command.pid).put("accepted", accepted).text() + '\n');
    return kExitOk;
  }

  ExitCode tell_once(const TellCommand& command) {
    const Outcome<std::vector<Payload>> messages = read_payloads(command.source);
    if (!messages.ok()) return fail(*messages.failure);
    const Outcome<std::uint64_t> accepted =
        client_.tell(command.pid, messages.value, command.ack_accepted);
    if (!accepted.ok()) return fail(*accepted.failure);
    return show_accepted(command, accepted.value);
  }

  // Sends lines as they come. When one cannot be sent, the message says how many were before it.
  ExitCode tell_lines(const TellCommand& command) {
    LineReader reader(STDIN_FILENO, {.batch_count_max = Client::kTellCountMax});
    std::uint64_t line_number = 0;
    std::uint64_t accepted_count = 0;
    while (true) {
      const core::Result<std::vector<std::string>> lines = reader.next_batch();
      if (!lines) return fail_after(usage_failure(lines.error().detail), accepted_count);
      if (lines->empty()) return show_accepted(command, accepted_count);

      std::vector<Payload> messages;
      for (const std::string& line : *lines) {
        ++line_number;
        if (line.find_first_not_of(" \t") == std::string::npos) continue;
        Outcome<Payload> message =
            json_payload(line, command.source.type, "line " + std::to_string(line_number));
        if (!message.ok()) return fail_after(*message.failure, accepted_count);
        messages.push_back(std::move(message.value));
      }
      if (messages.empty()) continue;
      const Outcome<std::uint64_t> accepted =
          client_.tell(command.pid, messages, command.ack_accepted);
      if (!accepted.ok()) return fail_after(*accepted.failure, accepted_count);
      accepted_count += accepted.value;
    }
  }

  ExitCode fail_after(Failure failure, std::uint64_t accepted_count) const {
    failure.metadata["accepted_before"] = std::to_string(accepted_count);
    return fail(failure);
  }

  const Globals globals_;
  Client client_;
};

// What the shell sees must have reached the pipe or the disk.
int finish(ExitCode code, bool as_json) {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return code;
  const ExitCode failed =
      report({.code = core::Errc::internal, .message = "cannot write to standard output"}, as_json);
  return code == kExitOk ? failed : code;
}

}  // namespace

int run(const std::vector<std::string>& arguments) {
  const auto parsed = parse_command_line(arguments);
  if (const auto* help = std::get_if<HelpText>(&parsed)) {
    write_out(help->text);
    return finish(kExitOk, wants_json(arguments));
  }
  if (const auto* failure = std::get_if<Failure>(&parsed)) {
    return report(*failure, wants_json(arguments));
  }
  const auto& invocation = std::get<Invocation>(parsed);
  const Globals& globals = invocation.globals;
  Outcome<Client::Options> options = client_options(
      is_local(invocation.command) ? Globals{} : globals, is_admin(invocation.command));
  if (!options.ok()) return report(*options.failure, globals.json);
  Runner runner(globals, std::move(options.value));
  return finish(std::visit(runner, invocation.command), invocation.globals.json);
}

int give_up(const std::vector<std::string>& arguments, const std::string& why) {
  return report({.code = core::Errc::internal, .message = why}, wants_json(arguments));
}

}  // namespace nexus::cli
