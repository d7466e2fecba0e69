// Endpoint: the link to one peer. Feeds EndpointState with what happens, does what it says, and keeps the queue, the stream
// and the watches of that link. A node is dialled, and its link is there for as long as anybody wants it; the link of a client is on a
// stream that the client has opened, and ends with it.
//
//   all calls                        any thread
//   add_watched() of a known pair    no lock of the link, see remote/endpoint_watcher.h
//
// L1  Messages of one sender to one target leave in the order of send(), across reconnects too.
// L2  What cannot be sent ends as a dead letter with its reason. What was sent and may be lost does too: towards peers of ours
//     that is what they have not acknowledged when they are gone, towards others what was being written when the stream broke.
// L3  Each watch ends in exactly one Terminated to the watcher: the peer's, or AddressTerminated when the peer is gone or blocked
//     or this link is closed; or, silently, in remove_watched().
// L4  Nobody is told of the end of a peer, as watcher or as one who asked, while a frame of that incarnation is being delivered; what
//     it sends after that is not delivered when there were watchers, here or there. The ends of incarnations are told one after the other, and
//     what calls on_seen() is told after those before.
// L5  A peer that lets more wait for it than may (EndpointWriter, B2) is declared gone, and the link to it ends.
// L6  At most inbound_watch_count_max pairs of a watcher at the peer and an actor here are kept, of watchers that are named in at most
//     kWatcherBytesMax bytes.
// L7  What waits for an incarnation that is gone goes on to the next one at the same address, in its order, but for what is for that one
//     alone: Stop, PoisonPill, Watch, Unwatch, Terminated and answers to its requests; and for requests of this node whose asker waits no
//     longer. These end here, as dead letters `link_down`, a Watch by L3. Who asks with a request that goes on waits on, all others
//     who ask that incarnation are told. A request that is on its way into the queue at that moment does both: its asker is told, and it
//     goes on.
// L8  Nothing is sent that no peer can read: a system message is for an actor whose id has at most kWatchedBytesMax bytes. A watch of
//     another one ends in Terminated{NotFound}, the rest are dead letters `too_large`.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/actor_system.h"
#include "core/base/mutex.h"
#include "remote/batch_codec.h"
#include "remote/batch_decoder.h"
#include "remote/block_list.h"
#include "remote/endpoint_state.h"
#include "remote/endpoint_stream.h"
#include "remote/endpoint_watcher.h"
#include "remote/endpoint_writer.h"
#include "remote/flush_list.h"
#include "remote/inbound_gate.h"
#include "remote/link_liveness.h"
#include "remote/options.h"
#include "remote/outbound_session.h"
#include "remote/queue_pressure.h"
#include "remote/remote_metrics.h"
#include "remote/tell_queue.h"
#include "remote/watch_registry.h"
#include "remote/wire_types.h"

namespace nexus::remote {

// Published on the event stream.
struct EndpointConnected {
  std::string address;
  std::string member_id;
};
struct EndpointTerminated {
  std::string address;
  std::string reason;
  // Pairs of watcher and watchee that end by it: so many Terminated are told next.
  std::size_t watch_count;
};
// The queue for that peer has filled to another level, or emptied to it.
struct EndpointPressure {
  std::string address;
  PressureLevel level;
  PressureLevel before;
  // Of two events of one address, the later has the higher number.
  std::uint64_t number;
};
// Of one pair, as it comes and goes; EndpointTerminated tells of all pairs that end with the peer.
struct EndpointWatchChanged {
  enum class Change : std::uint8_t { watched, unwatched, terminated };

