// OutboundSession: the frames that were sent to a peer of ours and that it has not acknowledged yet. Pure.
//
//   all calls   owner   the endpoint, under its mutex
//
// O1  Frames are numbered 1, 2, 3 ... in the order of add(), and leave in that order. Sent again, a frame keeps its number.
// O2  A frame is kept until it is acknowledged, or until its fate is known to be in doubt.
// O3  A frame that kTakeCountMax streams have taken while none of them got it across may be what breaks them: an empty one takes
//     its place and its number, and its own fate is in doubt.
// O4  At most `credit` bytes are unacknowledged, or one frame; with system frames kSystemBytes more. One frame may go beyond either.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "remote/batch_codec.h"
#include "remote/outgoing_frame.h"

namespace nexus::remote {

class OutboundSession {
 public:
  static constexpr std::uint32_t kTakeCountMax = 5;
  // System messages wait for no credit until they come to so much.
  static constexpr std::size_t kSystemBytes = 4 * 1024 * 1024;
  // More credit than any node of ours gives counts as this.
  static constexpr std::uint64_t kCreditBytesMax = 1024 * 1024 * 1024;

  struct Numbered {
    OutgoingFramePtr frame;
    std::uint64_t sequence = 0;
  };
  // What is left of a session that does not go on.
  struct Remains {
    // Some stream took them; whether the peer did is not known.
    std::vector<OutgoingFramePtr> in_doubt;
    // No stream ever took them.
    std::vector<OutgoingFramePtr> unsent;
  };

  // `link`: not that of another link of this node.
  explicit OutboundSession(std::uint64_t link) : link_(link) {}

  // For the handshake of a new stream.
  LinkOffer offer();
  // The peer's answer: what it has received is done with, the rest will leave again. When it knows nothing of the session, what
  // some stream took is in doubt.
  [[nodiscard]] Remains on_accepted(const LinkAccept& accept);
  // The peer of the new stream makes no sessions, or is another one than before.
  [[nodiscard]] Remains end();

  // Between on_accepted() and end().
  bool is_active() const { return active_; }
  bool empty() const { return unacknowledged_.empty(); }
  std::size_t bytes() const { return bytes_; }
  bool has_room() const { return bytes_ < credit_bytes_ || unacknowledged_.empty(); }

  // The same for system messages.
  bool has_system_room() const { return bytes_ < credit_bytes_ + kSystemBytes; }

  void add(OutgoingFramePtr frame);
  // The next frame for the stream; a null one when all have left.
  Numbered take();
  // The stream did not take what take() gave last.
  void untake();
  // False when the peer acknowledges what it was never sent.
  [[nodiscard]] bool on_ack(const LinkAck& ack);

 private:
  struct Entry {
    OutgoingFramePtr frame;
    // Streams that took it.
    std::uint32_t take_count = 0;
  };

  [[nodiscard]] Remains give_up_poison();
  void drop_first();

  const std::uint64_t link_;
  std::uint64_t session_ = 0;
  bool active_ = false;
  // Numbers can begin anew only together with a new session.
  bool wants_new_session_ = true;
  // first_ is the number of the first of them.
  std::deque<Entry> unacknowledged_;
  std::uint64_t first_ = 1;
  // Of unacknowledged_; the first that the present stream has not taken.
  std::size_t next_ = 0;
  std::size_t bytes_ = 0;
  std::uint64_t credit_bytes_ = 0;
};

}  // namespace nexus::remote
