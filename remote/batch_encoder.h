// BatchEncoder: writes one frame of remote.Remoting/Receive that holds a batch, message by message, straight into the bytes that
// leave.
//
//   all calls   owner   no lock inside
//
// W1  A table entry is written before the first envelope that points at it, and once a frame: type names and records of actors
//     are the same when their text is, handles when they are of the same actor. Request ids are no part of it.
// W2  bytes() is what finish() will give, to the byte.
// W3  Nothing that was passed in is kept: text, Pids and data may go as soon as the call is over.
// W4  Tables keep their memory from frame to frame, and so does the buffer unless it is taken.
//
// When memory runs out in a call, the frame is lost: only begin() may follow.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/actor/envelope.h"
#include "remote/batch_layout.h"
#include "remote/frame_bytes.h"
#include "remote/intern_table.h"

namespace nexus::remote {

class BatchEncoder {
 public:
  // What every parser of protobuf takes, less what it needs for itself.
  static constexpr std::size_t kBytesMax = 0x7fff'ff00;

  // All but the data. What is behind references and views only has to last for the call.
  struct Message {
    // Full protobuf name.
    std::string_view type_name;
    // UTF-8, as all names.
    const core::Pid& target;
    // Empty: none.
    const core::Pid& sender;
    // UTF-8. Of equal keys the last one counts.
    std::span<const core::Headers::value_type> headers{};
    // Behind those.
    std::span<const HeaderView> more_headers{};
  };

  // A new frame; one that was not finished is forgotten.
  void begin(Dialect dialect);

  // `write(char*)` writes exactly `data_bytes` bytes. False, and nothing happened, when the frame would have more than `bytes_max`.
  template <typename Write>
  [[nodiscard]] bool try_add(const Message& message, std::size_t data_bytes, std::size_t bytes_max,
                             Write write) {
    char* const place = add_envelope(message, data_bytes, bytes_max);
    if (place == nullptr) return false;
    write(place);
    return true;
  }
  [[nodiscard]] bool try_add(const Message& message, std::string_view data,
                             std::size_t bytes_max = kBytesMax);

  std::uint32_t count() const { return count_; }
  std::size_t bytes() const;
  // bytes() and at most six more, for who asks at every message.
  std::size_t filled_bytes() const { return size_; }

  // The frame as it is now. The view is valid until the next other call.
  std::string_view finish();
  // The same with its memory; begin() comes next.
  FrameBytes take();

 private:
  // A Pid as the tables see it: a handle by where it points, all others by their text.
  struct PidKey {
    // Of the id or of the handle; neither is spread.
    std::uint64_t hash = 0;
    std::uint32_t generation = 0;
    std::uintptr_t handle = 0;
    std::string_view address{};
    std::string_view id{};
  };
  // Where the text of an entry stands in the buffer, for entries without a handle.
  struct PidEntry {
    std::uint64_t hash = 0;
    std::uint32_t generation = 0;
    std::uintptr_t handle = 0;
    std::uint32_t address_begin = 0;
    std::uint32_t address_size = 0;
    std::uint32_t id_begin = 0;
    std::uint32_t id_size = 0;
  };
  struct TextEntry {
    std::uint32_t begin = 0;
    std::uint32_t size = 0;
  };
  template <typename Entry>
  struct Table {
    void clear() {
      index.clear();
      entries.clear();
      last = InternTable::kNone;
    }
    void undo_insert() {
      index.undo_insert();
      entries.pop_back();
      last = InternTable::kNone;
    }
    InternTable index;
    std::vector<Entry> entries;
    // The entry that was asked for last, or kNone.
    std::uint32_t last = InternTable::kNone;
  };
  // What an add may have to take back.
  struct Mark {
    std::size_t size;
    std::uint32_t type_count;
    std::uint32_t target_count;
    std::uint32_t sender_count;
  };

  char* add_envelope(const Message& message, std::size_t data_bytes, std::size_t bytes_max);
  void undo(const Mark& before);

  std::uint32_t type_index(std::string_view name);
  std::uint32_t pid_index(Table<PidEntry>& table, const core::Pid& pid, std::uint8_t tag,
                          bool bare);
  void write_pid_entry(Table<PidEntry>& table, const core::Pid& pid, const PidKey& key,
                       std::uint8_t tag, bool bare);
  static PidKey key_of(const core::Pid& pid);
  bool is_same(const PidEntry& entry, const PidKey& key, bool bare) const;
  std::string_view text_at(std::uint32_t begin, std::uint32_t size) const {
    return {memory_.get() + begin, size};
  }

  // Room for so many bytes at the end; the caller moves size_.
  char* reserve(std::size_t more_bytes) {
    if (more_bytes > capacity_ - size_) grow(size_ + more_bytes);
    return memory_.get() + size_;
  }
  void grow(std::size_t capacity_min);

  // The batch's fields begin at kFrontBytes: finish() writes the frame's tag and length right before them.
  std::unique_ptr<char[]> memory_;
  std::size_t capacity_ = 0;
  std::size_t size_ = 0;

  Dialect dialect_ = Dialect::strings;
  std::uint32_t count_ = 0;
  Table<TextEntry> types_;
  Table<PidEntry> targets_;
  Table<PidEntry> senders_;
};

}  // namespace nexus::remote
