// CancellationSource, CancellationToken, OnCancel: one says that a piece of work is not wanted any more, the others, copies of one
// token, see it. A token travels with the messages that belong to the work, within the node.
//
//   all calls   any thread
//
// CT1  cancelled() is true from the first cancel() on, for ever.
// CT2  What on_cancel() was given runs exactly once: in cancel(), or at once when that was before; not after forget() said true.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <utility>

#include "core/base/atomic.h"
#include "core/base/mutex.h"
#include "core/base/unique_function.h"

namespace nexus::core {

class CancellationToken {
 public:
  using Callback = UniqueFunction<void()>;

  // No token: never cancelled.
  CancellationToken() = default;
  explicit operator bool() const { return state_ != nullptr; }

  bool cancelled() const {
    // Acquire: who sees the cancellation sees what was done before it.
    return state_ != nullptr && state_->cancelled.load(std::memory_order_acquire);
  }
  // `run` must not block or throw. The name is for forget(). Only when this is a token.
  std::uint64_t on_cancel(Callback run) const;
  // False when it has run, is running, or is not known.
  bool forget(std::uint64_t name) const;

 private:
  friend class CancellationSource;

  struct State {
    Atomic<bool> cancelled{false};
    Mutex mutex{"cancellation"};
    std::uint64_t last_name GUARDED_BY(mutex) = 0;
    std::map<std::uint64_t, Callback> callbacks GUARDED_BY(mutex);
  };

  std::shared_ptr<State> state_;
};

// A callback of a token that is forgotten with this object.
//
//   call()       owner, once
//   destructor   any thread, after that
class OnCancel {
 public:
  // Only when it is a token.
  explicit OnCancel(CancellationToken token) : token_(std::move(token)) {}
  ~OnCancel() {
    if (name_ != 0) (void)token_.forget(name_);
  }
  OnCancel(const OnCancel&) = delete;
  OnCancel& operator=(const OnCancel&) = delete;

  void call(CancellationToken::Callback run) { name_ = token_.on_cancel(std::move(run)); }

 private:
  const CancellationToken token_;
  std::uint64_t name_ = 0;
};

class CancellationSource {
 public:
  CancellationSource() { token_.state_ = std::make_shared<CancellationToken::State>(); }

  const CancellationToken& token() const { return token_; }
  // Again: nothing happens.
  void cancel();

 private:
  CancellationToken token_;
};

}  // namespace nexus::core
