#include "remote/outbound_session.h"

#include <algorithm>
#include <utility>

#include "core/base/check.h"
#include "remote/batch_encoder.h"

namespace nexus::remote {

LinkOffer OutboundSession::offer() {
  if (std::exchange(wants_new_session_, false)) ++session_;
  return {.link = link_, .session = session_};
}

OutboundSession::Remains OutboundSession::on_accepted(const LinkAccept& accept) {
  Remains remains;
  const std::uint64_t end_sequence = first_ + unacknowledged_.size();
  next_ = 0;
  if (accept.resumed && accept.received + 1 >= first_ && accept.received < end_sequence) {
    while (first_ <= accept.received) drop_first();
    remains = give_up_poison();
  } else {
    remains = end();
    // A session that ended here while the peer was asked about it goes on where the peer is.
    first_ = accept.resumed ? accept.received + 1 : 1;
  }
  active_ = true;
  wants_new_session_ = false;
  credit_bytes_ = std::min(accept.credit_bytes, kCreditBytesMax);
  return remains;
}

OutboundSession::Remains OutboundSession::give_up_poison() {
  if (unacknowledged_.empty() || unacknowledged_.front().take_count < kTakeCountMax) return {};
  Entry& first = unacknowledged_.front();
  Remains remains;
  remains.in_doubt.push_back(first.frame);
  bytes_ -= first.frame->bytes.view().size();
  BatchEncoder encoder;
  encoder.begin(Dialect::strings);
  first = {.frame = std::make_shared<const OutgoingFrame>(encoder.take(), 0, first.frame->lane,
                                                          Dialect::strings)};
  bytes_ += first.frame->bytes.view().size();
  return remains;
}

OutboundSession::Remains OutboundSession::end() {
  Remains remains;
  for (Entry& entry : unacknowledged_) {
    auto& list = entry.take_count > 0 ? remains.in_doubt : remains.unsent;
    list.push_back(std::move(entry.frame));
  }
  // The present stream goes on counting, should there be one.
  first_ += unacknowledged_.size();
  unacknowledged_.clear();
  next_ = 0;
  bytes_ = 0;
  active_ = false;
  wants_new_session_ = true;
  return remains;
}

void OutboundSession::add(OutgoingFramePtr frame) {
  bytes_ += frame->bytes.view().size();
  unacknowledged_.push_back({.frame = std::move(frame)});
}

OutboundSession::Numbered OutboundSession::take() {
  if (next_ == unacknowledged_.size()) return {};
  Entry& entry = unacknowledged_[next_];
  ++entry.take_count;
  return {.frame = entry.frame, .sequence = first_ + next_++};
}

void OutboundSession::untake() {
  // It may have been the last word of a session that has ended since.
  if (next_ == 0) return;
  --unacknowledged_[--next_].take_count;
}

bool OutboundSession::on_ack(const LinkAck& ack) {
  if (ack.received >= first_ + next_) return false;
  while (first_ <= ack.received) drop_first();
  credit_bytes_ = std::min(ack.credit_bytes, kCreditBytesMax);
  return true;
}

void OutboundSession::drop_first() {
  CHECK(!unacknowledged_.empty());
  bytes_ -= unacknowledged_.front().frame->bytes.view().size();
  unacknowledged_.pop_front();
  ++first_;
  next_ -= next_ > 0 ? 1 : 0;
}

}  // namespace nexus::remote
