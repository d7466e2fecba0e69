// InboundStream: one stream that a peer opened to us: its handshake, its batches, and what we acknowledge; or, to a client, what the
// client's link writes. Knows no transport.
//
//   on_frame(), on_end()   the transport, frames one after the other
//   the rest               any thread
//
// N1  A peer sends its ConnectRequest first and once, then batches. Anything else ends the stream with an error that says so.
// N2  What was delivered is acknowledged ack_delay later at most, when the peer has a session.
// N3  A peer that is blocked, has blocked this node, or shows the certificate of another host is turned away; a member that is blocked
//     later, at once.
// N4  A peer is answered when the end of the incarnation before it has been told; one whose place another has taken is not, and its
//     stream ends. Once its own end is told nothing of it is delivered:
//     what it still sends are dead letters `sender_gone`, and the stream ends, soon or when the peer ends it. What a peer with a
//     session sends that was given up here, and may live, is dropped unacknowledged: the peer knows its fate.
// N5  A client has one link, which begins with the answer to its handshake and ends with this stream. The same client on a later stream has
//     another link, and is answered when the end of this one has been told.
// N6  A stream that is to end waits unreachable_after at most for what is being written.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/actor/throttler.h"
#include "core/actor_system.h"
#include "core/base/lifeline.h"
#include "core/base/mutex.h"
#include "core/base/result.h"
#include "remote/batch_codec.h"
#include "remote/batch_decoder.h"
#include "remote/block_list.h"
#include "remote/endpoint_manager.h"
#include "remote/endpoint_reader.h"
#include "remote/endpoint_stream.h"
#include "remote/inbound_gate.h"
#include "remote/inbound_session.h"
#include "remote/options.h"
#include "remote/tls_identity.h"

