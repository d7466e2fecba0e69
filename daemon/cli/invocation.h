// Invocation: what one command line asks for, after it was understood and before anything is done.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace nexus::cli {

struct Globals {
  // HOST:PORT of the node to call.
  std::string node = "127.0.0.1:7701";
  // The socket of the node to administer.
  std::string admin = "/run/nexus/admin.sock";
  // For each call. `watch` and `members --watch` allow it until the watch is set, then wait for ever.
  std::chrono::milliseconds timeout = std::chrono::seconds(5);
  bool json = false;
  bool verbose = false;
  // PEM files. `ca` turns TLS on: whose signature makes the node's certificate good. `cert` and `key` are shown to the node.
  std::string ca{};
  std::string cert{};
  std::string key{};
  // What the node's certificate must be made out to; empty: the host of `node`.
  std::string server_name{};
};

// Where the messages of `tell` and `ask` come from.
struct MessageSource {
  std::vector<std::string> payloads{};
  std::string type{};
  // A file whose bytes are one message; "-" is standard input.
  std::string file{};
  std::string content_type{};
};

struct SpawnCommand {
  std::string kind{};
  std::string id{};
  std::string on{};
  bool return_existing = false;
};
struct TellCommand {
  std::string pid{};
  MessageSource source{};
  bool stdin_lines = false;
  bool ack_accepted = false;
};
struct AskCommand {
  std::string pid{};
  MessageSource source{};
};
struct StopCommand {
  std::string pid{};
  bool now = false;
  bool no_wait = false;
};
struct GetCommand {
  std::string pid{};
};
struct ListCommand {
  std::string on{};
  std::string kind{};
  std::string prefix{};
  bool system = false;
};
struct KindsCommand {
  std::string on{};
};
struct WatchCommand {
  std::vector<std::string> pids{};
};
struct MembersCommand {
  // An address or an id; empty: all.
  std::string member{};
  bool watch = false;
};
struct JoinCommand {
  std::vector<std::string> addresses{};
};
struct LeaveCommand {};
struct ForceViewCommand {
  // Addresses or ids of those that stay.
  std::vector<std::string> keep{};
  bool drop_suspects = false;
  // Of the view that the operator has looked at; 0: whichever there is.
  std::uint64_t epoch = 0;
  // Else it is only shown what would be.
  bool yes = false;
};
struct CompletionCommand {
  std::string shell{};
};
struct VersionCommand {};

using Command = std::variant<SpawnCommand, TellCommand, AskCommand, StopCommand, GetCommand,
                             ListCommand, KindsCommand, WatchCommand, MembersCommand, JoinCommand,
                             LeaveCommand, ForceViewCommand, CompletionCommand, VersionCommand>;

struct Invocation {
  Globals globals{};
  Command command{VersionCommand{}};
};

// Nothing is to be done but to print this and end: help was asked for.
struct HelpText {
  std::string text{};
};

}  // namespace nexus::cli
