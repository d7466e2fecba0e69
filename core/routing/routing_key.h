// Keys of messages for consistent hash routers, and which routee a key belongs to.
//
//   all   any thread   pure
//
// A message type names its key in a specialisation, anything else can be done by a RoutingKey function:
//
//   template <> struct nexus::core::RouterHash<Order> {
//     static const std::string& key(const Order& order) { return order.customer; }
//   };
//   ... consistent_hash_routing(keys_of<Order, Payment>())
//
// A1  The same key belongs to the same identity on every node and in every version: hashes are written down here, not std::hash.
// A2  When a routee goes, its keys spread over the others, and no other key moves. When one comes, keys move to it only.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>

#include "core/actor/envelope.h"

namespace nexus::core {

// Who gets messages from a router.
struct Routee {
  Pid pid;
  // Hash of what stays the same when another actor takes over: its name, or its place in a pool.
  std::uint64_t identity = 0;
};

// Of a message: the hash of its key; nothing when it has none. Runs in the router's turn, must not block; what it throws counts as
// no key.
using RoutingKey = std::function<std::optional<std::uint64_t>(const Envelope&)>;

// A bijection in which each bit of the input changes half of the bits of the output.
// Source: SplitMix64 (Steele, Lea, Flood), variant 13 of Stafford's mixers.
constexpr std::uint64_t mix64(std::uint64_t bits) {
  bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9u;
  bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebu;
  return bits ^ (bits >> 31);
}

// Hash of a key as text (FNV-1a, mixed) or as a number.
constexpr std::uint64_t hash_key(std::string_view key) {
  std::uint64_t hash = 14695981039346656037u;
  for (const char c : key) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  return mix64(hash);
}
constexpr std::uint64_t hash_key(std::integral auto key) {
  // Not 0, which would stay 0.
  return mix64(static_cast<std::uint64_t>(key) + 0x9e3779b97f4a7c15u);
}

template <typename Message>
struct RouterHash;

template <typename Message>
concept HasRouterHash = requires(const Message& message) {
  { hash_key(RouterHash<Message>::key(message)) } -> std::same_as<std::uint64_t>;
};

// The key of the first of these types that the message is of.
template <HasRouterHash... Messages>
RoutingKey keys_of() {
  return [](const Envelope& envelope) {
    std::optional<std::uint64_t> key;
    const auto try_one = [&]<typename Message>(const Message* message) {
      if (message != nullptr) key = hash_key(RouterHash<Message>::key(*message));
      return message != nullptr;
    };
    (void)(try_one(envelope.get<Messages>()) || ...);
    return key;
  };
}

// The index of the routee that a key belongs to: the one with the largest hash of both. One step a routee, nothing is kept.
//   key       as from hash_key()
//   routees   not empty; in any order
// Source: rendezvous hashing, highest random weight (Thaler, Ravishankar, Using Name-Based Mappings to Increase Hit Rates, 1998).
std::size_t rendezvous(std::uint64_t key, std::span<const Routee> routees);

}  // namespace nexus::core
