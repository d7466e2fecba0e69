#include "core/actor/cancellation.h"

#include "core/base/check.h"

namespace nexus::core {

std::uint64_t CancellationToken::on_cancel(Callback run) const {
  CHECK(state_ != nullptr);
  {
    MutexLock lock(state_->mutex);
    if (!state_->cancelled.load(std::memory_order_relaxed)) {
      state_->callbacks.emplace(++state_->last_name, std::move(run));
      return state_->last_name;
    }
  }
  run();
  return 0;
}

bool CancellationToken::forget(std::uint64_t name) const {
  CHECK(state_ != nullptr);
  // Destroyed after the lock is gone: its destructor may call out.
  decltype(state_->callbacks)::node_type forgotten;
  MutexLock lock(state_->mutex);
  forgotten = state_->callbacks.extract(name);
  return !forgotten.empty();
}

void CancellationSource::cancel() {
  decltype(token_.state_->callbacks) callbacks;
  {
    MutexLock lock(token_.state_->mutex);
    token_.state_->cancelled.store(true, std::memory_order_release);
    callbacks.swap(token_.state_->callbacks);
  }
  for (auto& [name, run] : callbacks) run();
}

}  // namespace nexus::core
