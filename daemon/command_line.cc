#include "daemon/command_line.h"

#include <CLI/CLI.hpp>
#include <iostream>

#include "daemon/version.h"

namespace nexus::daemon {

std::variant<CommandLine, ExitCode> parse_command_line(int argc, char** argv) {
  CommandLine line;
  bool check = false;
  bool print_config = false;
  bool print_reference = false;
  CLI::App app("nexusd: a node of nexus. Hosts actors, talks to peers and clients over gRPC.",
               "nexusd");
  app.set_version_flag("--version", std::string("nexusd ") + kVersion);
  app.add_option("-c,--config", line.config_path,
                 "YAML file; without it every option has its default")
      ->type_name("FILE");
  auto* modes = app.add_option_group("instead of serving");
  modes->add_flag("--check", check, "check the configuration and end (status 0 or 3)");
  modes->add_flag("--print-config", print_config, "print the configuration in force and end");
  modes->add_flag("--config-reference", print_reference, "print all options as a page and end");
  modes->require_option(0, 1);
  app.footer(
      "Exit status: 0 ended as asked, 1 failure, 2 wrong usage, 3 invalid configuration,\n"
      "4 cannot listen on the address, 5 shutdown deadline missed.\n"
      "SIGTERM, SIGINT and SIGHUP drain and stop; a second one ends at once.");
  // A word after `--check` is the file, as most would write it.
  std::string file;
  app.add_option("file", file, "the same as --config FILE")->type_name("FILE");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? ExitCode::ok : ExitCode::usage;
  }
  if (!file.empty()) {
    if (!line.config_path.empty()) {
      std::cerr << "nexusd: two configurations are named, --config " << line.config_path << " and "
                << file << "; name one\n";
      return ExitCode::usage;
    }
    line.config_path = file;
  }
  if (check) line.action = CommandLine::Action::check;
  if (print_config) line.action = CommandLine::Action::print_config;
  if (print_reference) line.action = CommandLine::Action::print_reference;
  return line;
}

}  // namespace nexus::daemon
