// What the nodes of a run send each other. The bytes on the wire are those in memory: both are this program.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include "core/actor/message.h"

namespace nexus::bench {

struct Ping {
  // Counts from 0 for each pair of sender and target.
  std::uint64_t number;
  std::uint64_t sender;
};
// To the referee: count so many pings from now on, and tell the sender of this.
struct Begin {
  std::uint64_t ping_count;
  std::uint64_t sender_count;
};
// From the referee: so many have come by now.
struct Progress {
  std::uint64_t ping_count;
  std::uint64_t wrong_count;
};
// To the referee: answer with a Count, now.
struct HowMany {};
struct Count {
  std::uint64_t ping_count;
  std::uint64_t wrong_count;
  // For which the mailboxes of the node had no room.
  std::uint64_t mailbox_full_count;
};
// A ping of any size.
struct Blob {
  std::string data;
};

}  // namespace nexus::bench

namespace nexus::core {

template <typename T>
struct BytesOnTheWire {
  static_assert(std::is_trivially_copyable_v<T>);
  static bool encode(const T& message, std::string* out) {
    out->assign(reinterpret_cast<const char*>(&message), sizeof(T));
    return true;
  }
  static std::optional<T> decode(std::string_view bytes) {
    if (bytes.size() != sizeof(T)) return std::nullopt;
    T message;
    std::memcpy(&message, bytes.data(), sizeof(T));
    return message;
  }
};
template <>
struct Wire<bench::Ping> : BytesOnTheWire<bench::Ping> {
  static constexpr const char* kName = "nexus.bench.Ping";
};
template <>
struct Wire<bench::Begin> : BytesOnTheWire<bench::Begin> {
  static constexpr const char* kName = "nexus.bench.Begin";
};
template <>
struct Wire<bench::Progress> : BytesOnTheWire<bench::Progress> {
  static constexpr const char* kName = "nexus.bench.Progress";
};
template <>
struct Wire<bench::HowMany> : BytesOnTheWire<bench::HowMany> {
  static constexpr const char* kName = "nexus.bench.HowMany";
};
template <>
struct Wire<bench::Count> : BytesOnTheWire<bench::Count> {
  static constexpr const char* kName = "nexus.bench.Count";
};
template <>
struct Wire<bench::Blob> {
  static constexpr const char* kName = "nexus.bench.Blob";
  static bool encode(const bench::Blob& message, std::string* out) {
    *out = message.data;
    return true;
  }
  static std::optional<bench::Blob> decode(std::string_view bytes) {
    return bench::Blob{std::string(bytes)};
  }
};

}  // namespace nexus::core
