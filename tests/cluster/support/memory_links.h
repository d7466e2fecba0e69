// MemoryNetwork: control links between drivers of one process, without sockets. What is cut off is silent, as behind a firewall.
//
//   all calls   any thread
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "cluster/control_links.h"
#include "core/base/mutex.h"

namespace nexus::cluster::test {

class MemoryNetwork {
 public:
  // Of the node at `address`, whose events go to `events`; both must outlive all links of the network.
  std::unique_ptr<ControlLinks> links(std::string address, ControlLinkEvents& events) {
    const core::MutexLock lock(mutex_);
    nodes_[address] = &events;
    return std::make_unique<Links>(*this, std::move(address));
  }

  // Nothing reaches it or comes from it.
  void cut_off(const std::string& address) {
    const core::MutexLock lock(mutex_);
    cut_off_.insert(address);
  }

 private:
  class Links final : public ControlLinks {
   public:
    Links(MemoryNetwork& network, std::string address)
        : network_(network), self_{.id = {}, .address = std::move(address)} {}

    void send(const std::string& address, const ControlMessagePtr& message) override {
      network_.deliver(self_, address, message);
    }
    void set_self(const Peer& self) override { self_ = self; }
    void set_view(const ViewPtr&) override {}
    void prune(core::Instant) override {}
    void close(core::Duration) override {
      const core::MutexLock lock(network_.mutex_);
      network_.nodes_.erase(self_.address);
    }

   private:
    MemoryNetwork& network_;
    // The gossip thread's.
    Peer self_;
  };

  void deliver(const Peer& from, const std::string& to, const ControlMessagePtr& message) {
    const core::MutexLock lock(mutex_);
    const auto node = nodes_.find(to);
    if (node == nodes_.end() || cut_off_.contains(from.address) || cut_off_.contains(to)) return;
    node->second->on_message(from, message, [] {});
  }

  core::Mutex mutex_{"memory_network"};
  std::map<std::string, ControlLinkEvents*> nodes_ GUARDED_BY(mutex_);
  std::set<std::string> cut_off_ GUARDED_BY(mutex_);
};

}  // namespace nexus::cluster::test
