// EndpointReader: from a received batch to the door.
//
//   receive()   any thread; batches of one stream one after the other
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/actor/throttler.h"
#include "core/actor_system.h"
#include "core/base/mutex.h"
#include "remote/batch_decoder.h"
#include "remote/endpoint_manager.h"
#include "remote/peer.h"
#include "remote/wire_types.h"

namespace nexus::remote {

class EndpointReader {
 public:
  // A message with more than `header_count_max` headers is a dead letter `too_large`, whose headers nobody has read.
  EndpointReader(core::ActorSystem& system, const WireTypes& types, EndpointManager& endpoints,
                 std::size_t header_count_max)
      : system_(system),
        types_(types),
        endpoints_(endpoints),
        header_count_max_(header_count_max) {}

  // What the tables of a stream's last batches meant: those of the next are mostly the same, entry by entry.
  class Known {
   private:
    friend class EndpointReader;

    // Of each table.
    static constexpr std::size_t kCountMax = 16'384;
    // Of an entry; longer ones are looked up each time.
    static constexpr std::size_t kTextBytesMax = 1024;
    struct Actor {
      std::string address;
      std::string id;
      core::Pid pid;
      // The last batch in which this was the entry.
      std::uint64_t batch = 0;
    };
    struct Type {
      std::string name;
      const WireTypes::Decoder* decoder = nullptr;
      std::uint64_t batch = 0;
    };

    // The link to the peer writes in the dialect of the first batch.
    bool has_told_dialect_ = false;
    // Counts from 1.
    std::uint64_t batch_ = 0;
    std::vector<Actor> targets_;
    std::vector<Actor> senders_;
    std::vector<Type> types_;
  };

  // The batch that `batch` decoded last; `known` belongs to its stream.
  void receive(const Peer& peer, const BatchDecoder& batch, Known& known);
  // The batch that `batch` decoded last is not delivered: the end of the peer has been told. Who waits for an answer that is in it is
  // told that there will be none.
  void bury(const Peer& peer, const BatchDecoder& batch) const;

 private:
  struct Links;
  struct Received;
  void receive(core::Worker* worker, const Peer& peer, const BatchDecoder& batch,
               const BatchDecoder::Envelope& envelope, Known& known, Links& links);
  void receive(const Peer& peer, Received message);
  const core::Pid& resolve(std::uint64_t batch, std::vector<Known::Actor>& actors,
                           std::size_t index, std::string_view address, std::string_view id,
                           core::Pid& fresh) const;
  const WireTypes::Decoder* decoder_of(Known& known, std::size_t index,
                                       std::string_view name) const;
  // Whether the actor shall know of it.
  bool note_watch(const Peer& peer, const core::Pid& watcher, const core::Pid& watchee);
  void refuse_watch(const Peer& peer, const core::Pid& watcher, const core::Pid& watchee,
                    const char* why);
  // Empty for actors of this node.
  std::string_view route_of(const core::Pid& pid) const;
  void receive_told(const core::Pid& target, const core::Pid& teller, core::EnvelopePtr envelope);
  bool is_system_actor(const core::Pid& target) const;
  void refuse_stop(const Peer& peer, const core::Pid& target);
  // Of what a peer sent and was refused.
  bool may_log_refusal();
  std::vector<std::shared_ptr<Endpoint>> other_links_to(const Peer& peer) const;
  void receive_terminated(const Peer& peer, const core::Pid& watcher,
                          const core::Terminated& terminated, Links& links);

  core::ActorSystem& system_;
  const WireTypes& types_;
  EndpointManager& endpoints_;
  const std::size_t header_count_max_;
  // A peer may have as much refused as it likes.
  core::Mutex refused_mutex_{"refused_log"};
  core::Throttle refused_throttle_ GUARDED_BY(refused_mutex_){core::Throttle::Options{}};
};

}  // namespace nexus::remote
