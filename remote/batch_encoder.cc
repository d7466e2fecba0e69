#include "remote/batch_encoder.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "core/base/check.h"
#include "core/base/short_text.h"
#include "core/process/process.h"
#include "remote/protobuf_wire.h"

namespace nexus::remote {
namespace {

// Tag and length of the batch within the frame, at most.
constexpr std::size_t kFrontBytes = 6;
constexpr std::size_t kCapacityMin = 1024;

// Peers differ in the end of their addresses: the port, and the last numbers of the host.
std::uint64_t hash_of_address(std::string_view address) {
  if (address.empty()) return 0;
  std::uint64_t word = 0;
  const std::size_t size = std::min(address.size(), sizeof(word));
  std::memcpy(&word, address.data() + address.size() - size, size);
  return core::mix_hash(address.size(), word);
}

std::size_t number_bytes(std::uint32_t value) {
  return value == 0 ? 0 : 1 + pb::varint_bytes(value);
}

char* put_number(char* at, std::uint8_t tag, std::uint32_t value) {
  if (value == 0) return at;
  *at++ = static_cast<char>(tag);
  return pb::put_varint(at, value);
}

// What is empty is left out, as everywhere in proto3 but in repeated fields.
std::size_t optional_field_bytes(std::string_view bytes) {
  return bytes.empty() ? 0 : pb::field_bytes(bytes.size());
}
char* put_optional_field(char* at, std::uint8_t tag, std::string_view bytes) {
  return bytes.empty() ? at : pb::put_field(at, tag, bytes);
}

std::size_t header_entry_bytes(std::string_view key, std::string_view value) {
  return pb::field_bytes(key.size()) + pb::field_bytes(value.size());
}
char* put_header(char* at, std::string_view key, std::string_view value) {
  *at++ = layout::kHeaderEntry;
  at = pb::put_varint(at, static_cast<std::uint32_t>(header_entry_bytes(key, value)));
  at = pb::put_field(at, layout::kHeaderKey, key);
  return pb::put_field(at, layout::kHeaderValue, value);
}

// The numbers of an envelope; those that are 0 are left out.
struct Numbers {
  // Of each a tag and five bytes.
  static constexpr std::size_t kBytesMax = 5 * 6;

  std::size_t bytes() const {
    return number_bytes(type) + number_bytes(target) + number_bytes(sender) +
           number_bytes(target_request_id) + number_bytes(sender_request_id);
  }

