// EndpointManager: address -> the one endpoint for it, also when many threads ask at once. Clients have their names for addresses.
//
//   all calls   any thread
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/base/mutex.h"
#include "core/base/result.h"
#include "remote/endpoint.h"

namespace nexus::remote {

class EndpointManager {
 public:
  explicit EndpointManager(std::shared_ptr<const Endpoint::Shared> shared)
      : shared_(std::move(shared)) {}

  // The endpoint, made on first use. Null when peer_count_max are in use, or after close(); that of a client is there only while its
  // stream is.
  std::shared_ptr<Endpoint> endpoint(const std::string& address);
  // The same because a peer has named the address, which is not its own: nobody may be there. Null beyond hearsay_peer_count_max, too.
  std::shared_ptr<Endpoint> endpoint_by_hearsay(const std::string& address);
  struct Accepted {
    std::shared_ptr<Endpoint> link;
    // The link that the client had, or null. It is not in here any more; the caller ends it.
    std::shared_ptr<Endpoint> former;
  };
  // The link of a client that has opened a stream. Errors: resource_exhausted (peer_count_max), permission_denied (the stream that it
  // would replace shows another certificate), unavailable (after close()).
  core::Result<Accepted> accept_client(Endpoint::Client client);
  // The stream of that client has ended.
  void forget(const Endpoint& link);
  // Null when there is none.
  std::shared_ptr<Endpoint> find(const std::string& address) const;
  // Whether there is a link to it that messages can take now.
  bool is_connected(const std::string& address) const;
  // How full the queue for it is; normal when there is no link.
  PressureLevel pressure(const std::string& address) const;
  // Of all links together, and of each, in no order.
  RemoteMetrics& metrics() const { return shared_->metrics; }
  InboundGates& gates() const { return shared_->gates; }
  std::vector<LinkStats> stats() const;
  // A snapshot, in no order.
  std::vector<std::shared_ptr<Endpoint>> all() const;
  // Sends what is queued for peers that are connected or being dialled, up to `deadline`, then closes all. False when something
  // was left.
  bool close(core::Instant deadline);

 private:
  using Endpoints = std::unordered_map<std::string, std::shared_ptr<Endpoint>>;
  using Forgotten = std::vector<std::shared_ptr<Endpoint>>;
  bool make_room(Forgotten& forgotten) REQUIRES(mutex_);
  std::shared_ptr<Endpoint> make(const std::string& address, Forgotten& forgotten) REQUIRES(mutex_);
  static bool may_be_forgotten(const std::shared_ptr<Endpoint>& endpoint) {
    // Somebody who just got it from here still holds it.
    return endpoint.use_count() == 1 && endpoint->idle();
  }

  const std::shared_ptr<const Endpoint::Shared> shared_;

  // Taken per message to another node.
  mutable core::Mutex mutex_{"endpoint_manager"};
  Endpoints endpoints_ GUARDED_BY(mutex_);
  // Addresses of those that were made by hearsay; some may have been forgotten since.
  std::vector<std::string> hearsay_ GUARDED_BY(mutex_);
  bool closed_ GUARDED_BY(mutex_) = false;
};

}  // namespace nexus::remote
