// EndpointWriter: what waits for one peer, in two lanes, written into frames as it comes. Pure.
//
//   all calls   owner   the endpoint, under its mutex
//
// B1  System messages leave before user messages; within a lane the order of push() holds.
// B2  At most queue_count_max user messages and queue_bytes_max bytes of frames wait (a single message always fits an empty lane).
//     Those of Room::reserve may make it queue_reserve_count_max more messages in both lanes together, and queue_reserve_bytes_max
//     more bytes, besides one for each watch that is held: beyond it they overrun. A watch is always taken, there is one for each held.
// B3  A frame has at most batch_count_max messages and batch_bytes_max bytes, but at least one message.
// B4  No frame of user messages is larger than what the peer reads. A system message is small (Endpoint, L8); there is one for each
//     watch, which must not be lost here.
#pragma once

#include <array>
#include <cstddef>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "remote/batch_decoder.h"
#include "remote/batch_encoder.h"
#include "remote/options.h"
#include "remote/outgoing_frame.h"

namespace nexus::remote {

class EndpointWriter {
 public:
  // Of a batch to a peer of which nothing is known: nodes of Go read frames of 4 MiB.
  static constexpr std::size_t kFamilyBatchBytesMax = 3'500'000;

  // `address`: the peer's.
  EndpointWriter(const Options& options, std::string address);

  // Which of B2 is the limit. System messages have at least the reserve.
  enum class Room : std::uint8_t { queue, reserve, any };
  // Unless it is `pushed`, nothing happened.
  enum class OnPush : std::uint8_t { pushed, full, too_large, overrun };
  [[nodiscard]] OnPush push(const BatchEncoder::Message& message, std::string_view data,
                            core::Lane lane, Room room);
  // So many watches are held over the link (B2).
  void note_watches(std::size_t count) { watch_count_ = count; }
  // The next frame, oldest first; null when nothing waits.
  OutgoingFramePtr take_frame();
  // The same, of one lane.
  OutgoingFramePtr take_frame(core::Lane lane);
  // A frame that was not sent after all goes back to where it was taken from. No limit but B4 applies.
  void put_back(OutgoingFramePtr frame);
  // Several that were, oldest first.
  void put_back(std::vector<OutgoingFramePtr> frames);
  // What `takes` says of all that waits in the lane, in frames of its own; the rest keeps its order.
  using Takes = std::function<bool(const BatchDecoder& batch, const BatchDecoder::Envelope&)>;
  [[nodiscard]] std::vector<OutgoingFramePtr> take_if(core::Lane lane, const Takes& takes);
  // The same of one frame, which does not wait.
  struct Parts {
    std::vector<OutgoingFramePtr> taken{};
    std::vector<OutgoingFramePtr> left{};
  };
  [[nodiscard]] Parts divide(OutgoingFramePtr frame, const Takes& takes) const;
  // Everything that waits, system lane first.
  std::vector<OutgoingFramePtr> take_all();
  // From now on all that waits, and what is pushed, is written so. False when it was so before.
  bool set_dialect(Dialect dialect);
  // From now on the peer reads frames of so many bytes, and no larger batches (B4); what waits is divided where it is larger.
  // `batch_bytes_max` of the options stays a limit for batches too.
  void set_peer_limits(std::size_t frame_bytes_max, std::size_t batch_bytes_max);
  // What waited and is, as a single message, larger than the peer reads: it does not wait any more.
  std::vector<OutgoingFramePtr> take_unreadable() { return std::exchange(unreadable_, {}); }

  bool empty() const { return count() == 0; }
  // So much waits that more would hardly make it cheaper to write.
  bool is_worth_writing() const {
    return !lanes_[0].closed.empty() || !lanes_[1].closed.empty() ||
           lanes_[1].open.count() >= kWorthCount || lanes_[1].open.filled_bytes() >= kWorthBytes;
  }
  std::size_t count() const { return lanes_[0].count + lanes_[1].count; }
  // User messages, which queue_count_max is about.
  std::size_t user_count() const { return lanes_[1].count; }
  // Of the frames as they will leave.
  std::size_t bytes() const;
  // The same and at most twelve more, for who asks at every message.
  std::size_t filled_bytes() const {
    return lanes_[0].closed_bytes + lanes_[0].open.filled_bytes() + lanes_[1].closed_bytes +
           lanes_[1].open.filled_bytes();
  }

 private:
  // Of a Watch or Unwatch with its names, which are mostly shorter.
  static constexpr std::size_t kWatchBytes = 512;
  // Of what is_worth_writing().
  static constexpr std::uint32_t kWorthCount = 128;
  static constexpr std::size_t kWorthBytes = 32 * 1024;

  struct LaneQueue {
    std::deque<OutgoingFramePtr> closed{};
    std::size_t closed_bytes = 0;
    // The frame that grows.
    BatchEncoder open{};
    // Messages, in all.
    std::size_t count = 0;

    std::size_t bytes() const { return closed_bytes + (open.count() > 0 ? open.bytes() : 0); }
  };

  // One more message of Room::reserve, of so much data, would overrun.
  bool is_overrun_by(std::size_t data_bytes) const;
  static std::size_t index_of(core::Lane lane) { return lane == core::Lane::system ? 0 : 1; }
  std::size_t frame_bytes_max_of(core::Lane lane) const {
    return lane == core::Lane::user ? frame_bytes_max_ : BatchEncoder::kBytesMax;
  }
  OutgoingFramePtr close(LaneQueue& queue, core::Lane lane);
  // The envelopes that `wants` wants, as frames that the peer reads, in its dialect, oldest first.
  std::vector<OutgoingFramePtr> rewritten(const OutgoingFrame& frame, const BatchDecoder& batch,
                                          const Takes& wants) const;
  // All of them.
  std::vector<OutgoingFramePtr> rewritten(const OutgoingFrame& frame) const;
  void put_back_as_it_is(OutgoingFramePtr frame);

  const Options options_;
  const std::string address_;
  Dialect dialect_ = Dialect::strings;
  std::size_t frame_bytes_max_ = BatchEncoder::kBytesMax;
  // At most that of the options.
  std::size_t batch_bytes_max_;
  std::size_t watch_count_ = 0;
  std::vector<OutgoingFramePtr> unreadable_;
  // System, user.
  std::array<LaneQueue, 2> lanes_;
};

}  // namespace nexus::remote
