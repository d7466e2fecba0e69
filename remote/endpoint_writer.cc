#include "remote/endpoint_writer.h"

namespace nexus::remote {

bool EndpointWriter::push(WireMessage& message) {
  const std::size_t bytes = message.bytes();
  if (message.lane == core::Lane::user && !message.exempt) {
    if (user_.size() >= options_.queue_count_max) return false;
    if (!user_.empty() && bytes_ + bytes > options_.queue_bytes_max) return false;
  }
  bytes_ += bytes;
  auto& lane = message.lane == core::Lane::system ? system_ : user_;
  lane.push_back(std::move(message));
  return true;
}

std::vector<WireMessage> EndpointWriter::take_batch() {
  std::vector<WireMessage> batch;
  std::size_t batch_bytes = 0;
  for (auto* lane : {&system_, &user_}) {
    while (!lane->empty() && batch.size() < options_.batch_count_max) {
      const std::size_t bytes = lane->front().bytes();
      if (!batch.empty() && batch_bytes + bytes > options_.batch_bytes_max) return batch;
      batch_bytes += bytes;
      bytes_ -= bytes;
      batch.push_back(std::move(lane->front()));
      lane->pop_front();
    }
  }
  return batch;
}

void EndpointWriter::put_back(std::vector<WireMessage> batch) {
  while (!batch.empty()) {
    WireMessage& message = batch.back();
    bytes_ += message.bytes();
    auto& lane = message.lane == core::Lane::system ? system_ : user_;
    lane.push_front(std::move(message));
    batch.pop_back();
  }
}

std::vector<WireMessage> EndpointWriter::take_all() {
  std::vector<WireMessage> all;
  all.reserve(count());
  for (auto* lane : {&system_, &user_}) {
    for (WireMessage& message : *lane) all.push_back(std::move(message));
    lane->clear();
  }
  bytes_ = 0;
  return all;
}

}  // namespace nexus::remote
