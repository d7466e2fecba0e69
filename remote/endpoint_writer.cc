#include "remote/endpoint_writer.h"

#include <algorithm>
#include <iterator>

#include "core/base/check.h"

namespace nexus::remote {
EndpointWriter::EndpointWriter(const Options& options, std::string address)
    : options_(options),
      address_(std::move(address)),
      batch_bytes_max_(std::min(options.batch_bytes_max, kFamilyBatchBytesMax)) {
  for (LaneQueue& queue : lanes_) queue.open.begin(dialect_);
}

std::size_t EndpointWriter::bytes() const { return lanes_[0].bytes() + lanes_[1].bytes(); }

EndpointWriter::OnPush EndpointWriter::push(const BatchEncoder::Message& message,
                                            std::string_view data, core::Lane lane, Room room_of) {
  LaneQueue& queue = lanes_[index_of(lane)];
  const bool limited = lane == core::Lane::user && room_of == Room::queue;
  if (limited) {
    if (queue.count >= options_.queue_count_max) return OnPush::full;
  } else if (room_of != Room::any && is_overrun_by(data.size())) {
    return OnPush::overrun;
  }
  const bool bounded = limited && queue.count > 0;
  // What the frame that grows may come to.
  const auto room = [&] {
    const std::size_t others = bytes() - (queue.bytes() - queue.closed_bytes);
    return options_.queue_bytes_max - std::min(others, options_.queue_bytes_max);
  };
  if (queue.open.count() > 0) {
    std::size_t bytes_max = batch_bytes_max_;
    // With room for a whole batch, how much room there is does not matter.
    if (bounded && filled_bytes() + batch_bytes_max_ > options_.queue_bytes_max) {
      bytes_max = std::min(bytes_max, room());
    }
    if (queue.open.count() < options_.batch_count_max &&
        queue.open.try_add(message, data, bytes_max)) {
      ++queue.count;
      return OnPush::pushed;
    }
    queue.closed.push_back(close(queue, lane));
    queue.closed_bytes += queue.closed.back()->bytes.view().size();
  }
  const std::size_t room_now = bounded ? room() : BatchEncoder::kBytesMax;
  const std::size_t readable = frame_bytes_max_of(lane);
  if (!queue.open.try_add(message, data, std::min(room_now, readable))) {
    return room_now < readable ? OnPush::full : OnPush::too_large;
  }
  ++queue.count;
  return OnPush::pushed;
}

bool EndpointWriter::is_overrun_by(std::size_t data_bytes) const {
  const std::size_t count_max =
      options_.queue_count_max + options_.queue_reserve_count_max + watch_count_;
  const std::size_t bytes_max =
      options_.queue_bytes_max + options_.queue_reserve_bytes_max + watch_count_ * kWatchBytes;
  return count() >= count_max || filled_bytes() + data_bytes > bytes_max;
}

OutgoingFramePtr EndpointWriter::close(LaneQueue& queue, core::Lane lane) {
  const std::uint32_t count = queue.open.count();
  auto frame = std::make_shared<const OutgoingFrame>(queue.open.take(), count, lane, dialect_);
  queue.open.begin(dialect_);
  return frame;
}

OutgoingFramePtr EndpointWriter::take_frame() {
  OutgoingFramePtr frame = take_frame(core::Lane::system);
  return frame != nullptr ? frame : take_frame(core::Lane::user);
}

OutgoingFramePtr EndpointWriter::take_frame(core::Lane lane) {
  LaneQueue& queue = lanes_[index_of(lane)];
  if (queue.count == 0) return nullptr;
  OutgoingFramePtr frame;
  if (queue.closed.empty()) {
    frame = close(queue, lane);
  } else {
    frame = std::move(queue.closed.front());
    queue.closed.pop_front();
    queue.closed_bytes -= frame->bytes.view().size();
  }
  queue.count -= frame->count;
  return frame;
}

void EndpointWriter::put_back(OutgoingFramePtr frame) {
  const std::size_t bytes = frame->bytes.view().size();
  const bool is_readable =
      bytes <= batch_bytes_max_ || (frame->count == 1 && bytes <= frame_bytes_max_of(frame->lane));
  if (frame->dialect == dialect_ && is_readable) return put_back_as_it_is(std::move(frame));
  std::vector<OutgoingFramePtr> parts = rewritten(*frame);
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    if ((*part)->bytes.view().size() > frame_bytes_max_of(frame->lane)) {
      unreadable_.push_back(std::move(*part));
    } else {
      put_back_as_it_is(std::move(*part));
    }
  }
}

void EndpointWriter::put_back_as_it_is(OutgoingFramePtr frame) {
  LaneQueue& queue = lanes_[index_of(frame->lane)];
  queue.count += frame->count;
  queue.closed_bytes += frame->bytes.view().size();
  queue.closed.push_front(std::move(frame));
}

void EndpointWriter::put_back(std::vector<OutgoingFramePtr> frames) {
  for (auto frame = frames.rbegin(); frame != frames.rend(); ++frame) put_back(std::move(*frame));
}

