// EndpointWriter: what waits for one peer, in two lanes. Pure.
//
//   all calls   owner   the endpoint, under its mutex
//
// B1  System messages leave before user messages; within a lane the order of push() holds.
// B2  At most queue_count_max user messages and queue_bytes_max bytes wait (a single message always fits an empty lane). System
//     messages and exempt ones are not turned away: there is one for each watch, unwatch, stop and termination.
// B3  A batch has at most batch_count_max messages and batch_bytes_max bytes, but at least one message.
#pragma once

#include <cstddef>
#include <deque>
#include <vector>

#include "remote/options.h"
#include "remote/wire_message.h"

namespace nexus::remote {

class EndpointWriter {
 public:
  explicit EndpointWriter(const Options& options) : options_(options) {}

  // False when it is full; the message stays with the caller.
  [[nodiscard]] bool push(WireMessage& message);
  // The next batch, oldest first; empty when nothing waits.
  std::vector<WireMessage> take_batch();
  // A batch that was not sent after all goes back to where it was taken from. No limit applies.
  void put_back(std::vector<WireMessage> batch);
  // Everything that waits, system lane first.
  std::vector<WireMessage> take_all();

  bool empty() const { return system_.empty() && user_.empty(); }
  std::size_t count() const { return system_.size() + user_.size(); }
  std::size_t bytes() const { return bytes_; }

 private:
  const Options options_;
  std::deque<WireMessage> system_;
  std::deque<WireMessage> user_;
  std::size_t bytes_ = 0;
};

}  // namespace nexus::remote
