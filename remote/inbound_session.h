// InboundSession: what a peer of ours has sent over one link, across all the streams that it opens one after the other.
//
//   all calls   any thread; frames of one stream one after the other
//
// I1  Each frame is delivered at most once, and in the order of its number.
// I2  One stream at a time delivers. One that comes later is told to begin when the one before it is through with its frame, and
//     that one delivers nothing more.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <tuple>

#include "core/base/mutex.h"
#include "remote/batch_codec.h"

namespace nexus::remote {

class InboundSession {
 public:
  struct Grant {
    // Whether the peer's session is known here, and what has arrived of it.
    bool resumed = false;
    std::uint64_t received = 0;
  };
  // Who reads the frames.
  class Stream {
   public:
    virtual ~Stream() = default;
    // Once, from inside claim() or from another stream's end_frame(): it may begin.
    virtual void on_session(const Grant& grant) = 0;
    // A later stream of the same peer has the session now. May come before on_session(), which then does not.
    virtual void on_session_lost() = 0;
  };
  enum class Verdict : std::uint8_t {
    // end_frame() must follow.
    deliver,
    repeat,
    // Some frame before it never came.
    gap,
    // Another stream has the session.
    lost,
  };

  void claim(const std::shared_ptr<Stream>& stream, std::uint64_t session);
  [[nodiscard]] Verdict begin_frame(const Stream& stream, std::uint64_t sequence);
  void end_frame();

  bool is_claimed() const;

 private:
  Grant grant() REQUIRES(mutex_);

  // Taken per frame, never while calling out.
  mutable core::Mutex mutex_{"inbound_session"};
  std::weak_ptr<Stream> owner_ GUARDED_BY(mutex_);
  // What the owner has claimed.
  std::uint64_t claimed_ GUARDED_BY(mutex_) = 0;
  // The owner waits for the end of a frame of the stream before it.
  bool owner_waits_ GUARDED_BY(mutex_) = false;
  bool delivering_ GUARDED_BY(mutex_) = false;
  // Of the session that was granted last.
  std::uint64_t session_ GUARDED_BY(mutex_) = 0;
  std::uint64_t received_ GUARDED_BY(mutex_) = 0;
};

// The sessions of all peers, kept for as long as there is room, so that a peer can come back.
//
//   all calls   any thread
class InboundSessions {
 public:
  explicit InboundSessions(std::size_t count_max) : count_max_(count_max) {}

  // A node has one link for each name by which it knows this one, and forgets links that are not used.
  static constexpr std::size_t kAddressCountMax = 16;

  // That of this link of this peer. Beyond kAddressCountMax of its address, and beyond count_max of all, the one that was asked for
  // longest ago and has no stream is forgotten; null when all have one.
  std::shared_ptr<InboundSession> session(const std::string& address, const std::string& member_id,
                                          std::uint64_t link);
  std::size_t count() const;

 private:
  // Address, member id, link.
  using Key = std::tuple<std::string, std::string, std::uint64_t>;
  struct Entry {
    std::shared_ptr<InboundSession> session;
    std::uint64_t asked_at = 0;
  };

  using Entries = std::map<Key, Entry>;

  // Of those in [begin, end).
  bool forget_one(Entries::iterator begin, Entries::iterator end) REQUIRES(mutex_);

  const std::size_t count_max_;
  // Taken per handshake.
  mutable core::Mutex mutex_{"inbound_sessions"};
  Entries sessions_ GUARDED_BY(mutex_);
  std::uint64_t asked_count_ GUARDED_BY(mutex_) = 0;
};

}  // namespace nexus::remote
