#include "remote/tls_identity.h"

#include <utility>

namespace nexus::remote {

TlsIdentity::TlsIdentity(Options options, TlsMaterial material)
    : options_(std::move(options)),
      material_(std::make_shared<const TlsMaterial>(std::move(material))) {}

std::shared_ptr<const TlsMaterial> TlsIdentity::current() const {
  core::MutexLock lock(mutex_);
  return material_;
}

void TlsIdentity::replace(TlsMaterial material) {
  auto made = std::make_shared<const TlsMaterial>(std::move(material));
  {
    core::MutexLock lock(mutex_);
    material_.swap(made);
  }
  version_.fetch_add(1, std::memory_order_release);
}

}  // namespace nexus::remote
