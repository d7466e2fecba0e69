// PeerProcess: this program once more as the far end, in a process of its own.
//
//   all calls   main thread
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace nexus::bench {

class PeerProcess {
 public:
  // Waits until it has said where it serves. Throws Broken when it does not.
  explicit PeerProcess(std::vector<std::string> arguments);
  // Ends it by closing its input, and waits for it.
  ~PeerProcess();
  PeerProcess(const PeerProcess&) = delete;
  PeerProcess& operator=(const PeerProcess&) = delete;

  const std::string& address() const { return address_; }
  // SIGKILL, and waits.
  void kill();
  // It has stopped reading, and does nothing, when pause() returns.
  void pause();
  void resume();

 private:
  pid_t pid_ = -1;
  int input_ = -1;
  std::string address_;
};

// In that process: says where it serves, and waits until the parent closes its input or has ended.
void serve_parent(const std::string& address);

}  // namespace nexus::bench
