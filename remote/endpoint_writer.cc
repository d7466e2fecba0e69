#include "remote/endpoint_writer.h"

#include <algorithm>

#include "core/base/check.h"
#include "remote/batch_decoder.h"

namespace nexus::remote {

EndpointWriter::EndpointWriter(const Options& options, std::string address)
    : options_(options), address_(std::move(address)) {
  for (LaneQueue& queue : lanes_) queue.open.begin(dialect_);
}

std::size_t EndpointWriter::bytes() const { return lanes_[0].bytes() + lanes_[1].bytes(); }

bool EndpointWriter::push(const BatchEncoder::Message& message, std::string_view data,
                          core::Lane lane, bool exempt) {
  LaneQueue& queue = lanes_[index_of(lane)];
  const bool limited = lane == core::Lane::user && !exempt;
  if (limited && queue.count >= options_.queue_count_max) return false;
  const bool bounded = limited && queue.count > 0;
  // What the frame that grows may come to.
  const auto room = [&] {
    const std::size_t others = bytes() - (queue.bytes() - queue.closed_bytes);
    return options_.queue_bytes_max - std::min(others, options_.queue_bytes_max);
  };
  if (queue.open.count() > 0) {
    std::size_t bytes_max = options_.batch_bytes_max;
    // With room for a whole batch, how much room there is does not matter.
    if (bounded && filled_bytes() + options_.batch_bytes_max > options_.queue_bytes_max) {
      bytes_max = std::min(bytes_max, room());
    }
    if (queue.open.count() < options_.batch_count_max &&
        queue.open.try_add(message, data, bytes_max)) {
      ++queue.count;
      return true;
    }
    queue.closed.push_back(close(queue, lane));
    queue.closed_bytes += queue.closed.back()->bytes.view().size();
  }
  if (!queue.open.try_add(message, data, bounded ? room() : BatchEncoder::kBytesMax)) return false;
  ++queue.count;
  return true;
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
  if (frame->dialect != dialect_) frame = rewritten(*frame);
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

void EndpointWriter::set_dialect(Dialect dialect) {
  if (dialect == dialect_) return;
  std::vector<OutgoingFramePtr> waiting = take_all();
  dialect_ = dialect;
  for (LaneQueue& queue : lanes_) queue.open.begin(dialect_);
  put_back(std::move(waiting));
}

OutgoingFramePtr EndpointWriter::rewritten(const OutgoingFrame& frame) const {
  BatchDecoder decoder;
  CHECK(decoder.decode(frame.bytes.view()).ok());
  BatchEncoder encoder;
  encoder.begin(dialect_);
  for (const BatchDecoder::Envelope& envelope : decoder.envelopes()) {
    const BatchDecoder::Target& target = decoder.targets()[envelope.target];
    const BatchDecoder::Sender* sender = decoder.sender_of(envelope);
    std::vector<HeaderView> headers;
    for (const HeaderView& header : envelope.headers) headers.push_back(header);
    const auto pid_of = [](std::string_view address, std::string_view id, std::uint32_t request) {
      return core::Pid::of_name(std::string(address), std::string(id), request);
    };
    CHECK(encoder.try_add({.type_name = decoder.type_names()[envelope.type],
                           .target = pid_of(address_, target.id, envelope.target_request_id),
                           .sender = sender == nullptr ? core::Pid{}
                                                       : pid_of(sender->address, sender->id,
                                                                envelope.sender_request_id),
                           .more_headers = headers},
                          envelope.data));
  }
  const std::uint32_t count = encoder.count();
  return std::make_shared<const OutgoingFrame>(encoder.take(), count, frame.lane, dialect_);
}

}  // namespace nexus::remote
