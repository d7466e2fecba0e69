#include "remote/batch_decoder.h"

#include <algorithm>
#include <limits>
#include <string>

namespace nexus::remote {
namespace {

// How deep groups may go in a field that is unknown: what the messages around it leave of protobuf's limit.
constexpr std::uint32_t kFrameDepth = pb::kDepthMax;
constexpr std::uint32_t kBatchDepth = kFrameDepth - 1;
constexpr std::uint32_t kLinkWordDepth = kFrameDepth - 1;
constexpr std::uint32_t kEnvelopeDepth = kBatchDepth - 1;
constexpr std::uint32_t kHeaderDepth = kEnvelopeDepth - 1;
constexpr std::uint32_t kHeaderEntryDepth = kHeaderDepth - 1;
constexpr std::uint32_t kSenderDepth = kBatchDepth - 1;
// A PID in a table of targets is a message of its own.
constexpr std::uint32_t kTargetDepth = pb::kDepthMax;

bool read_text(pb::FieldReader& fields, std::string_view& text) {
  return fields.read_bytes(text) && pb::is_utf8(text);
}

// What is not looked at here must be one for protobuf all the same.
bool is_message(std::string_view bytes, std::uint32_t depth) {
  pb::FieldReader fields(bytes);
  while (!fields.at_end()) {
    if (!fields.skip(fields.read_tag(), depth)) return false;
  }
  return true;
}

bool read_header_entry(std::string_view bytes, HeaderView& header) {
  pb::FieldReader fields(bytes);
  while (!fields.at_end()) {
    const std::uint32_t tag = fields.read_tag();
    bool ok = false;
    if (tag == layout::kHeaderKey) {
      ok = read_text(fields, header.key);
    } else if (tag == layout::kHeaderValue) {
      ok = read_text(fields, header.value);
    } else {
      ok = fields.skip(tag, kHeaderEntryDepth);
    }
    if (!ok) return false;
  }
  return true;
}

bool read_pid(std::string_view bytes, std::uint32_t depth, std::string_view& address,
              std::string_view& id) {
  pb::FieldReader fields(bytes);
  while (!fields.at_end()) {
    const std::uint32_t tag = fields.read_tag();
    bool ok = false;
    if (tag == layout::kPidAddress) {
      ok = read_text(fields, address);
    } else if (tag == layout::kPidId) {
      ok = read_text(fields, id);
    } else {
      // The request id too: that of the envelope counts.
      ok = fields.skip(tag, depth);
    }
    if (!ok) return false;
  }
  return true;
}

// Ids never begin with the tag bytes of actor.PID's fields 1 and 2, so the first byte tells the dialects apart.
bool looks_like_pid(std::string_view target) {
  return !target.empty() && (target[0] == layout::kPidAddress || target[0] == layout::kPidId);
}

}  // namespace

HeaderViews::Iterator& HeaderViews::Iterator::operator++() {
  // decode() has seen all of it, so nothing fails here.
  for (;;) {
    while (!entries_.at_end()) {
      const std::uint32_t tag = entries_.read_tag();
      std::string_view entry;
      if (tag == layout::kHeaderEntry && entries_.read_bytes(entry)) {
        header_ = {};
        done_ = !read_header_entry(entry, header_);
        return *this;
      }
      if (!entries_.skip(tag, kHeaderDepth)) entries_ = {};
    }
    std::string_view piece;
    for (;;) {
      if (pieces_.at_end()) {
        done_ = true;
        return *this;
      }
      const std::uint32_t tag = pieces_.read_tag();
      if (tag == layout::kEnvelopeHeader && pieces_.read_bytes(piece)) break;
      if (!pieces_.skip(tag, kEnvelopeDepth)) pieces_ = {};
    }
    entries_ = pb::FieldReader(piece);
  }
}

HeaderViews::Iterator HeaderViews::begin() const {
  const pb::FieldReader all(bytes_);
  return piece_count_ > 1 ? Iterator(all, {}) : Iterator({}, all);
}

core::Result<BatchDecoder::Kind> BatchDecoder::decode(std::string_view frame) {
  type_names_.clear();
  targets_.clear();
  senders_.clear();
  envelopes_.clear();
  bad_envelope_count_ = 0;
  dialect_ = Dialect::strings;
  sequence_ = 0;
  type_max_ = target_max_ = sender_max_ = 0;
  over_limit_ = nullptr;

  const auto garbage = [this] {
    if (over_limit_ != nullptr) {
      return core::Error{core::Errc::resource_exhausted,
                         std::string("the peer sent a batch with too many ") + over_limit_};
    }
    return core::Error{core::Errc::invalid_argument,
                       "the peer sent bytes that are no RemoteMessage"};
  };
  // Protobuf reads no more at once, and counts stay in 32 bits.
  if (frame.size() > std::size_t{std::numeric_limits<std::int32_t>::max()}) return garbage();
  bool has_batch = false;
  bool has_link_word = false;
  pb::FieldReader fields(frame);
  while (!fields.at_end()) {
    const std::uint32_t tag = fields.read_tag();
    std::string_view bytes;
    switch (tag) {
      case layout::kMessageBatch:
        has_batch = true;
        if (!fields.read_bytes(bytes) || !read_batch(bytes)) return garbage();
        break;
      case layout::kConnectRequest:
      case layout::kConnectResponse:
      case layout::kDisconnectRequest:
        return Kind::other;
      case layout::kSequence:
        if (!fields.read_fixed64(sequence_)) return garbage();
        break;
      case layout::kAck:
      case layout::kPing:
        has_link_word = true;
        if (!fields.read_bytes(bytes) || !is_message(bytes, kLinkWordDepth)) return garbage();
        break;
      default:
        if (!fields.skip(tag, kFrameDepth)) return garbage();
    }
  }
  if (!has_batch && has_link_word) return Kind::other;
  if (!has_batch) {
    return core::Error{core::Errc::invalid_argument, "the peer sent an empty RemoteMessage"};
  }
  drop_bad_envelopes();
  return Kind::batch;
}

bool BatchDecoder::read_batch(std::string_view batch) {
  pb::FieldReader fields(batch);
  while (!fields.at_end()) {
    const std::uint32_t tag = fields.read_tag();
    std::string_view bytes;
    bool ok = false;
    switch (tag) {
      case layout::kEnvelope:
        ok = fields.read_bytes(bytes) && read_envelope(bytes);
        break;
      case layout::kTarget:
        ok = fields.read_bytes(bytes) && read_target(bytes);
        break;
      case layout::kSender:
        ok = fields.read_bytes(bytes) && read_sender(bytes);
        break;
      case layout::kTypeName:
        ok = fields.read_bytes(bytes) && read_type_name(bytes);
        break;
      default:
        ok = fields.skip(tag, kBatchDepth);
    }
    if (!ok) return false;
  }
  return true;
}

bool BatchDecoder::has_room(std::size_t count, std::uint32_t count_max, const char* what) {
  if (count < count_max) return true;
  over_limit_ = what;
  return false;
}

bool BatchDecoder::read_type_name(std::string_view name) {
  if (!pb::is_utf8(name)) return false;
  if (!has_room(type_names_.size(), limits_.table_count_max, "type names")) return false;
  type_names_.push_back(name);
  return true;
}

bool BatchDecoder::read_target(std::string_view text) {
  if (!has_room(targets_.size(), limits_.table_count_max, "targets")) return false;
  Target target;
  if (looks_like_pid(text) && read_pid(text, kTargetDepth, target.address, target.id)) {
    dialect_ = Dialect::pids;
  } else {
    target = {.id = text, .address = {}};
  }
  targets_.push_back(target);
  return true;
}

bool BatchDecoder::read_sender(std::string_view bytes) {
  if (!has_room(senders_.size(), limits_.table_count_max, "senders")) return false;
  Sender sender;
  if (!read_pid(bytes, kSenderDepth, sender.address, sender.id)) return false;
  senders_.push_back(sender);
  return true;
}

bool BatchDecoder::read_envelope(std::string_view bytes) {
  if (!has_room(envelopes_.size(), limits_.envelope_count_max, "envelopes")) return false;
  Envelope& envelope = envelopes_.emplace_back();
  pb::FieldReader fields(bytes);
  while (!fields.at_end()) {
    const std::uint32_t tag = fields.read_tag();
    bool ok = false;
    switch (tag) {
      case layout::kEnvelopeType:
        ok = fields.read_varint(envelope.type);
        break;
      case layout::kEnvelopeData:
        ok = fields.read_bytes(envelope.data);
        break;
      case layout::kEnvelopeTarget:
        ok = fields.read_varint(envelope.target);
        break;
      case layout::kEnvelopeSender:
        ok = fields.read_varint(envelope.sender);
        break;
      case layout::kEnvelopeSerializer: {
        std::uint32_t id = 0;
        ok = fields.read_varint(id);
        envelope.serializer_id = static_cast<std::int32_t>(id);
        break;
      }
      case layout::kEnvelopeHeader: {
        std::string_view header;
        ok = fields.read_bytes(header) && read_header(header, envelope.headers);
        if (envelope.headers.piece_count_ > 1) envelope.headers.bytes_ = bytes;
        break;
      }
      case layout::kEnvelopeTargetRequestId:
        ok = fields.read_varint(envelope.target_request_id);
        break;
      case layout::kEnvelopeSenderRequestId:
        ok = fields.read_varint(envelope.sender_request_id);
        break;
      default:
        ok = fields.skip(tag, kEnvelopeDepth);
    }
    if (!ok) return false;
  }
  type_max_ = std::max(type_max_, envelope.type);
  target_max_ = std::max(target_max_, envelope.target);
  sender_max_ = std::max(sender_max_, envelope.sender);
  return true;
}

bool BatchDecoder::read_header(std::string_view bytes, HeaderViews& headers) {
  headers.bytes_ = bytes;
  ++headers.piece_count_;
  pb::FieldReader fields(bytes);
  while (!fields.at_end()) {
    const std::uint32_t tag = fields.read_tag();
    if (tag != layout::kHeaderEntry) {
      if (!fields.skip(tag, kHeaderDepth)) return false;
      continue;
    }
    std::string_view entry;
    HeaderView header;
    if (!fields.read_bytes(entry) || !read_header_entry(entry, header)) return false;
    if (!has_room(headers.count_, limits_.header_count_max, "headers")) return false;
    ++headers.count_;
  }
  return true;
}

// Negative indices have come as numbers above all others.
void BatchDecoder::drop_bad_envelopes() {
  if (type_max_ < type_names_.size() && target_max_ < targets_.size() &&
      sender_max_ <= senders_.size()) {
    return;
  }
  bad_envelope_count_ =
      static_cast<std::uint32_t>(std::erase_if(envelopes_, [this](const Envelope& envelope) {
        return envelope.type >= type_names_.size() || envelope.target >= targets_.size() ||
               envelope.sender > senders_.size();
      }));
}

}  // namespace nexus::remote
