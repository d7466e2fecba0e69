// RoutingState: the routees of a router, and which of them gets a message. One class a strategy. Pure: no actors, no threads, no
// clock. A strategy of one's own is a further class.
//
//   all calls   owner   the router, in its turn
//
// I1  Routees stay in the order in which they came; one that takes another's place takes its identity too.
// I2  No two routees are the same actor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "core/actor/envelope.h"
#include "core/routing/routing_key.h"

namespace nexus::core {

struct RoutingChoice {
  enum class Who : std::uint8_t {
    // There are no routees.
    nobody,
    // The routee at `index`.
    one,
    all,
    // The message does not say where it belongs.
    unknown,
  };
  Who who = Who::nobody;
  std::size_t index = 0;
};

class RoutingState {
 public:
  virtual ~RoutingState() = default;

  virtual RoutingChoice choose(const Envelope& message) = 0;

  const std::vector<Routee>& routees() const { return routees_; }
  bool contains(const Pid& pid) const { return find(pid) < routees_.size(); }
  // False when it is there already.
  bool add(Routee routee);
  // False when it is not there.
  bool remove(const Pid& pid);
  // `next` takes the place of `pid`; false when that is not there. Not when `next` is there already.
  bool replace(const Pid& pid, Pid next);

 private:
  // The routee that was at `index` has gone; those behind it have moved up.
  virtual void on_removed(std::size_t) {}

  std::size_t find(const Pid& pid) const;

  std::vector<Routee> routees_;
};

// One after the other. Whoever goes or comes, the others keep their turn.
class RoundRobinState final : public RoutingState {
 public:
  RoutingChoice choose(const Envelope& message) override;

 private:
  void on_removed(std::size_t index) override;

  std::size_t next_ = 0;
};

// Each with the same chance, whoever was chosen before. The same seed gives the same choices.
// Source: SplitMix64; the range without bias is Lemire, Fast Random Integer Generation in an Interval, 2019.
class RandomState final : public RoutingState {
 public:
  explicit RandomState(std::uint64_t seed) : state_(seed) {}
  RoutingChoice choose(const Envelope& message) override;

 private:
  std::uint64_t next();

  std::uint64_t state_;
};

class BroadcastState final : public RoutingState {
 public:
  RoutingChoice choose(const Envelope& message) override;
};

// The one that the key of the message belongs to (A1, A2).
class ConsistentHashState final : public RoutingState {
 public:
  // `key` is not empty.
  explicit ConsistentHashState(RoutingKey key);
  RoutingChoice choose(const Envelope& message) override;

 private:
  const RoutingKey key_;
};

// Makes the state of a router, once for each life of it.
using RoutingStateFactory = std::function<std::unique_ptr<RoutingState>()>;

RoutingStateFactory round_robin_routing();
RoutingStateFactory random_routing(std::uint64_t seed);
RoutingStateFactory broadcast_routing();
RoutingStateFactory consistent_hash_routing(RoutingKey key);

}  // namespace nexus::core
