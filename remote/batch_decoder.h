// BatchDecoder: reads one frame of remote.Remoting/Receive that holds a batch. What it gives are views into the frame.
//
//   all calls   owner   no lock inside
//
// R1  Takes and refuses exactly the bytes that protobuf's own parser takes and refuses, but for the limits.
// R2  Tables may come before, between and behind the envelopes, a batch may come in pieces, and so may its parts; fields that are
//     unknown here are skipped.
// R3  An envelope that points outside the tables is counted and left out; the others arrive, in order.
// R4  A number that a peer sends allocates nothing, only entries and envelopes that are there do: at most 10 MB as long as Limits are
//     the default. Memory is kept for the next frame.
#pragma once

#include <cstdint>
#include <iterator>
#include <span>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "remote/batch_layout.h"
#include "remote/protobuf_wire.h"

namespace nexus::remote {

// The headers of one envelope, read as one goes over them. Of equal keys the last one counts.
class HeaderViews {
 public:
  class Iterator {
   public:
    Iterator(pb::FieldReader pieces, pb::FieldReader entries) : pieces_(pieces), entries_(entries) {
      ++*this;
    }
    const HeaderView& operator*() const { return header_; }
    const HeaderView* operator->() const { return &header_; }
    Iterator& operator++();
    bool operator==(std::default_sentinel_t) const { return done_; }

   private:
    // Of the envelope, when its header comes in pieces, else nothing.
    pb::FieldReader pieces_;
    pb::FieldReader entries_;
    HeaderView header_;
    bool done_ = false;
  };

  // With those that have equal keys.
  std::uint32_t count() const { return count_; }
  bool empty() const { return count_ == 0; }
  Iterator begin() const;
  std::default_sentinel_t end() const { return {}; }

 private:
  friend class BatchDecoder;

  // One MessageHeader; or, when there is more than one, the envelope.
  std::string_view bytes_;
  std::uint32_t count_ = 0;
  std::uint32_t piece_count_ = 0;
};

class BatchDecoder {
 public:
  // More is an error, as garbage is.
  struct Limits {
    // Ten thousand is the most that nodes can be told to put in one.
    std::uint32_t envelope_count_max = 65'536;
    // Of each table.
    std::uint32_t table_count_max = 65'536;
    // Of one envelope: what the largest message may have, each being counted as 64 bytes.
    std::uint32_t header_count_max = 1'048'576;
  };

  enum class Kind : std::uint8_t {
    batch,
    // A handshake, even if it came together with a batch, or a word about the link: nothing was read, protobuf's classes can.
    other,
  };

  struct Target {
    std::string_view id;
    // Only in the PID dialect.
    std::string_view address;
  };
  struct Sender {
    // Empty: the peer's own.
    std::string_view address;
    std::string_view id;
  };
  struct Envelope {
    std::string_view data;
    HeaderViews headers;
    // Of type_names() and targets().
    std::uint32_t type = 0;
    std::uint32_t target = 0;
    // Counts from 1; 0 means that there is none. See sender_of().
    std::uint32_t sender = 0;
    std::int32_t serializer_id = 0;
    std::uint32_t target_request_id = 0;
    std::uint32_t sender_request_id = 0;
  };

  BatchDecoder() = default;
  explicit BatchDecoder(Limits limits) : limits_(limits) {}

  // All that follows is of the last frame that was decoded, and valid for as long as its bytes are and until the next one.
  core::Result<Kind> decode(std::string_view frame);

  std::span<const std::string_view> type_names() const { return type_names_; }
  std::span<const Target> targets() const { return targets_; }
  std::span<const Sender> senders() const { return senders_; }
  std::span<const Envelope> envelopes() const { return envelopes_; }
  // Null when it has none.
  const Sender* sender_of(const Envelope& envelope) const {
    return envelope.sender == 0 ? nullptr : &senders_[envelope.sender - 1];
  }
  std::uint32_t bad_envelope_count() const { return bad_envelope_count_; }
  // That of the targets; `strings` when there is no target.
  Dialect dialect() const { return dialect_; }
  // 0 when it has none.
  std::uint64_t sequence() const { return sequence_; }

 private:
  [[nodiscard]] bool read_batch(std::string_view bytes);
  [[nodiscard]] bool read_type_name(std::string_view name);
  [[nodiscard]] bool read_target(std::string_view text);
  [[nodiscard]] bool read_envelope(std::string_view bytes);
  [[nodiscard]] bool read_header(std::string_view bytes, HeaderViews& headers);
  [[nodiscard]] bool read_sender(std::string_view bytes);
  // False when one more would be too many.
  [[nodiscard]] bool has_room(std::size_t count, std::uint32_t count_max, const char* what);
  void drop_bad_envelopes();

  Limits limits_;
  std::vector<std::string_view> type_names_;
  std::vector<Target> targets_;
  std::vector<Sender> senders_;
  std::vector<Envelope> envelopes_;
  std::uint32_t bad_envelope_count_ = 0;
  Dialect dialect_ = Dialect::strings;
  std::uint64_t sequence_ = 0;
  // The largest index into each table, to see at the end whether any is bad.
  std::uint32_t type_max_ = 0;
  std::uint32_t target_max_ = 0;
  std::uint32_t sender_max_ = 0;
  // What there was too much of, or null.
  const char* over_limit_ = nullptr;
};

}  // namespace nexus::remote