  std::string address;
  core::Pid watcher;
  core::Pid watchee;
  Change change;
  // Pairs of this link, about then.
  std::size_t watch_count;
};

class Endpoint final : public EndpointStreamEvents,
                       public FlushList::Link,
                       public std::enable_shared_from_this<Endpoint> {
 public:
  // Address and id. Actors of this node have at most 256 bytes of name, those of clients 1,024 of id.
  static constexpr std::size_t kWatcherBytesMax = 2048;
  // Of what a system message is for, which no limit of the writer divides or refuses. Every node reads frames of 64 KiB.
  static constexpr std::size_t kWatchedBytesMax = 16 * 1024;

  // What all endpoints of a node share. They keep it alive, because timers and streams may hold an endpoint for longer than
  // the node does. The system must outlive it.
  struct Shared {
    Shared(Options o, core::ActorSystem& s, std::string m, std::unique_ptr<EndpointDialer> d)
        : options(std::move(o)),
          system(s),
          member_id(std::move(m)),
          types(s.registry()),
          blocks(BlockList::Options{.count_max = options.blocked_count_max}),
          dialer(std::move(d)) {}

    const Options options;
    core::ActorSystem& system;
    // Of this incarnation of the node.
    const std::string member_id;
    WireTypes types;
    BlockList blocks;
    const std::unique_ptr<EndpointDialer> dialer;
    // Links whose messages wait for the end of what a worker is doing.
    mutable FlushList held;
    // What the peers' own streams may still deliver.
    mutable InboundGates gates;
    // Each endpoint takes one.
    mutable std::atomic<std::uint64_t> next_link{1};
    mutable RemoteMetrics metrics{};
  };

  struct Client {
    std::string member_id;
    // Of the certificate that it has shown.
    std::vector<std::string> certified_names{};
    // What it has opened, and what lets its frames in.
    std::shared_ptr<EndpointStream> stream;
    std::shared_ptr<InboundGate> gate;
  };

  Endpoint(std::shared_ptr<const Shared> shared, std::string address);
  // To a client. Nothing is written before on_stream_open().
  Endpoint(std::shared_ptr<const Shared> shared, Client client);

  // `host:port`, or the name of the client.
  const std::string& address() const { return address_; }
  const std::vector<std::string>& certified_names() const { return certified_names_; }

  // A message as an actor sent it. What cannot leave becomes a dead letter with its reason.
  void send(const core::Pid& target, core::EnvelopePtr envelope, core::Lane lane);
  // Asks the peer for the Terminated of `watchee`; a known pair is not asked for again.
  void add_watched(const core::Pid& watcher, const core::Pid& watchee);
  void remove_watched(const core::Pid& watcher, const core::Pid& watchee);
  // A Terminated of the actor `who_id` came for `watcher`, from the incarnation `member_id` of the peer. The Pid that the watcher
  // knows it by; empty when it does not watch it (any more), or asked another incarnation.
  core::Pid take_watched(const core::Pid& watcher, const std::string& who_id,
                         const std::string& member_id);
  // An actor of the peer, whose Pid is a record, watches one of ours, or does so no longer. Forgotten when the peer is gone, which
  // only a link of our own can tell: so there will be one. Unless it is `noted` the actor must not know of the watch: the link takes
  // nothing any more, or (L6) not this.
  enum class OnInboundWatch : std::uint8_t { noted, closed, refused };
  [[nodiscard]] OnInboundWatch note_inbound_watch(const core::Pid& watcher,
                                                  const core::Pid& watchee);
  void forget_inbound_watch(const core::Pid& watcher, const core::Pid& watchee);

  // A peer with this address opened a stream to us, as this incarnation. Calls `then` once, when the end of the one before it has
  // been told: mostly before this returns, else from another thread. `ended`: another incarnation has taken its place already, and
  // nothing happens.
  enum class OnSeen : std::uint8_t { seen, ended };
  OnSeen on_seen(const std::string& member_id, std::function<void()> then = {});
  // The cluster says that this incarnation is a member at this address. A link that is blocked because of another one may be dialled
  // again. Otherwise nothing happens: this may come late, and an incarnation after that one may have been seen.
  void on_joined(const std::string& member_id);
  // The member was put on the list of blocked ones, or taken off it. Nothing happens when it is not this peer.
  void on_blocked(const std::string& member_id);
  void on_unblocked(const std::string& member_id);
  // Of a client: it was answered; it has opened another stream, which has a link of its own. `then` as above.
  void on_stream_open();
  void on_replaced(std::function<void()> then);
  std::string member_id() const;
  void set_dialect(Dialect dialect);

  // Nothing is queued, written or watched, and there is no stream: it may be forgotten.
  bool idle() const;
  // The peer took our handshake, and the stream has not ended since.
  bool is_connected() const;
  std::size_t waiting_count() const;
  // Pairs of a watcher here and a watchee there. No lock.
  std::size_t watch_count() const { return watcher_.size(); }
  // For senders that can slow down. No lock.
  PressureLevel pressure() const { return pressure_.level(); }
  LinkStats stats() const;
  // Waits until all that is queued was written, and acknowledged if the peer does that. False at `deadline`, or as soon as the
  // link is down.
  bool flush(core::Instant deadline);
  // Ends the link: what still waits becomes dead letters, watchers are told AddressTerminated.
  void close();

  void flush_held() override;

  void on_stream_frame(std::uint64_t epoch, std::string frame) override;
  void on_stream_written(std::uint64_t epoch, bool ok) override;
  void on_stream_closed(std::uint64_t epoch, const std::string& detail) override;

 private:
  // What the end of a link leaves behind.
  struct Remains {
    std::vector<EndpointWatcher::Watch> watches;
    std::vector<WatchRegistry::Watch> inbound_watches;
    std::vector<OutgoingFramePtr> waiting;
    std::vector<OutgoingFramePtr> in_doubt;
    // Larger than the peer reads.
    std::vector<OutgoingFramePtr> unreadable;
  };
  struct Gone {
    EndpointState::WhyGone why;
    // Empty when it is not known.
    std::string member_id;
    TellQueue::Place place;
    // Who waits for an answer of it.
    std::vector<core::Pid> asks;
  };
  // What EndpointState wants done, decided together with the change of state and carried out after the lock is released.
  struct Todo {
    std::shared_ptr<EndpointStream> cancel;
    std::optional<Gone> gone;
    // Why the last dial failed, unless that was said before.
    std::string dial_failure{};
    Remains remains;
    std::optional<core::Instant> wake_at;
    std::optional<std::uint64_t> dial_epoch;
    std::optional<QueuePressure::Change> pressure;
  };

  // Of frames to a peer that has not written yet.
  static constexpr std::size_t kUnprovenCountMax = 16;

  struct Outgoing;
  Endpoint(std::shared_ptr<const Shared> shared, std::string address, std::string pid_address,
           EndpointState state, Client client);
  void note_connected() REQUIRES(mutex_);
  void tell_connected(const std::string& member_id);
  bool is_too_large(const Outgoing& message) const;
  void want();
  // False when an Unwatch overruns the queue.
  [[nodiscard]] bool push_watch(const core::Pid& watcher, const core::Pid& watchee, bool watch)
      REQUIRES(mutex_);
  // Those that wait are asked for again, or have an Unwatch behind them.
  void drop_watches() REQUIRES(mutex_);
  void publish_watch(const core::Pid& watcher, const core::Pid& watchee,
                     EndpointWatchChanged::Change change);
  [[nodiscard]] Todo decide(const EndpointState::Actions& actions) REQUIRES(mutex_);
  [[nodiscard]] Todo drop_stream(const EndpointState::Actions& actions) REQUIRES(mutex_);
  [[nodiscard]] Todo block(const std::string& member_id) REQUIRES(mutex_);
  bool takes_nothing() const REQUIRES(mutex_);
  core::DeadLetterReason down_reason() const REQUIRES(mutex_);
  void carry_out(Todo todo);
  void announce(Gone gone, Remains remains);
  // L7, of all that waits and of a frame that was about to be written.
  void carry_over(Todo& todo) REQUIRES(mutex_);
  void carry_over(OutgoingFramePtr frame, Remains& remains) REQUIRES(mutex_);
  // The future of this node that an answer to it would go to; empty when there is none.
  core::Pid asker_of(const BatchDecoder& batch, const BatchDecoder::Envelope& envelope) const;
  void wake_at(core::Instant at);
  void dial(std::uint64_t epoch);
  // `down_reason`: of what waits.
  void bury(const Remains& remains, core::DeadLetterReason down_reason);
  void note_written(const OutgoingFrame& frame) REQUIRES(mutex_);
  // After the queue has changed.
  [[nodiscard]] std::optional<QueuePressure::Change> note_queue() REQUIRES(mutex_) {
    return pressure_.update(writer_.user_count(), writer_.filled_bytes());
  }
  void publish(const QueuePressure::Change& change);
  void begin_write_if_possible();
  void write_next();
  OutboundSession::Numbered next_frame() REQUIRES(mutex_);
  void take_up(const ConnectResponse& response, Todo& todo) REQUIRES(mutex_);
  void keep_remains(OutboundSession::Remains left, Remains& remains) REQUIRES(mutex_);
  void collect_unreadable(Remains& remains) REQUIRES(mutex_);
  void watch_liveness(std::uint64_t epoch, core::Instant at);
  void check_liveness(std::uint64_t epoch);
  void note_dialect_is_known() REQUIRES(mutex_);
  void write_failed(const std::shared_ptr<EndpointStream>& stream);
  // What remains to be done when a message was queued.
  enum class Then : std::uint8_t { nothing, want, write, hold };
  [[nodiscard]] Then after_push() REQUIRES(mutex_);
  // Nothing when it waits now, or why it does not.
  [[nodiscard]] std::optional<core::DeadLetterReason> enqueue(const Outgoing& message);
  void to_dead_letters(const OutgoingFramePtr& frame, core::DeadLetterReason reason);
  void to_dead_letter(const core::Pid& target, core::Pid sender, std::string_view type_name,
                      std::string_view data, core::DeadLetterReason reason);

  const std::shared_ptr<const Shared> shared_;
  const std::string address_;
  // In the Pids of the peer's actors: for those of a client it is this node's own.
  const std::string pid_address_;
  const std::vector<std::string> certified_names_;
  // Of a client; null for a node, whose incarnations each have one.
  const std::shared_ptr<InboundGate> gate_;

  // Changed under mutex_, asked by any thread.
  EndpointWatcher watcher_;
  // The ends of incarnations, and who waits for that. Places are taken under mutex_.
  TellQueue tells_;

  // Taken per message and per stream event, never while calling out.
  mutable core::Mutex mutex_{"endpoint"};
  core::CondVar drained_;
  EndpointState state_ GUARDED_BY(mutex_);
  EndpointWriter writer_ GUARDED_BY(mutex_);
  // Of writer_. Its level is read by any thread.
  QueuePressure pressure_;
  OutboundSession session_ GUARDED_BY(mutex_);
  LinkLiveness liveness_ GUARDED_BY(mutex_);
  bool ping_is_due_ GUARDED_BY(mutex_) = false;
  WatchRegistry inbound_watches_ GUARDED_BY(mutex_);
  // The incarnation that was blocked; empty while none is.
  std::string blocked_member_ GUARDED_BY(mutex_);
  // What the log was told of the dials since the link was up.
  std::string told_dial_failure_ GUARDED_BY(mutex_);
  // Null while there is none that could be written to.
  std::shared_ptr<EndpointStream> stream_ GUARDED_BY(mutex_);
  // Ends of incarnations; and so many there were when what is in flight was taken.
  std::uint64_t end_count_ GUARDED_BY(mutex_) = 0;
  std::uint64_t in_flight_end_count_ GUARDED_BY(mutex_) = 0;
  // Moves on with each dial and each end of a stream, so that events of an older stream are known by theirs.
  std::uint64_t epoch_ GUARDED_BY(mutex_) = 0;
  // Whether the peer has written to us, or has shown otherwise that it reads what we write. Until then the frames of this stream
  // are kept, because it may not have been able to read them: then they are sent again, in the other dialect.
  bool dialect_is_known_ GUARDED_BY(mutex_) = false;
  std::vector<OutgoingFramePtr> unproven_ GUARDED_BY(mutex_);
  // In the list of those that wait to be flushed.
  bool held_ GUARDED_BY(mutex_) = false;
  struct {
    std::uint64_t message_count = 0;
    std::uint64_t bytes = 0;
    std::uint64_t batch_count = 0;
    std::uint64_t connect_count = 0;
    std::uint64_t loss_count = 0;
  } counted_ GUARDED_BY(mutex_);
  // Somebody is between take_frame() and the result of its write.
  bool writing_ GUARDED_BY(mutex_) = false;

  // Whoever set writing_.
  OutboundSession::Numbered in_flight_;
};

}  // namespace nexus::remote
