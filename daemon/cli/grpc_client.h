// Client: calls one node. Connects with the first call, on a channel of its own; a node that is not
// there fails the call at once instead of holding it until its deadline.
//
//   every call   one thread   returns when the answer is there or the timeout has passed
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/cli/api_types.h"
#include "daemon/cli/failure.h"
#include "daemon/cli/invocation.h"

namespace nexus::cli {

struct WatchEvent {
  enum class What : std::uint8_t { watching, terminated, failed };
  std::string pid{};
  What what = What::watching;
  // Of `terminated`: stopped, address_terminated, not_found or unknown.
  std::string reason{};
  // Of `failed`.
  Failure failure{};
};

class Client {
 public:
  struct Options {
    // HOST:PORT or unix:PATH.
    std::string node{};
    std::chrono::milliseconds timeout{};
    // Told what was called and how long it took; may be empty.
    std::function<void(const std::string&)> trace{};
    // In PEM. `authorities` empty: no TLS.
    std::string authorities{};
    std::string certificate{};
    std::string key{};
    std::string server_name{};
  };

  explicit Client(Options options);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  Outcome<Spawned> spawn(const SpawnCommand& command);
  // At most kTellCountMax messages. Returns how many were accepted.
  static constexpr std::size_t kTellCountMax = 1000;
  Outcome<std::uint64_t> tell(const std::string& pid, const std::vector<Payload>& messages,
                              bool ack_accepted);
  Outcome<Payload> ask(const std::string& pid, const Payload& message);
  Outcome<bool> stop(const StopCommand& command);
  Outcome<ActorInfo> get(const std::string& pid);
  // The page that begins at `page_token`; the first one when it is empty.
  Outcome<ActorPage> list(const ListCommand& command, const std::string& page_token);
  Outcome<std::vector<KindInfo>> kinds(const std::string& on);
  Outcome<ClusterInfo> cluster();
  Outcome<MemberList> members();
  // An address or an id.
  Outcome<MemberInfo> member(const std::string& name);

  // Of a node's socket for administration: Options::node is `unix:PATH`.
  Outcome<ViewInfo> join(const JoinCommand& command);
  // Whether the others have agreed.
  Outcome<bool> leave();
  Outcome<ForcedView> force_view(const ForceViewCommand& command);

  // Hands over every event, on the calling thread, until each actor has terminated or its watch has
  // failed.
  void watch(const std::vector<std::string>& pids,
             const std::function<void(const WatchEvent&)>& on_event);
  // Hands over every event, on the calling thread, until `on_event` returns false or the watch has
  // ended, which is a failure.
  std::optional<Failure> watch_members(const std::function<bool(const ClusterEvent&)>& on_event);

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace nexus::cli
