// UniqueFunction<R(Args...)>: a callable that is moved, never copied, so that it may own what it needs. Small ones live inside it.
#pragma once

#include <cstddef>
#include <cstring>
#include <functional>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include "core/base/check.h"

namespace nexus::core {

template <typename Signature>
class UniqueFunction;

template <typename R, typename... Args>
class UniqueFunction<R(Args...)> {
 public:
  UniqueFunction() = default;

  template <typename F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, UniqueFunction> &&
           std::is_invocable_r_v<R, F&, Args...>) UniqueFunction(F&& function) {
    using Stored = std::decay_t<F>;
    if constexpr (fits<Stored>()) {
      ::new (static_cast<void*>(storage_)) Stored(std::forward<F>(function));
      operations_ = &kInside<Stored>;
    } else {
      ::new (static_cast<void*>(storage_))
          std::unique_ptr<Stored>(std::make_unique<Stored>(std::forward<F>(function)));
      operations_ = &kOutside<Stored>;
    }
  }

  UniqueFunction(UniqueFunction&& other) noexcept { take(other); }
  UniqueFunction& operator=(UniqueFunction&& other) noexcept {
    if (this != &other) {
      reset();
      take(other);
    }
    return *this;
  }
  UniqueFunction(const UniqueFunction&) = delete;
  UniqueFunction& operator=(const UniqueFunction&) = delete;
  ~UniqueFunction() { reset(); }

  explicit operator bool() const { return operations_ != nullptr; }

  R operator()(Args... args) {
    CHECK(operations_ != nullptr);
    return operations_->call(storage_, std::forward<Args>(args)...);
  }

 private:
  static constexpr std::size_t kInsideBytes = 24;

  struct Operations {
    R (*call)(void* storage, Args&&... args);
    // Moves to `to`, which is raw, and destroys `from`. Null when copying the bytes does it.
    void (*relocate)(void* from, void* to) noexcept;
    // Null when there is nothing to destroy.
    void (*destroy)(void* storage) noexcept;
  };

  template <typename F>
  static constexpr bool fits() {
    return sizeof(F) <= kInsideBytes && alignof(F) <= alignof(void*) &&
           std::is_nothrow_move_constructible_v<F>;
  }

  template <typename Held>
  static void relocate_held(void* from, void* to) noexcept {
    auto* held = std::launder(static_cast<Held*>(from));
    ::new (to) Held(std::move(*held));
    held->~Held();
  }
  template <typename Held>
  static void destroy_held(void* storage) noexcept {
    std::launder(static_cast<Held*>(storage))->~Held();
  }

  template <typename F>
  static constexpr Operations kInside{
      [](void* storage, Args&&... args) -> R {
        return std::invoke(*std::launder(static_cast<F*>(storage)), std::forward<Args>(args)...);
      },
      std::is_trivially_copyable_v<F> ? nullptr : &relocate_held<F>,
      std::is_trivially_destructible_v<F> ? nullptr : &destroy_held<F>};
  template <typename F>
  static constexpr Operations kOutside{
      [](void* storage, Args&&... args) -> R {
        return std::invoke(**std::launder(static_cast<std::unique_ptr<F>*>(storage)),
                           std::forward<Args>(args)...);
      },
      &relocate_held<std::unique_ptr<F>>, &destroy_held<std::unique_ptr<F>>};

  void take(UniqueFunction& other) noexcept {
    operations_ = std::exchange(other.operations_, nullptr);
    if (operations_ == nullptr) return;
    if (operations_->relocate == nullptr) {
      std::memcpy(storage_, other.storage_, kInsideBytes);
    } else {
      operations_->relocate(other.storage_, storage_);
    }
  }
  void reset() noexcept {
    const Operations* operations = std::exchange(operations_, nullptr);
    if (operations != nullptr && operations->destroy != nullptr) operations->destroy(storage_);
  }

  const Operations* operations_ = nullptr;
  alignas(void*) std::byte storage_[kInsideBytes]{};
};

}  // namespace nexus::core
