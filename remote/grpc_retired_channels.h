// RetiredChannels: channels whose only call has ended, until they can be let go. A channel that is let go while it connects leaks in gRPC
// 1.51: when the other end answers after all, nobody takes the connection over, and its file stays open as long as the process. So a
// channel that connects is kept until it does not.
//
//   all calls   any thread but gRPC's own: with the process's last channel gRPC 1.51 ends those, and one that waits for itself frees twice
#pragma once

#include <memory>
#include <vector>

#include "core/base/mutex.h"

namespace grpc {
class Channel;
}

namespace nexus::remote {

class RetiredChannels {
 public:
  // gRPC's own threads, too.
  void add(std::shared_ptr<grpc::Channel> channel);
  // Lets go those that do not connect. Between two calls one that has failed tries again by itself, after a second and later less often;
  // so it takes a few calls at most.
  void prune();
  // Lets all go.
  void clear();

 private:
  core::Mutex mutex_{"retired_channels"};
  std::vector<std::shared_ptr<grpc::Channel>> channels_ GUARDED_BY(mutex_);
};

}  // namespace nexus::remote
