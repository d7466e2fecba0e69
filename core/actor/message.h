// MessageType: what the runtime knows of a C++ type that is sent as a message: how to keep it in an envelope, how to
// destroy it and, for types that leave the process, its name on the wire and its codec.
//
// Any movable type can be sent inside a process. It can also travel between nodes when
//   - it is a generated protobuf message (recognised by its member functions; no protobuf header is needed here), or
//   - `template <> struct nexus::core::Wire<T>` gives `static constexpr const char* kName`,
//     `static bool encode(const T&, std::string* out)` and `static std::optional<T> decode(std::string_view)`.
// A message whose type this node does not know arrives as a Payload.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <typeinfo>
#include <utility>

namespace nexus::core {

class Envelope;
// Returns the node to the thread's cache and destroys the message in it.
struct EnvelopeDeleter {
  void operator()(Envelope* envelope) const noexcept;
};
using EnvelopePtr = std::unique_ptr<Envelope, EnvelopeDeleter>;

// A message as bytes: JSON from a client, or a type that this node was not compiled with.
struct Payload {
  // Full protobuf name; may be empty for JSON.
  std::string type;
  // kJson, kProtobuf or any other media type.
  std::string content_type;
  std::string data;

  static constexpr const char* kJson = "application/json";
  static constexpr const char* kProtobuf = "application/x-protobuf";

  static Payload json(std::string text) { return {{}, kJson, std::move(text)}; }
};

template <typename T>
struct Wire;

template <typename T>
concept HasWire = requires(const T& message, std::string* out, std::string_view bytes) {
  { Wire<T>::kName } -> std::convertible_to<const char*>;
  { Wire<T>::encode(message, out) } -> std::same_as<bool>;
  { Wire<T>::decode(bytes) } -> std::same_as<std::optional<T>>;
};

template <typename T>
concept ProtobufMessage = requires(const T& message, T& target, std::string* out, const void* data,
                                   int size) {
  { message.SerializeToString(out) } -> std::same_as<bool>;
  { target.ParseFromArray(data, size) } -> std::same_as<bool>;
  T::descriptor()->full_name();
};

// The messages of core/actor/messages.h that the runtime itself looks at on their way to an actor.
struct Terminated;
struct PoisonPill;
struct Touch;
struct MessageBatch;
class Context;

// Base of message types that do not count as activity for the receive timeout of the actor that gets them.
struct NotInfluenceReceiveTimeout {};

// A message with `auto auto_response(const Context&) const` is answered with what that returns, after the actor has had it and
// left it where it was.
template <typename T>
concept AutoRespond = requires(const T& message, const Context& context) {
  message.auto_response(context);
};

// Aligned so that an envelope can keep flags in the low bits of a pointer to it.
struct alignas(16) MessageType {
  // Where a message of the type lives: in a small or a large node, or on the heap with a pointer in the node.
  enum class Place : std::uint8_t { small_node, large_node, heap };
  // Whether the runtime has something to do with the message before or instead of the actor, or only to count it apart.
  enum class Role : std::uint8_t { plain, passive, runtime };

  Place place;
  Role role;
  // Whether it ends the idle time of the actor that gets it.
  bool is_activity;
  // Null when there is nothing to destroy.
  void (*destroy)(void* message) noexcept;
  // The C++ name of the type, for logs.
  const std::string& (*cpp_name)();
  // The name on the wire, null for types that stay in the process.
  const std::string& (*wire_name)() = nullptr;
  // False when the message cannot be written.
  bool (*encode)(const void* message, std::string* out) = nullptr;
  // Null when the bytes are not such a message.
  EnvelopePtr (*decode)(std::string_view bytes) = nullptr;
  // Null for types that are moved only.
  EnvelopePtr (*copy)(const void* message) = nullptr;
  // Null for types that are not AutoRespond.
  EnvelopePtr (*auto_response)(const void* message, const Context& context) = nullptr;

