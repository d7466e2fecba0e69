#include "remote/endpoint_manager.h"

#include <algorithm>

#include "core/process/client_name.h"

namespace nexus::remote {

std::shared_ptr<Endpoint> EndpointManager::endpoint(const std::string& address) {
  // Forgotten endpoints die outside the lock.
  Forgotten forgotten;
  core::MutexLock lock(mutex_);
  if (closed_) return nullptr;
  const auto found = endpoints_.find(address);
  return found != endpoints_.end() ? found->second : make(address, forgotten);
}

std::shared_ptr<Endpoint> EndpointManager::endpoint_by_hearsay(const std::string& address) {
  Forgotten forgotten;
  core::MutexLock lock(mutex_);
  if (closed_) return nullptr;
  if (const auto found = endpoints_.find(address); found != endpoints_.end()) return found->second;
  if (hearsay_.size() >= shared_->options.hearsay_peer_count_max) {
    std::erase_if(hearsay_, [&](const std::string& other) REQUIRES(mutex_) {
      const auto place = endpoints_.find(other);
      if (place == endpoints_.end()) return true;
      if (!may_be_forgotten(place->second)) return false;
      forgotten.push_back(std::move(place->second));
      endpoints_.erase(place);
      return true;
    });
    if (hearsay_.size() >= shared_->options.hearsay_peer_count_max) return nullptr;
  }
  auto made = make(address, forgotten);
  if (made != nullptr && std::find(hearsay_.begin(), hearsay_.end(), address) == hearsay_.end()) {
    hearsay_.push_back(address);
  }
  return made;
}

std::shared_ptr<Endpoint> EndpointManager::make(const std::string& address, Forgotten& forgotten) {
  if (address.starts_with(core::kClientPrefix) || !make_room(forgotten)) return nullptr;
  auto made = std::make_shared<Endpoint>(shared_, address);
  endpoints_.emplace(address, made);
  return made;
}

// Whether one more may be made.
bool EndpointManager::make_room(Forgotten& forgotten) {
  if (endpoints_.size() < shared_->options.peer_count_max) return true;
  for (auto it = endpoints_.begin(); it != endpoints_.end();) {
    if (may_be_forgotten(it->second)) {
      forgotten.push_back(std::move(it->second));
      it = endpoints_.erase(it);
    } else {
      ++it;
    }
  }
  return endpoints_.size() < shared_->options.peer_count_max;
}

core::Result<EndpointManager::Accepted> EndpointManager::accept_client(Endpoint::Client client) {
  Forgotten forgotten;
  Accepted accepted{.link = std::make_shared<Endpoint>(shared_, std::move(client)),
                    .former = nullptr};
  const std::string& name = accepted.link->address();
  core::MutexLock lock(mutex_);
  if (closed_) return core::Error{core::Errc::unavailable, "the node is shutting down"};
  if (const auto found = endpoints_.find(name); found != endpoints_.end()) {
    if (found->second->certified_names() != accepted.link->certified_names()) {
      return core::Error{core::Errc::permission_denied,
                         "this client is connected with a certificate for others"};
    }
    accepted.former = std::exchange(found->second, accepted.link);
    return accepted;
  }
  if (!make_room(forgotten)) {
    return core::Error{core::Errc::resource_exhausted,
                       "the node has as many links as remote.peer_count_max allows"};
  }
  endpoints_.emplace(name, accepted.link);
  return accepted;
}

void EndpointManager::forget(const Endpoint& link) {
  std::shared_ptr<Endpoint> last;
  core::MutexLock lock(mutex_);
  const auto found = endpoints_.find(link.address());
  if (found == endpoints_.end() || found->second.get() != &link) return;
  last = std::move(found->second);
  endpoints_.erase(found);
}

std::shared_ptr<Endpoint> EndpointManager::find(const std::string& address) const {
  core::MutexLock lock(mutex_);
  const auto found = endpoints_.find(address);
  return found == endpoints_.end() ? nullptr : found->second;
}

bool EndpointManager::is_connected(const std::string& address) const {
  const auto endpoint = find(address);
  return endpoint != nullptr && endpoint->is_connected();
}

PressureLevel EndpointManager::pressure(const std::string& address) const {
  const auto endpoint = find(address);
  return endpoint == nullptr ? PressureLevel::normal : endpoint->pressure();
}

std::vector<LinkStats> EndpointManager::stats() const {
  std::vector<LinkStats> list;
  for (const auto& endpoint : all()) list.push_back(endpoint->stats());
  return list;
}

std::vector<std::shared_ptr<Endpoint>> EndpointManager::all() const {
  core::MutexLock lock(mutex_);
  std::vector<std::shared_ptr<Endpoint>> list;
  list.reserve(endpoints_.size());
  for (const auto& [address, endpoint] : endpoints_) list.push_back(endpoint);
  return list;
}

bool EndpointManager::close(core::Instant deadline) {
  {
    core::MutexLock lock(mutex_);
    closed_ = true;
  }
  bool clean = true;
  const auto endpoints = all();
  for (const auto& endpoint : endpoints) clean = endpoint->flush(deadline) && clean;
  for (const auto& endpoint : endpoints) endpoint->close();
  return clean;
}

}  // namespace nexus::remote
