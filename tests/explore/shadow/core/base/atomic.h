// Atomic, for exploration: a std::atomic that gives control away before each operation, and for some seeds behind those that change
// it. See tests/explore/explorer.h.
//
// Stores that are not sequentially consistent may be kept back for a while, in order, as a processor of the x86 family does; every
// read-modify-write lets the others see them first.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>

#include "tests/explore/hooks.h"

namespace nexus::core {

template <typename T>
class Atomic {
  using Order = std::memory_order;
  using Where = explore::Where;
  static constexpr Order kStrict = std::memory_order_seq_cst;

 public:
  constexpr Atomic() noexcept = default;
  constexpr Atomic(T value) noexcept : value_(value) {}
  Atomic(const Atomic&) = delete;
  Atomic& operator=(const Atomic&) = delete;
  ~Atomic() { explore::publish_own(); }

  T load(Order order = kStrict, Where where = Where::current()) const {
    explore::point("load", where);
    if (const explore::PendingStore* own = explore::own_pending(&value_))
      return value_of(own->bits);
    return value_.load(order);
  }
  void store(T value, Order order = kStrict, Where where = Where::current()) {
    explore::point("store", where);
    if (order != kStrict &&
        explore::keep_back({&value_, bits_of(value), [](void* place, auto bits) {
                              static_cast<std::atomic<T>*>(place)->store(value_of(bits),
                                                                         std::memory_order_release);
                            }})) {
      return;
    }
    explore::publish_own();
    value_.store(value, order);
    explore::point_after("store", where);
  }
  T exchange(T value, Order order = kStrict, Where where = Where::current()) {
    begin("exchange", where);
    return end(value_.exchange(value, order), "exchange", where);
  }
  bool compare_exchange_strong(T& expected, T desired, Order success = kStrict,
                               Where where = Where::current()) {
    begin("compare_exchange", where);
    return end(value_.compare_exchange_strong(expected, desired, success), "compare_exchange",
               where);
  }
  bool compare_exchange_strong(T& expected, T desired, Order success, Order failure,
                               Where where = Where::current()) {
    begin("compare_exchange", where);
    return end(value_.compare_exchange_strong(expected, desired, success, failure),
               "compare_exchange", where);
  }
  bool compare_exchange_weak(T& expected, T desired, Order success = kStrict,
                             Where where = Where::current()) {
    begin("compare_exchange", where);
    if (explore::fails_for_no_reason()) return fail(expected, std::memory_order_relaxed);
    return end(value_.compare_exchange_strong(expected, desired, success), "compare_exchange",
               where);
  }
  bool compare_exchange_weak(T& expected, T desired, Order success, Order failure,
                             Where where = Where::current()) {
    begin("compare_exchange", where);
    if (explore::fails_for_no_reason()) return fail(expected, failure);
    return end(value_.compare_exchange_strong(expected, desired, success, failure),
               "compare_exchange", where);
  }
  T fetch_add(T value, Order order = kStrict, Where where = Where::current()) {
    begin("fetch_add", where);
    return end(value_.fetch_add(value, order), "fetch_add", where);
  }
  T fetch_sub(T value, Order order = kStrict, Where where = Where::current()) {
    begin("fetch_sub", where);
    return end(value_.fetch_sub(value, order), "fetch_sub", where);
  }
  T fetch_or(T value, Order order = kStrict, Where where = Where::current()) {
    begin("fetch_or", where);
    return end(value_.fetch_or(value, order), "fetch_or", where);
  }

  void wait(T old, Order order = kStrict, Where where = Where::current()) const {
    if (!explore::is_exploring()) return value_.wait(old, order);
    begin("wait", where);
    while (value_.load(order) == old) explore::wait_on(&value_, "wait", where);
  }
  void notify_one() {
    value_.notify_one();
    explore::wake(&value_, false);
  }
  void notify_all() {
    value_.notify_all();
    explore::wake(&value_, true);
  }

 private:
  static_assert(sizeof(T) <= sizeof(std::uint64_t));

  static void begin(const char* what, const Where& where) {
    explore::point(what, where);
    explore::publish_own();
  }
  template <typename Result>
  static Result end(Result result, const char* what, const Where& where) {
    explore::point_after(what, where);
    return result;
  }
  bool fail(T& expected, Order order) const {
    expected = value_.load(order);
    return false;
  }
  static std::uint64_t bits_of(T value) {
    std::uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof(T));
    return bits;
  }
  static T value_of(std::uint64_t bits) {
    T value;
    std::memcpy(&value, &bits, sizeof(T));
    return value;
  }

  std::atomic<T> value_{};
};

}  // namespace nexus::core
