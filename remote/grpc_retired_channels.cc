#include "remote/grpc_retired_channels.h"

#include <grpcpp/channel.h>

#include <utility>

namespace nexus::remote {

void RetiredChannels::add(std::shared_ptr<grpc::Channel> channel) {
  core::MutexLock lock(mutex_);
  channels_.push_back(std::move(channel));
}

void RetiredChannels::prune() {
  // Let go outside the lock.
  std::vector<std::shared_ptr<grpc::Channel>> done;
  core::MutexLock lock(mutex_);
  std::erase_if(channels_, [&](std::shared_ptr<grpc::Channel>& channel) {
    if (channel->GetState(false) == GRPC_CHANNEL_CONNECTING) return false;
    done.push_back(std::move(channel));
    return true;
  });
}

void RetiredChannels::clear() {
  std::vector<std::shared_ptr<grpc::Channel>> all;
  core::MutexLock lock(mutex_);
  all.swap(channels_);
}

}  // namespace nexus::remote
