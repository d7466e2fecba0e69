// InboundGate: lets frames of one incarnation of a peer in, on whichever of its streams they come, until it is declared gone.
// InboundGates: the gates of all incarnations that have a stream here, but those of clients, which have one for each stream.
//
//   all calls   any thread
//
// X1  Who awaits a gate is called back once, when the frames that were let in before have ended: at once when there is none,
//     else by whoever ends the last of them.
// X2  After close() no frame of that incarnation is let in on a stream that had entered before. One that enters later has another gate.
// X3  A peer's word about a member id alone opens and closes nothing: the gate of an incarnation is that of its address and member id.
//     Who closes it by another address reaches those that may be there (Peer::may_be_at()). Only a block is of all who say that id.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/base/clock.h"
#include "core/base/mutex.h"
#include "remote/peer.h"

namespace nexus::remote {

class InboundGate {
 public:
  using Then = std::function<void()>;
  // Who reads frames.
  class Stream {
   public:
    virtual ~Stream() = default;
    // Nothing of it is let in any more, and it shall end after `patience`.
    virtual void on_gate_closed(core::Duration patience) = 0;
  };
  using Frame = std::uint64_t;

  // Nothing when it is closed; else end_frame() must follow.
  [[nodiscard]] std::optional<Frame> begin_frame();
  void end_frame(Frame frame);
  // It is closed because the incarnation has ended by itself, not because it was given up here.
  bool is_of_dead() const {
    core::MutexLock lock(mutex_);
    return closed_ && is_of_dead_;
  }

  // That were let in, on all its streams.
  Frame frame_count() const {
    core::MutexLock lock(mutex_);
    return last_;
  }

  void enter(std::weak_ptr<Stream> stream);
  void close(core::Duration patience);
  // Calls `then` when the frames that have begun are through.
  void await(Then then);

 private:
  struct Waiter {
    // The last frame that it waits for, and how many are left.
    Frame last = 0;
    std::size_t left = 0;
    Then then;
  };

  // Taken twice a frame, never while calling out.
  mutable core::Mutex mutex_{"inbound_gate"};
  bool closed_ GUARDED_BY(mutex_) = false;
  bool is_of_dead_ GUARDED_BY(mutex_) = false;
  Frame last_ GUARDED_BY(mutex_) = 0;
  std::size_t begun_count_ GUARDED_BY(mutex_) = 0;
  std::vector<Waiter> waiters_ GUARDED_BY(mutex_);
  std::vector<std::weak_ptr<Stream>> streams_ GUARDED_BY(mutex_);
};

class InboundGates {
 public:
  // The gate of the incarnation, for as long as somebody holds it.
  std::shared_ptr<InboundGate> enter(const Peer& peer, std::weak_ptr<InboundGate::Stream> stream);
  // An empty `member_id` means whoever calls itself `address`.
  void close(const std::string& address, const std::string& member_id, core::Duration patience,
             InboundGate::Then then);
  // Those of that id wherever they say to be: it is blocked here.
  void close_all(const std::string& member_id);
  void await(const std::string& address, const std::string& member_id, InboundGate::Then then);
  // Frames that were let in from whoever says that it is this incarnation at this address; 0 when it has no stream here.
  std::uint64_t frame_count(const std::string& address, const std::string& member_id) const;
  // Incarnations, with those that have no stream any more and were not looked for since.
  std::size_t count() const;

 private:
  struct Entry {
    Peer peer;
    std::weak_ptr<InboundGate> gate;
  };
  using Gates = std::vector<std::shared_ptr<InboundGate>>;
  Gates find(const std::string& address, const std::string& member_id, bool takes);
  static void await_all(const Gates& gates, InboundGate::Then then);

  // Taken per handshake and per end of a peer.
  mutable core::Mutex mutex_{"inbound_gates"};
  // By member id.
  std::unordered_multimap<std::string, Entry> entries_ GUARDED_BY(mutex_);
  // Entries at which those without a stream are thrown away.
  std::size_t full_count_ GUARDED_BY(mutex_) = 64;
};

}  // namespace nexus::remote