  bool remotable() const { return wire_name != nullptr; }
  // The wire name where there is one, else the C++ name.
  const std::string& name() const { return remotable() ? wire_name() : cpp_name(); }
};

std::string demangle(const char* name);

inline constexpr std::size_t kSmallPayloadBytes = 16;
inline constexpr std::size_t kLargePayloadBytes = 80;
inline constexpr std::size_t kPayloadAlignment = 16;

template <typename T>
EnvelopePtr make_envelope(T message);

// Whether messages of the type may be copied, so that one can reach several actors. To be set to false for a type that declares
// a copy constructor which does not compile, like a struct with a std::vector<std::unique_ptr<...>> in it.
template <typename T>
inline constexpr bool kCopyableMessage = std::is_copy_constructible_v<T>;

namespace internal {

template <typename T>
constexpr MessageType::Place place_of() {
  if (alignof(T) > kPayloadAlignment) return MessageType::Place::heap;
  if (sizeof(T) <= kSmallPayloadBytes) return MessageType::Place::small_node;
  if (sizeof(T) <= kLargePayloadBytes) return MessageType::Place::large_node;
  return MessageType::Place::heap;
}

template <typename T>
constexpr bool needs_no_destruction() {
  return std::is_trivially_destructible_v<T> && place_of<T>() != MessageType::Place::heap;
}

template <typename T>
void destroy_message(void* message) noexcept {
  if constexpr (place_of<T>() == MessageType::Place::heap) {
    std::unique_ptr<T>(static_cast<T*>(message)).reset();
  } else {
    static_cast<T*>(message)->~T();
  }
}

template <typename T>
const std::string& cpp_name_of() {
  static const std::string name = demangle(typeid(T).name());
  return name;
}

template <typename T>
const std::string& wire_name_of() {
  if constexpr (HasWire<T>) {
    static const std::string name = Wire<T>::kName;
    return name;
  } else {
    static const std::string name = T::descriptor()->full_name();
    return name;
  }
}

template <typename T>
bool encode_message(const void* message, std::string* out) {
  const T& typed = *static_cast<const T*>(message);
  if constexpr (HasWire<T>) {
    return Wire<T>::encode(typed, out);
  } else {
    return typed.SerializeToString(out);
  }
}

template <typename T>
EnvelopePtr decode_message(std::string_view bytes) {
  if constexpr (HasWire<T>) {
    std::optional<T> message = Wire<T>::decode(bytes);
    return message ? make_envelope(std::move(*message)) : nullptr;
  } else {
    T message;
    if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return nullptr;
    return make_envelope(std::move(message));
  }
}

template <typename T>
EnvelopePtr copy_message(const void* message) {
  return make_envelope(T(*static_cast<const T*>(message)));
}

template <typename T>
EnvelopePtr auto_response_of(const void* message, const Context& context) {
  return make_envelope(static_cast<const T*>(message)->auto_response(context));
}

template <typename T>
constexpr bool is_activity() {
  return !std::is_base_of_v<NotInfluenceReceiveTimeout, T>;
}

template <typename T>
constexpr MessageType::Role role_of() {
  constexpr bool known = std::is_same_v<T, Terminated> || std::is_same_v<T, PoisonPill> ||
                         std::is_same_v<T, Touch> || std::is_same_v<T, Payload> ||
                         std::is_same_v<T, MessageBatch> || AutoRespond<T>;
  if (known) return MessageType::Role::runtime;
  return is_activity<T>() ? MessageType::Role::plain : MessageType::Role::passive;
}

template <typename T>
constexpr MessageType describe() {
  MessageType type{.place = place_of<T>(),
                   .role = role_of<T>(),
                   .is_activity = is_activity<T>(),
                   .destroy = needs_no_destruction<T>() ? nullptr : &destroy_message<T>,
                   .cpp_name = &cpp_name_of<T>};
  if constexpr (HasWire<T> || ProtobufMessage<T>) {
    type.wire_name = &wire_name_of<T>;
    type.encode = &encode_message<T>;
    type.decode = &decode_message<T>;
  }
  if constexpr (kCopyableMessage<T>) type.copy = &copy_message<T>;
  if constexpr (AutoRespond<T>) type.auto_response = &auto_response_of<T>;
  return type;
}

template <typename T>
inline constexpr MessageType kMessageType = describe<T>();

}  // namespace internal

// The one description of T in the process; compare its address to tell types apart.
template <typename T>
constexpr const MessageType& message_type() {
  static_assert(std::is_same_v<T, std::remove_cvref_t<T>>);
  static_assert(std::is_move_constructible_v<T>);
  return internal::kMessageType<T>;
}

}  // namespace nexus::core
