// Pid: the handle of an actor, here or on another node. 16 bytes, cheap to copy, prints as `address/id` and parses back.
//
// A Pid points at one of four things:
//   a cell      an actor of this process: a slot in type-stable memory and the generation of the actor that lived in it when
//               the Pid was made. Copies count nothing. After the actor has stopped the Pid leads to dead letters.
//   a process   something else of this process that takes envelopes (the guardian, an endpoint). Copies count nothing.
//   a future    one that waits for the answer to a request; the request id tells it from others before it in the same slot.
//   a record    an address and an id as text, for actors of other nodes and for names that were not found here. Copies
//               count references, because only they tell when the text can go.
//
// P1  A Pid must not outlive the ActorSystem that made it.
// P2  Two Pids are equal when address and id are; handles to two actors that had the same name one after the other differ.
// P3  The request id travels with the Pid and takes no part in equality.
// P4  The hash of a Pid never changes. Cells and processes hash by where they are, records by their text: only the text of a
//     record lasts. So a hash table does not find an actor's handle by its record; resolve() first, or use a PidSet.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace nexus::core {

class ActorCell;
class FutureSlot;
class Process;

// Address and id of an actor by name. Immutable, shared by the Pids that point at it.
struct PidRecord {
  PidRecord(std::string a, std::string i);

  std::atomic<std::uint32_t> reference_count{1};
  const std::uint64_t hash;
  const std::string address;
  const std::string id;
  // Both are UTF-8, as peers want names to be.
  const bool is_text;
};

class Pid {
 public:
  // No actor at all.
  Pid() = default;
  Pid(const Pid& other)
      : target_(other.target_), generation_(other.generation_), request_id_(other.request_id_) {
    if (is_record()) add_reference();
  }
  Pid(Pid&& other) noexcept
      : target_(std::exchange(other.target_, 0)),
        generation_(other.generation_),
        request_id_(other.request_id_) {}
  Pid& operator=(const Pid& other) {
    if (this != &other) *this = Pid(other);
    return *this;
  }
  Pid& operator=(Pid&& other) noexcept {
    if (this != &other) {
      if (is_record()) drop_reference();
      target_ = std::exchange(other.target_, 0);
      generation_ = other.generation_;
      request_id_ = other.request_id_;
    }
    return *this;
  }
  ~Pid() {
    if (is_record()) drop_reference();
  }

  static Pid of_cell(ActorCell& cell, std::uint32_t generation) {
    return Pid(reinterpret_cast<std::uintptr_t>(&cell) | kCell, generation);
  }
  static Pid of_process(Process& process) {
    return Pid(reinterpret_cast<std::uintptr_t>(&process) | kProcess, 0);
  }
  static Pid of_future(FutureSlot& slot, std::uint32_t request_id) {
    Pid pid(reinterpret_cast<std::uintptr_t>(&slot) | kFuture, 0);
    pid.request_id_ = request_id;
    return pid;
  }
  // A Pid by name. Senders look the name up each time; ActorSystem::find() gives a direct handle for one of this node.
  static Pid of_name(std::string address, std::string id, std::uint32_t request_id = 0);

  bool empty() const { return target_ == 0; }
  explicit operator bool() const { return !empty(); }

  bool is_cell() const { return target_ != 0 && (target_ & kTagMask) == kCell; }
  bool is_process() const { return (target_ & kTagMask) == kProcess; }
  bool is_record() const { return (target_ & kTagMask) == kRecord; }
  bool is_future() const { return (target_ & kTagMask) == kFuture; }
  FutureSlot* future() const { return reinterpret_cast<FutureSlot*>(target_ & ~kTagMask); }
  ActorCell* cell() const { return reinterpret_cast<ActorCell*>(target_ & ~kTagMask); }
  Process* process() const { return reinterpret_cast<Process*>(target_ & ~kTagMask); }
  const PidRecord* record() const {
    return reinterpret_cast<const PidRecord*>(target_ & ~kTagMask);
  }
  // Generation of the actor in the cell; 0 for processes and records.
  std::uint32_t generation() const { return generation_; }

  // Ties an answer to its request; 0 = none.
  std::uint32_t request_id() const { return request_id_; }
  Pid with_request_id(std::uint32_t request_id) const {
    Pid copy = *this;
    copy.request_id_ = request_id;
    return copy;
  }

  // Text of the two halves. An actor that has stopped keeps its name for as long as its cell is not used again; after
  // that the id reads like that of an unnamed actor.
  std::string address() const;
  std::string id() const;
  // `address/id`; empty for an empty Pid.
  std::string to_string() const;

  bool operator==(const Pid& other) const;
  // See P4. Takes no lock.
  std::uint64_t hash() const noexcept;

 private:
  static constexpr std::uintptr_t kTagMask = 3;
  static constexpr std::uintptr_t kCell = 0;
  static constexpr std::uintptr_t kRecord = 1;
  static constexpr std::uintptr_t kProcess = 2;
  static constexpr std::uintptr_t kFuture = 3;

  Pid(std::uintptr_t target, std::uint32_t generation) : target_(target), generation_(generation) {}
  void add_reference() const;
  void drop_reference() noexcept;

  std::uintptr_t target_ = 0;
  std::uint32_t generation_ = 0;
  std::uint32_t request_id_ = 0;
};
static_assert(sizeof(Pid) == 16);

// The two halves of `address/id` as views into `text`; nothing when there is no address, no slash or no id.
struct PidText {
  std::string_view address;
  std::string_view id;
};
std::optional<PidText> split_pid(std::string_view text);

}  // namespace nexus::core

template <>
struct std::hash<nexus::core::Pid> {
  std::size_t operator()(const nexus::core::Pid& pid) const noexcept { return pid.hash(); }
};
