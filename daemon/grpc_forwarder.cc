#include "daemon/grpc_forwarder.h"

#include <grpcpp/channel.h>
#include <grpcpp/support/channel_arguments.h>

#include "remote/grpc_tls.h"

namespace nexus::daemon {

std::shared_ptr<grpc::Channel> GrpcForwarder::channel(const std::string& address) {
  // Dropped connections end outside the lock.
  std::unordered_map<std::string, std::shared_ptr<grpc::Channel>> dropped;
  core::MutexLock lock(mutex_);
  if (tls_ != nullptr) {
    const std::uint64_t version = tls_->version();
    if (std::exchange(tls_version_, version) != version) dropped.swap(channels_);
  }
  const auto found = channels_.find(address);
  if (found != channels_.end()) return found->second;
  if (channels_.size() >= kChannelCountMax) dropped.swap(channels_);
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  // A node that has just come up is found at the next call, not after gRPC's long back-off.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 200);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
  auto channel = remote::open_channel(address, arguments, tls_.get());
  channels_.emplace(address, channel);
  return channel;
}

}  // namespace nexus::daemon
