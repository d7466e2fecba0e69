// Task<T>: a coroutine that begins when it is awaited, and belongs to who holds it. For CoroutineActor; not tied to it.
//
//   all calls   owner, and whoever resumes the coroutine: one thread at a time
//
// TK1  Nothing runs before the first co_await or start().
// TK2  What the coroutine throws comes out where it is awaited, or from result().
// TK3  A Task that dies takes its coroutine with it, wherever that is suspended; its locals are destroyed.
#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

#include "core/base/check.h"

namespace nexus::core {

template <typename T = void>
class Task;

namespace internal {

class TaskPromiseBase {
 public:
  std::suspend_always initial_suspend() const noexcept { return {}; }
  auto final_suspend() const noexcept {
    // Goes on where the task was awaited, without growing the stack.
    struct Resume {
      bool await_ready() const noexcept { return false; }
      std::coroutine_handle<> await_suspend(std::coroutine_handle<>) const noexcept {
        return awaiting ? awaiting : std::noop_coroutine();
      }
      void await_resume() const noexcept {}
      std::coroutine_handle<> awaiting;
    };
    return Resume{awaiting_};
  }
  void unhandled_exception() noexcept { exception_ = std::current_exception(); }

  void set_awaiting(std::coroutine_handle<> awaiting) { awaiting_ = awaiting; }
  void rethrow() const {
    if (exception_ != nullptr) std::rethrow_exception(exception_);
  }

 private:
  std::coroutine_handle<> awaiting_;
  std::exception_ptr exception_;
};

template <typename T>
class TaskPromise : public TaskPromiseBase {
 public:
  Task<T> get_return_object();
  void return_value(T value) { value_.emplace(std::move(value)); }
  T take() {
    rethrow();
    return std::move(*value_);
  }

 private:
  std::optional<T> value_;
};

template <>
class TaskPromise<void> : public TaskPromiseBase {
 public:
  Task<void> get_return_object();
  void return_void() const noexcept {}
  void take() const { rethrow(); }
};

}  // namespace internal

template <typename T>
class [[nodiscard]] Task {
 public:
  using promise_type = internal::TaskPromise<T>;
  using Handle = std::coroutine_handle<promise_type>;

  Task() = default;
  explicit Task(Handle handle) : handle_(handle) {}
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;
  ~Task() {
    if (handle_) handle_.destroy();
  }

  // Runs to the first suspension, or to the end. Once, instead of awaiting it.
  void start() {
    CHECK(handle_);
    handle_.resume();
  }
  bool done() const { return handle_ && handle_.done(); }
  // When done: what it returned, or the exception. Once.
  T result() { return handle_.promise().take(); }

  auto operator co_await() noexcept {
    struct Awaiter {
      bool await_ready() const noexcept { return false; }
      std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiting) const noexcept {
        task.promise().set_awaiting(awaiting);
        return task;
      }
      T await_resume() const { return task.promise().take(); }
      Handle task;
    };
    return Awaiter{handle_};
  }

 private:
  Handle handle_;
};

template <typename T>
Task<T> internal::TaskPromise<T>::get_return_object() {
  return Task<T>(Task<T>::Handle::from_promise(*this));
}

inline Task<void> internal::TaskPromise<void>::get_return_object() {
  return Task<void>(Task<void>::Handle::from_promise(*this));
}

}  // namespace nexus::core
