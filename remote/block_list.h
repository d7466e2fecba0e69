// BlockList: the members that this node has nothing to do with, by member id: incarnations, not addresses. A node that starts again
// has another id and is not blocked.
//
//   all calls   any thread
//
// K1  From the return of block() on every frame of that member is refused: BlockCheck.
// K2  At most count_max members by hand, and as many by the cluster as that remembers, so that neither keeps the other from blocking.
//     Each id has 1..kIdBytesMax printable ASCII characters without a space, quote or comma.
// K3  A member is blocked as long as one owner has it blocked: none lifts what another has done.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/mutex.h"

namespace nexus::remote {

// Published on the event stream.
struct BlockListChanged {
  std::string member_id;
  bool blocked;
};

class BlockList {
 public:
  static constexpr std::size_t kIdBytesMax = 128;
  // Of what a handshake says: every node takes frames of 64 KiB.
  static constexpr std::size_t kToldBytesMax = 32 * 1024;

  struct Options {
    // By hand.
    std::size_t count_max = 1024;
  };
  // Who has blocked a member: whoever runs the node, or a peer that it believes; or the cluster, of which it is no member any more.
  enum class Owner : std::uint8_t { by_hand = 1, by_cluster = 2 };
  enum class OnBlock : std::uint8_t { blocked, already_blocked, full, bad_id };
  enum class OnUnblock : std::uint8_t { unblocked, still_blocked, not_blocked };

  BlockList() = default;
  explicit BlockList(Options options) : options_(options) {}

  // `already_blocked` by whomever; now by this owner, too.
  [[nodiscard]] OnBlock block(std::string_view member_id, Owner owner = Owner::by_hand);
  // `not_blocked` by this owner: nothing happens. `still_blocked` by the other.
  OnUnblock unblock(std::string_view member_id, Owner owner = Owner::by_hand);
  bool is_blocked(std::string_view member_id) const;
  // A snapshot, the latest first.
  std::vector<std::string> all() const;
  // The same as far as they have `bytes_max` bytes together: what a handshake says.
  std::vector<std::string> latest(std::size_t bytes_max) const;
  // Moves on with each change.
  std::uint64_t version() const noexcept { return version_.load(std::memory_order_acquire); }

  static bool is_id(std::string_view text);

 private:
  struct Entry {
    std::string member_id;
    // Bits of Owner.
    std::uint8_t owners;
  };
  using Entries = std::vector<Entry>;
  Entries::iterator find(std::string_view member_id) REQUIRES(mutex_);
  bool has_room_for(Owner owner) const REQUIRES(mutex_);

  const Options options_;
  // Moved after entries_, so that who sees a new number finds the change.
  std::atomic<std::uint64_t> version_{1};

  // A leaf; taken by handshakes, and by each stream once a change.
  mutable core::Mutex mutex_{"block_list"};
  // In the order of block(); few, and seldom looked at.
  Entries entries_ GUARDED_BY(mutex_);
};

// One stream's look at the list, a frame at a time: one load of an atomic, unless the list has changed meanwhile. Owned by whoever
// reads the stream.
class BlockCheck {
 public:
  bool is_blocked(const BlockList& list, std::string_view member_id) {
    const std::uint64_t version = list.version();
    if (version == seen_version_) return false;
    // Again at the next frame: what is blocked stays so.
    if (list.is_blocked(member_id)) return true;
    seen_version_ = version;
    return false;
  }

 private:
  std::uint64_t seen_version_ = 0;
};

}  // namespace nexus::remote
