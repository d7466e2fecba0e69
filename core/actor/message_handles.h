// MessageHandles: the stash of an actor: messages put aside until it wants them again, as whole envelopes with sender and headers.
//
//   all calls   owner   no lock inside, no allocation
//
// U1  First in, first out. unstash_all() makes ready what is there at that moment; what is stashed later, by the handlers of ready
//     messages too, comes behind it and waits for the next unstash_all(). So handing out ends, whatever handlers stash again.
// U2  At most count_max envelopes are held, ready ones included. So there is room to stash again what next() has just handed out.
// U3  What is still held when the actor stops is for its owner to take, with take_left(), to dead letters.
#pragma once

#include <cstdint>
#include <utility>

#include "core/actor/envelope.h"
#include "core/base/check.h"

namespace nexus::core {

class MessageHandles {
 public:
  // On `full` the envelope stays with the caller.
  enum class Stash : std::uint8_t { stashed, full };

  explicit MessageHandles(std::uint32_t count_max) : count_max_(count_max) {}

  [[nodiscard]] Stash stash(EnvelopePtr& envelope) {
    CHECK(envelope != nullptr);
    if (count_ >= count_max_) return Stash::full;
    held_.push_back(std::move(envelope));
    ++count_;
    return Stash::stashed;
  }

  void unstash_all() { ready_count_ = count_; }
  // The next ready message; null when there is none.
  EnvelopePtr next() { return ready_count_ == 0 ? nullptr : take_left(); }
  // The next message, ready or not; null when nothing is held.
  EnvelopePtr take_left() {
    if (count_ == 0) return nullptr;
    --count_;
    if (ready_count_ > 0) --ready_count_;
    return held_.pop_front();
  }

  // Ready ones included.
  std::uint32_t count() const { return count_; }
  std::uint32_t ready_count() const { return ready_count_; }
  std::uint32_t count_max() const { return count_max_; }

 private:
  const std::uint32_t count_max_;
  // The first ready_count_ of the count_ in the list are ready.
  EnvelopeList held_;
  std::uint32_t count_ = 0;
  std::uint32_t ready_count_ = 0;
};

}  // namespace nexus::core
