// TlsIdentity: what this node shows to peers and clients and whose certificates it takes, as it is now. Texts in PEM, checked by
// whoever put them here. Present only where links and clients use TLS.
//
//   all calls   any thread
//
// Y1  Material is replaced as a whole and never changed: who has taken it keeps a certificate and a key that fit.
// Y2  Connections that begin after replace() use the new one; those that exist stay as they are.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "core/base/mutex.h"

namespace nexus::remote {

struct TlsMaterial {
  // The node's own, and after it those between it and an authority.
  std::string certificate{};
  std::string key{};
  // Whose signature makes a certificate good.
  std::string authorities{};
};

class TlsIdentity {
 public:
  struct Options {
    // Whoever connects must show a certificate, too.
    bool mutual = true;
    // The name that the certificate of every node must have; empty: the host of the address that it is reached at.
    std::string peer_name{};
  };

  TlsIdentity(Options options, TlsMaterial material);

  const Options& options() const { return options_; }
  std::shared_ptr<const TlsMaterial> current() const;
  // Moves on with each replace().
  std::uint64_t version() const { return version_.load(std::memory_order_acquire); }

  void replace(TlsMaterial material);

 private:
  const Options options_;
  // Moved after material_, so that who sees a new number gets at least the material that it is for.
  std::atomic<std::uint64_t> version_{1};

  // A leaf; taken by each dial and by the first connection after a change.
  mutable core::Mutex mutex_{"tls_identity"};
  std::shared_ptr<const TlsMaterial> material_ GUARDED_BY(mutex_);
};

}  // namespace nexus::remote