namespace nexus::remote {

class InboundStream final : public InboundSession::Stream,
                            public InboundGate::Stream,
                            public EndpointStream,
                            public std::enable_shared_from_this<InboundStream> {
 public:
  // N1 allows no pause before the handshake, which peers send at once.
  static constexpr core::Duration kHandshakePatience = std::chrono::seconds(10);

  // What all of them share; outlives them.
  struct Shared {
    ~Shared() { lifeline->close(); }

    core::ActorSystem& system;
    EndpointReader& reader;
    EndpointManager& endpoints;
    const Options options;
    // What this node says of itself in each handshake.
    const Peer self;
    InboundSessions sessions;
    const BlockList& blocks;
    // Told whom a peer that was let in has blocked. By whoever calls on_frame(); may be empty.
    std::function<void(const Peer&, const std::vector<std::string>&)> on_peer_blocks{};
    // When it is mutual, a peer is let in as a host that its certificate is made out to. Null: as whatever it says.
    std::shared_ptr<const TlsIdentity> tls{};
    // Since the last client that was let in one was not, and the log has said so.
    std::atomic<bool> told_refused_client{false};
    // The same of the last peer that could have had a session.
    std::atomic<bool> told_no_session{false};
    // Anybody can send garbage, as often as it likes.
    bool may_log_garbage();
    // Streams' timers may run while all this ends.
    const std::shared_ptr<core::Lifeline> lifeline = std::make_shared<core::Lifeline>();
    core::Mutex garbage_mutex{"garbage_log"};
    core::Throttle garbage_throttle GUARDED_BY(garbage_mutex){core::Throttle::Options{}};
  };

  class Transport {
   public:
    virtual ~Transport() = default;
    // One at a time, the next one after on_written().
    virtual void write(std::string frame) = 0;
    virtual void write_batch(OutgoingFramePtr frame) = 0;
    // The last call, when no write is pending. An empty `last_frame` means that there is none.
    virtual void end(const core::Error& why, std::string last_frame) = 0;
    // A write that is pending ends at once.
    virtual void cancel() = 0;
  };

  // The far end of the connection.
  struct Origin {
    // Names the peer until the handshake gives a better name.
    std::string from;
    // What its certificate is made out to.
    std::vector<std::string> certified_names{};
  };
  InboundStream(Shared& shared, Origin origin, std::shared_ptr<Transport> transport);

  // Once: without a ConnectRequest the stream ends after kHandshakePatience.
  void await_handshake();
  // False when the stream was ended; there shall be no further one then.
  [[nodiscard]] bool on_frame(std::string_view frame);
  // The peer sends nothing more.
  void on_end();
  void on_written(bool ok);
  void end(core::Error why);
  // The node ends this link for good.
  void say_goodbye();

  void on_session(const InboundSession::Grant& grant) override;
  void on_session_lost() override;
  void on_gate_closed(core::Duration patience) override;

  // For the link of a client.
  bool write(OutgoingFramePtr frame, std::uint64_t sequence) override;
  void finish() override { say_goodbye(); }
  void cancel() override;

 private:
  enum class Writing : std::uint8_t { nothing, response, batch, ack };

  template <typename Task>
  void do_later(core::Duration delay, Task task);
  const std::string& name() const { return peer_.address.empty() ? origin_.from : peer_.address; }
  bool refuse(const std::string& detail);
  bool fail(core::Errc code, const std::string& detail);
  bool on_batch(std::size_t frame_bytes);
  bool on_session_batch(std::size_t frame_bytes);
  void deliver(std::size_t frame_bytes);
  bool is_connected();
  bool has_ended();
  bool on_connect(const ConnectRequest& connect);
  bool on_client(const std::string& member_id);
  void end_client(const std::shared_ptr<Endpoint>& client, const std::string& why);
  bool is_held_to_certificate() const;
  bool may_speak_for(const std::string& address) const;
  bool turn_away(const std::string& why);
  void answer(std::optional<LinkAccept> link);
  void note_delivered(std::uint64_t sequence, std::size_t bytes);
  void acknowledge();
  LinkAck ack() REQUIRES(mutex_);
  std::string goodbye() REQUIRES(mutex_);
  void pump();
  void end_with(core::Error why, bool is_goodbye);
  // Of the one stream that a client's link has.
  static constexpr std::uint64_t kEpoch = 0;

  Shared& shared_;
  const Origin origin_;

  // Whoever calls on_frame(); any thread once the stream has entered its gate.
  Peer peer_;
  // Whoever calls on_frame().
  BatchDecoder decoder_;
  EndpointReader::Known known_;
  BlockCheck block_check_;
  std::shared_ptr<InboundSession> session_;
  std::shared_ptr<InboundGate> gate_;

  // Written by whoever calls on_frame(), read by a timer.
  std::atomic<bool> has_connect_request_{false};

  // Taken per frame and per write, never while calling out.
  core::Mutex mutex_{"inbound_stream"};
  // Null when it has ended.
  std::shared_ptr<Transport> transport_ GUARDED_BY(mutex_);
  Writing writing_ GUARDED_BY(mutex_) = Writing::nothing;
  // The link of a client, until the end.
  std::shared_ptr<Endpoint> client_ GUARDED_BY(mutex_);
  // What that wants written, until it leaves.
  OutgoingFramePtr batch_ GUARDED_BY(mutex_);
  bool connected_ GUARDED_BY(mutex_) = false;
  bool acknowledges_ GUARDED_BY(mutex_) = false;
  // The answer to the handshake, until it leaves.
  std::string response_ GUARDED_BY(mutex_);
  std::uint64_t received_ GUARDED_BY(mutex_) = 0;
  // Since the last acknowledgement.
  std::size_t unacknowledged_bytes_ GUARDED_BY(mutex_) = 0;
  std::uint32_t unacknowledged_count_ GUARDED_BY(mutex_) = 0;
  bool ack_is_timed_ GUARDED_BY(mutex_) = false;
  bool ack_is_due_ GUARDED_BY(mutex_) = false;
  std::optional<core::Error> ending_ GUARDED_BY(mutex_);
  bool is_goodbye_ GUARDED_BY(mutex_) = false;
};

}  // namespace nexus::remote
