// Node::run(): the node as a process: command line, configuration, signals, service manager, exit status.

#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include <csignal>
#include <cstdlib>
#include <iostream>

#include "daemon/command_line.h"
#include "daemon/config/config_reference.h"
#include "daemon/config/load_config.h"
#include "daemon/config/print_config.h"
#include "daemon/grpc_server.h"
#include "daemon/node.h"
#include "daemon/notify.h"
#include "daemon/tls_files.h"

namespace nexus::daemon {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::seconds kStatusInterval{10};
constexpr std::chrono::seconds kResolvePatience{5};

// Whether the host to listen on has an address, so that a misspelt name is told from a taken port. On a loop of its own, because the
// thread that resolves ends with the loop.
core::Status check_resolves(const HostPort& listen) {
  asio::io_context loop;
  asio::ip::tcp::resolver resolver(loop);
  std::string why = "no answer within 5 s";
  resolver.async_resolve(listen.host, std::to_string(listen.port),
                         [&](const boost::system::error_code& error, const auto&) {
                           why = error ? error.message() : "";
                         });
  loop.run_for(kResolvePatience);
  if (why.empty()) return core::Nothing{};
  return core::Error{core::Errc::unavailable, "cannot listen on " + listen.to_string() +
                                                  ": the name \"" + listen.host +
                                                  "\" does not resolve (" + why + ")"};
}

std::string status_line(core::ActorSystem& system) {
  return "serving at " + system.address() + ", " + std::to_string(system.cells().live_count()) +
         " actors";
}

// Serves until the first signal, or until the wait for it is cancelled. True when it was a signal.
bool wait_for_signal(core::ActorSystem& system, const Notifier& notifier, asio::io_context& loop,
                     asio::signal_set& signals) {
  asio::steady_timer status_timer(loop);
  const std::function<void()> tell_status = [&] {
    status_timer.expires_after(kStatusInterval);
    status_timer.async_wait([&](const boost::system::error_code& error) {
      if (error) return;
      (void)notifier.status(status_line(system));
      tell_status();
    });
  };
  if (notifier.enabled()) tell_status();
  bool told = false;
  signals.async_wait([&](const boost::system::error_code& error, int signal) {
    if (!error) system.log().info("signal", {{"number", signal}});
    told = !error;
    status_timer.cancel();
  });
  loop.run();
  return told;
}

// A node that stops at an operator's word is often told to by its service manager too: that is no second signal.
void pass_over_one(int signal) {
  struct sigaction action {};
  action.sa_handler = [](int) {};
  action.sa_flags = SA_RESETHAND;
  sigaction(signal, &action, nullptr);
}

}  // namespace

int Node::run(int argc, char** argv) {
  const auto parsed = parse_command_line(argc, argv);
  if (const auto* code = std::get_if<ExitCode>(&parsed)) return exit_status(*code);
  const CommandLine& line = std::get<CommandLine>(parsed);
  if (line.action == CommandLine::Action::print_reference) {
    std::cout << config_reference();
    return exit_status(ExitCode::ok);
  }

  LoadOptions options{.kinds = kinds_.names()};
  // What is only printed may name files of another machine.
  if (line.action != CommandLine::Action::print_config) options.look_further = check_tls_files;
  const core::Result<NodeConfig> config = line.config_path.empty()
                                              ? load_config_text("{}", "defaults", options)
                                              : load_config(line.config_path, options);
  if (!config.ok()) {
    std::cerr << config.error().detail << "\n";
    return exit_status(ExitCode::invalid_config);
  }
  if (line.action == CommandLine::Action::print_config) {
    std::cout << print_config(*config);
    return exit_status(ExitCode::ok);
  }
  if (line.action == CommandLine::Action::check) {
    std::cout << (line.config_path.empty() ? "defaults" : line.config_path) << ": ok\n";
    return exit_status(ExitCode::ok);
  }

  const Notifier notifier = Notifier::from_environment();
  // A closed pipe or socket is an error of the write, not the end of the node.
  std::signal(SIGPIPE, SIG_IGN);
  silence_rpc_libraries();
  asio::io_context loop;
  asio::signal_set signals(loop, SIGTERM, SIGINT, SIGHUP);

  on_leave([&] { asio::post(loop, [&signals] { signals.cancel(); }); });
  core::Status started = check_resolves(config->node.listen);
  if (started.ok()) started = start(*config);
  if (!started.ok()) {
    std::cerr << "nexusd: " << started.error().detail << "\n";
    return exit_status(started.error().code == core::Errc::unavailable ? ExitCode::cannot_listen
                                                                       : ExitCode::failure);
  }
  const core::Log log = system().log();
  const auto notify = [&](const core::Status& told) {
    if (!told.ok()) log.warn("service manager not told", {{"detail", told.error().detail}});
  };
  notify(notifier.ready(status_line(system())));
  const bool told = wait_for_signal(system(), notifier, loop, signals);

  notify(notifier.stopping());
  // The loop has ended; from here on the signals do what they do by default: end the process.
  signals.clear();
  if (!told) {
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) pass_over_one(signal);
  }
  if (!stop()) {
    log.error("stopping: deadline missed, the process ends now");
    std::_Exit(exit_status(ExitCode::shutdown_deadline));
  }
  return exit_status(ExitCode::ok);
}

}  // namespace nexus::daemon
