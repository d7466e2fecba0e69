// EndpointState: what to do about the link to one peer. Pure: no sockets, no clock, chance only from its seed.
//
//   idle --wanted--> connecting --connected--> connected --lost--> waiting --time--> connecting ...
//   waiting, connecting --down for unreachable_after--> idle, and the peer is declared gone
//   waiting, connecting, connected --overrun--> idle, and the peer is declared gone
//   any --blocked--> blocked --unblocked, or another incarnation was seen or is a member--> idle
//
// and to a client, which opens the stream itself:
//
//   connecting --connected--> connected;  any --lost, overrun, unblocked--> closed, and the client is declared gone
//
// E1  Connected means: the peer's handshake arrived.
// E2  The peer is declared gone at most once per loss, and always before a dial after that loss succeeds under another member id.
// E3  A peer that was gone gets one dial per wish, without patience, until it is connected again or was seen.
// E4  A blocked peer is not dialled.
// E5  A client is not dialled. Its link ends with its stream.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/actor/backoff.h"
#include "core/base/clock.h"

namespace nexus::remote {

class EndpointState {
 public:
  struct Options {
    core::Backoff::Options reconnect;
    core::Duration unreachable_after;
  };

  enum class Phase : std::uint8_t { idle, connecting, connected, waiting, blocked, closed };
  enum class WhyGone : std::uint8_t {
    unreachable,
    said_goodbye,
    restarted,
    refused,
    blocked,
    // It does not read what waits for it.
    overrun,
    // Only of clients: the stream has ended; another stream of the same client has taken its place.
    disconnected,
    replaced
  };

  // Open a stream and send the handshake; answer with on_connected() or on_lost().
  struct Dial {};
  // Call on_time() at `at`, or later.
  struct WakeAt {
    core::Instant at;
  };
  // Tell the watchers AddressTerminated. `queue_too`: what waits for the peer becomes dead letters. `member_id` is the incarnation
  // that is gone; empty when none is known.
  struct DeclareGone {
    WhyGone why;
    bool queue_too;
    std::string member_id;
  };
  // Send all watches again: what the peer said while the link was down is lost.
  struct SendWatches {};
  using Action = std::variant<Dial, WakeAt, DeclareGone, SendWatches>;
  using Actions = std::vector<Action>;

  // Equal options and seeds give equal waits.
  EndpointState(Options options, std::uint32_t seed)
      : options_(options), is_dialled_(true), backoff_(options.reconnect, seed) {}
  // Of the link to a client, which has opened a stream.
  static EndpointState of_client(Options options, std::string member_id) {
    return EndpointState(options, std::move(member_id));
  }

  // Something shall be sent.
  [[nodiscard]] Actions on_wanted(core::Instant now);
  // The peer's handshake arrived; `member_id` names its incarnation.
  [[nodiscard]] Actions on_connected(const std::string& member_id);
  // The dial failed or the stream broke.
  [[nodiscard]] Actions on_lost(core::Instant now);
  [[nodiscard]] Actions on_time(core::Instant now);
  // The peer says that it ends the link for good, or that it refuses us; or a client's stream is replaced.
  [[nodiscard]] Actions on_goodbye(WhyGone why);
  // More waits for the peer than may.
  [[nodiscard]] Actions on_overrun();
  // The peer was heard of under a member id by other means, such as a stream that it opened. When another incarnation is gone by it,
  // the stream to that one, if there is one, must be ended: nothing more may be written to it.
  [[nodiscard]] Actions on_seen(const std::string& member_id);
  // The present incarnation has taken its place: ids never return, so this was heard late.
  bool is_former(const std::string& member_id) const;
  // This node has blocked the peer's incarnation; it does so no longer, or there is another one.
  [[nodiscard]] Actions on_blocked();
  void on_unblocked();
  void on_close() { phase_ = Phase::closed; }

  Phase phase() const { return phase_; }
  // Incarnation of the peer; empty before the first handshake and after it was gone.
  const std::string& member_id() const { return member_id_; }

 private:
  EndpointState(Options options, std::string member_id)
      : options_(options),
        is_dialled_(false),
        phase_(Phase::connecting),
        member_id_(std::move(member_id)),
        backoff_(options.reconnect, 0) {}

  static constexpr std::size_t kFormerCountMax = 4;

  // The one before it, which is former now.
  std::string change_member(const std::string& member_id);
  [[nodiscard]] Actions become_gone(WhyGone why);

  const Options options_;
  const bool is_dialled_;
  Phase phase_ = Phase::idle;
  std::string member_id_;
  // Before that one, oldest first.
  std::vector<std::string> former_ids_;
  core::Instant down_since_{};
  core::Instant dial_at_{};
  core::Backoff backoff_;
  bool was_gone_ = false;
};

}  // namespace nexus::remote