  std::uint32_t type = 0;
  std::uint32_t target = 0;
  std::uint32_t sender = 0;
  std::uint32_t target_request_id = 0;
  std::uint32_t sender_request_id = 0;
};

std::size_t varint_bytes(std::size_t size) {
  return pb::varint_bytes(static_cast<std::uint32_t>(size));
}

std::size_t headers_size(const BatchEncoder::Message& message) {
  std::size_t size = 0;
  for (const auto& [key, value] : message.headers) {
    size += pb::field_bytes(header_entry_bytes(key, value));
  }
  for (const auto& [key, value] : message.more_headers) {
    size += pb::field_bytes(header_entry_bytes(key, value));
  }
  return size;
}

char* put_headers(char* at, const BatchEncoder::Message& message, std::size_t size) {
  *at++ = layout::kEnvelopeHeader;
  at = pb::put_varint(at, static_cast<std::uint32_t>(size));
  for (const auto& [key, value] : message.headers) at = put_header(at, key, value);
  for (const auto& [key, value] : message.more_headers) at = put_header(at, key, value);
  return at;
}

}  // namespace

void BatchEncoder::begin(Dialect dialect) {
  dialect_ = dialect;
  count_ = 0;
  size_ = kFrontBytes;
  types_.clear();
  targets_.clear();
  senders_.clear();
  if (memory_ == nullptr) {
    // The frame that was taken is the best guess at the next one.
    capacity_ = std::max(capacity_, kCapacityMin);
    memory_ = std::make_unique_for_overwrite<char[]>(capacity_);
  }
}

std::size_t BatchEncoder::bytes() const {
  const std::size_t body = size_ - kFrontBytes;
  return 1 + pb::varint_bytes(static_cast<std::uint32_t>(body)) + body;
}

bool BatchEncoder::try_add(const Message& message, std::string_view data, std::size_t bytes_max) {
  return try_add(message, data.size(), bytes_max,
                 [data](char* place) { pb::put_bytes(place, data); });
}

std::string_view BatchEncoder::finish() {
  CHECK(memory_ != nullptr);
  char* const front = memory_.get() + size_ - bytes();
  *front = layout::kMessageBatch;
  pb::put_varint(front + 1, static_cast<std::uint32_t>(size_ - kFrontBytes));
  return {front, bytes()};
}

FrameBytes BatchEncoder::take() {
  const std::string_view frame = finish();
  const auto begin = static_cast<std::size_t>(frame.data() - memory_.get());
  capacity_ = std::bit_ceil(size_);
  return FrameBytes(std::move(memory_), begin, frame.size());
}

void BatchEncoder::grow(std::size_t capacity_min) {
  // Entries keep places in 32 bits.
  CHECK(capacity_min <= 2 * kBytesMax);
  const std::size_t capacity = std::bit_ceil(std::max(capacity_min, kCapacityMin));
  auto memory = std::make_unique_for_overwrite<char[]>(capacity);
  std::memcpy(memory.get(), memory_.get(), size_);
  memory_ = std::move(memory);
  capacity_ = capacity;
}

char* BatchEncoder::add_envelope(const Message& message, std::size_t data_bytes,
                                 std::size_t bytes_max) {
  // begin() came first.
  CHECK(memory_ != nullptr);
  const Mark before{size_, types_.index.count(), targets_.index.count(), senders_.index.count()};
  const bool bare = dialect_ == Dialect::strings;
  Numbers numbers;
  numbers.type = type_index(message.type_name);
  numbers.target = pid_index(targets_, message.target, layout::kTarget, bare);
  numbers.target_request_id = message.target.request_id();
  if (!message.sender.empty()) {
    // 1-based: 0 means that there is no sender.
    numbers.sender = 1 + pid_index(senders_, message.sender, layout::kSender, false);
    numbers.sender_request_id = message.sender.request_id();
  }
  const bool has_headers = !message.headers.empty() || !message.more_headers.empty();
  const std::size_t header_size = has_headers ? headers_size(message) : 0;
  const std::size_t payload = (data_bytes == 0 ? 0 : pb::field_bytes(data_bytes)) +
                              (has_headers ? pb::field_bytes(header_size) : 0);
  bytes_max = std::min(bytes_max, kBytesMax);
  if (size_ - kFrontBytes + payload > bytes_max) {
    undo(before);
    return nullptr;
  }

  // The length comes before what it is the length of. How many bytes it takes is nearly always known without the numbers' own.
  std::size_t length_bytes = varint_bytes(payload + Numbers::kBytesMax);
  if (length_bytes != varint_bytes(payload)) length_bytes = varint_bytes(payload + numbers.bytes());
  char* const begin = reserve(1 + length_bytes + payload + Numbers::kBytesMax);
  char* const body = begin + 1 + length_bytes;
  char* at = put_number(body, layout::kEnvelopeType, numbers.type);
  if (data_bytes != 0) {
    *at++ = layout::kEnvelopeData;
    at = pb::put_varint(at, static_cast<std::uint32_t>(data_bytes));
  }
  char* const data = at;
  at += data_bytes;
  at = put_number(at, layout::kEnvelopeTarget, numbers.target);
  at = put_number(at, layout::kEnvelopeSender, numbers.sender);
  if (has_headers) at = put_headers(at, message, header_size);
  at = put_number(at, layout::kEnvelopeTargetRequestId, numbers.target_request_id);
  at = put_number(at, layout::kEnvelopeSenderRequestId, numbers.sender_request_id);

  size_ = static_cast<std::size_t>(at - memory_.get());
  // bytes() is never more than size_.
  if (size_ > bytes_max && bytes() > bytes_max) {
    undo(before);
    return nullptr;
  }
  *begin = layout::kEnvelope;
  pb::put_varint(begin + 1, static_cast<std::uint32_t>(at - body));
  ++count_;
  return data;
}

void BatchEncoder::undo(const Mark& before) {
  size_ = before.size;
  if (types_.index.count() != before.type_count) types_.undo_insert();
  if (targets_.index.count() != before.target_count) targets_.undo_insert();
  if (senders_.index.count() != before.sender_count) senders_.undo_insert();
}

std::uint32_t BatchEncoder::type_index(std::string_view name) {
  const auto same = [&](std::uint32_t index) {
    const TextEntry& entry = types_.entries[index];
    return core::same_text(text_at(entry.begin, entry.size), name);
  };
  if (types_.last != InternTable::kNone && same(types_.last)) return types_.last;
  const auto hash = static_cast<std::uint32_t>(core::hash_text(name));
  types_.last = types_.index.find(hash, same);
  if (types_.last != InternTable::kNone) return types_.last;

  char* const end = pb::put_field(reserve(pb::field_bytes(name.size())), layout::kTypeName, name);
  size_ = static_cast<std::size_t>(end - memory_.get());
  types_.entries.push_back(
      {static_cast<std::uint32_t>(size_ - name.size()), static_cast<std::uint32_t>(name.size())});
  return types_.last = types_.index.insert(hash);
}

// `bare`: the entry is the id as text, and the address means nothing.
std::uint32_t BatchEncoder::pid_index(Table<PidEntry>& table, const core::Pid& pid,
                                      std::uint8_t tag, bool bare) {
  const PidKey key = key_of(pid);
  const auto same = [&](std::uint32_t index) { return is_same(table.entries[index], key, bare); };
  if (table.last != InternTable::kNone && same(table.last)) return table.last;
  const std::uint64_t address_hash = bare ? 0 : hash_of_address(key.address);
  const auto hash = static_cast<std::uint32_t>(core::mix_hash(key.hash, address_hash));
  table.last = table.index.find(hash, same);
  if (table.last != InternTable::kNone) return table.last;
  write_pid_entry(table, pid, key, tag, bare);
  return table.last = table.index.insert(hash);
}

// Records and processes may be gone before the frame is, and their memory used for others. Cells and futures are never freed, and a
// future keeps its name.
inline BatchEncoder::PidKey BatchEncoder::key_of(const core::Pid& pid) {
  if (pid.is_record()) {
    const core::PidRecord& record = *pid.record();
    return {.hash = record.hash, .address = record.address, .id = record.id};
  }
  if (pid.is_process()) {
    const core::Process& process = *pid.process();
    return {
        .hash = core::hash_text(process.id()), .address = process.address(), .id = process.id()};
  }
  const auto handle = pid.is_future() ? reinterpret_cast<std::uintptr_t>(pid.future())
                                      : reinterpret_cast<std::uintptr_t>(pid.cell());
  return {.hash = handle ^ (std::uint64_t{pid.generation()} << 48),
          .generation = pid.generation(),
          .handle = handle};
}

inline bool BatchEncoder::is_same(const PidEntry& entry, const PidKey& key, bool bare) const {
  if (entry.hash != key.hash || entry.handle != key.handle || entry.generation != key.generation) {
    return false;
  }
  if (key.handle != 0) return true;
  return core::same_text(text_at(entry.id_begin, entry.id_size), key.id) &&
         (bare || core::same_text(text_at(entry.address_begin, entry.address_size), key.address));
}

void BatchEncoder::write_pid_entry(Table<PidEntry>& table, const core::Pid& pid, const PidKey& key,
                                   std::uint8_t tag, bool bare) {
  PidEntry entry{.hash = key.hash, .generation = key.generation, .handle = key.handle};
  // Only handles have to be asked for their names, which costs a look-up.
  const bool is_handle = key.handle != 0;
  const std::string handle_id = is_handle ? pid.id() : std::string();
  const std::string handle_address = is_handle && !bare ? pid.address() : std::string();
  const std::string_view id = is_handle ? handle_id : key.id;
  const std::string_view address = is_handle ? handle_address : key.address;

  if (bare) {
    char* const end = pb::put_field(reserve(pb::field_bytes(id.size())), tag, id);
    size_ = static_cast<std::size_t>(end - memory_.get());
  } else {
    const std::size_t body = optional_field_bytes(address) + optional_field_bytes(id);
    char* at = reserve(pb::field_bytes(body));
    *at++ = static_cast<char>(tag);
    at = pb::put_varint(at, static_cast<std::uint32_t>(body));
    at = put_optional_field(at, layout::kPidAddress, address);
    entry.address_begin =
        static_cast<std::uint32_t>(at - memory_.get()) - static_cast<std::uint32_t>(address.size());
    entry.address_size = static_cast<std::uint32_t>(address.size());
    at = put_optional_field(at, layout::kPidId, id);
    size_ = static_cast<std::size_t>(at - memory_.get());
  }
  entry.id_begin = static_cast<std::uint32_t>(size_ - id.size());
  entry.id_size = static_cast<std::uint32_t>(id.size());
  table.entries.push_back(entry);
}

}  // namespace nexus::remote
