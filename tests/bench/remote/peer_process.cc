#include "tests/bench/remote/peer_process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>

#include <array>
#include <iostream>

#include "tests/bench/report/sample.h"

namespace nexus::bench {

PeerProcess::PeerProcess(std::vector<std::string> arguments) {
  constexpr const char* kProgram = "/proc/self/exe";
  std::vector<char*> argv;
  std::string name = "remote_bench";
  argv.push_back(name.data());
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);

  std::array<int, 2> output{};
  std::array<int, 2> input{};
  if (pipe2(output.data(), O_CLOEXEC) != 0 || pipe2(input.data(), O_CLOEXEC) != 0) {
    throw Broken("no pipe to the peer process");
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, output[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, input[0], STDIN_FILENO);
  const int failed = posix_spawn(&pid_, kProgram, &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(output[1]);
  close(input[0]);
  input_ = input[1];

  std::array<char, 256> part{};
  ssize_t size = 0;
  while (address_.find('\n') == std::string::npos &&
         (size = read(output[0], part.data(), part.size())) > 0) {
    address_.append(part.data(), static_cast<std::size_t>(size));
  }
  close(output[0]);
  if (failed != 0 || address_.empty()) throw Broken("the peer process did not start");
  address_.pop_back();
}

PeerProcess::~PeerProcess() {
  close(input_);
  // A stopped process would not end.
  resume();
  if (pid_ > 0) (void)waitpid(pid_, nullptr, 0);
}

void PeerProcess::kill() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  (void)waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

void PeerProcess::pause() {
  int status = 0;
  if (::kill(pid_, SIGSTOP) != 0 || waitpid(pid_, &status, WUNTRACED) != pid_ ||
      !WIFSTOPPED(status)) {
    throw Broken("the peer process did not stop");
  }
}

void PeerProcess::resume() {
  if (pid_ > 0) ::kill(pid_, SIGCONT);
}

void serve_parent(const std::string& address) {
  std::cout << address << '\n' << std::flush;
  std::array<char, 16> part{};
  while (read(STDIN_FILENO, part.data(), part.size()) > 0) {
  }
}

}  // namespace nexus::bench