std::vector<OutgoingFramePtr> EndpointWriter::take_all() {
  std::vector<OutgoingFramePtr> all;
  while (OutgoingFramePtr frame = take_frame()) all.push_back(std::move(frame));
  return all;
}

bool EndpointWriter::set_dialect(Dialect dialect) {
  if (dialect == dialect_) return false;
  std::vector<OutgoingFramePtr> waiting = take_all();
  dialect_ = dialect;
  for (LaneQueue& queue : lanes_) queue.open.begin(dialect_);
  put_back(std::move(waiting));
  return true;
}

void EndpointWriter::set_peer_limits(std::size_t frame_bytes_max, std::size_t batch_bytes_max) {
  const std::size_t frame_before = frame_bytes_max_;
  const std::size_t batch_before = batch_bytes_max_;
  frame_bytes_max_ = std::min(frame_bytes_max, BatchEncoder::kBytesMax);
  batch_bytes_max_ = std::min({batch_bytes_max, options_.batch_bytes_max, frame_bytes_max_});
  if (frame_bytes_max_ >= frame_before && batch_bytes_max_ >= batch_before) return;
  put_back(take_all());
}

std::vector<OutgoingFramePtr> EndpointWriter::take_if(core::Lane lane, const Takes& takes) {
  std::vector<OutgoingFramePtr> taken;
  std::vector<OutgoingFramePtr> left;
  while (OutgoingFramePtr frame = take_frame(lane)) {
    Parts parts = divide(std::move(frame), takes);
    std::move(parts.taken.begin(), parts.taken.end(), std::back_inserter(taken));
    std::move(parts.left.begin(), parts.left.end(), std::back_inserter(left));
  }
  put_back(std::move(left));
  return taken;
}

EndpointWriter::Parts EndpointWriter::divide(OutgoingFramePtr frame, const Takes& takes) const {
  BatchDecoder decoder;
  CHECK(decoder.decode(frame->bytes.view()).ok());
  std::vector<bool> is_taken;
  is_taken.reserve(decoder.envelopes().size());
  for (const BatchDecoder::Envelope& envelope : decoder.envelopes()) {
    is_taken.push_back(takes(decoder, envelope));
  }
  const auto taken_count = std::count(is_taken.begin(), is_taken.end(), true);
  if (taken_count == 0) return {.left = {std::move(frame)}};
  if (taken_count == static_cast<std::ptrdiff_t>(is_taken.size())) {
    return {.taken = {std::move(frame)}};
  }
  const auto those = [&](bool wanted) {
    return rewritten(*frame, decoder,
                     [&](const BatchDecoder& batch, const BatchDecoder::Envelope& envelope) {
                       const auto index = &envelope - batch.envelopes().data();
                       return is_taken[static_cast<std::size_t>(index)] == wanted;
                     });
  };
  return {.taken = those(true), .left = those(false)};
}

std::vector<OutgoingFramePtr> EndpointWriter::rewritten(const OutgoingFrame& frame) const {
  BatchDecoder decoder;
  CHECK(decoder.decode(frame.bytes.view()).ok());
  return rewritten(frame, decoder,
                   [](const BatchDecoder&, const BatchDecoder::Envelope&) { return true; });
}

std::vector<OutgoingFramePtr> EndpointWriter::rewritten(const OutgoingFrame& frame,
                                                        const BatchDecoder& decoder,
                                                        const Takes& wants) const {
  std::vector<OutgoingFramePtr> parts;
  BatchEncoder encoder;
  encoder.begin(dialect_);
  const auto close_part = [&] {
    const std::uint32_t count = encoder.count();
    parts.push_back(
        std::make_shared<const OutgoingFrame>(encoder.take(), count, frame.lane, dialect_));
    encoder.begin(dialect_);
  };
  for (const BatchDecoder::Envelope& envelope : decoder.envelopes()) {
    if (!wants(decoder, envelope)) continue;
    const BatchDecoder::Target& target = decoder.targets()[envelope.target];
    const BatchDecoder::Sender* sender = decoder.sender_of(envelope);
    std::vector<HeaderView> headers;
    for (const HeaderView& header : envelope.headers) headers.push_back(header);
    const auto pid_of = [](std::string_view address, std::string_view id, std::uint32_t request) {
      return core::Pid::of_name(std::string(address), std::string(id), request);
    };
    const core::Pid to = pid_of(address_, target.id, envelope.target_request_id);
    const core::Pid from = sender == nullptr
                               ? core::Pid{}
                               : pid_of(sender->address, sender->id, envelope.sender_request_id);
    const BatchEncoder::Message message{.type_name = decoder.type_names()[envelope.type],
                                        .target = to,
                                        .sender = from,
                                        .more_headers = headers};
    if (encoder.count() > 0) {
      if (encoder.try_add(message, envelope.data, batch_bytes_max_)) continue;
      close_part();
    }
    CHECK(encoder.try_add(message, envelope.data));
  }
  close_part();
  return parts;
}

}  // namespace nexus::remote
