// Behavior: what an actor does with messages at the moment, as a stack of receive functions. The actor holds it as a member and hands
// it its messages.
//
//   all calls   owner   the actor, in its turn; also from inside the function that runs
//
// V1  There is always a function.
// V2  A function that is replaced while it runs lives until it returns; the next message goes to the new one.
//
//   class Door final : public Actor {
//     void receive(Context& context) override { behavior_.receive(context); }
//     void closed(Context& context) {
//       if (context.message<Open>()) behavior_.become([this](Context& c) { open(c); });
//     }
//     ...
//     Behavior behavior_{[this](Context& context) { closed(context); }};
//   };
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "core/base/check.h"
#include "core/base/unique_function.h"

namespace nexus::core {

class Context;

class Behavior {
 public:
  using Receive = UniqueFunction<void(Context&)>;

  // Here and below: not an empty function.
  explicit Behavior(Receive first) { become_stacked(std::move(first)); }
  Behavior(const Behavior&) = delete;
  Behavior& operator=(const Behavior&) = delete;

  // `next` takes the place of all that are there.
  void become(Receive next) {
    auto top = in_its_place(std::move(next));
    while (!stack_.empty()) pop();
    stack_.push_back(std::move(top));
  }
  // `next` goes on top of what is there.
  void become_stacked(Receive next) { stack_.push_back(in_its_place(std::move(next))); }
  // Back to the one below. False when there is none: then nothing changes.
  bool unbecome_stacked() {
    if (stack_.size() == 1) return false;
    pop();
    return true;
  }
  // How many are on the stack; >= 1.
  std::size_t depth() const { return stack_.size(); }

  void receive(Context& context) {
    const Running running(*this);
    (*stack_.back())(context);
  }

 private:
  class Running {
   public:
    explicit Running(Behavior& behavior) : behavior_(behavior) { ++behavior_.running_count_; }
    ~Running() {
      if (--behavior_.running_count_ == 0) behavior_.retired_.clear();
    }
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;

   private:
    Behavior& behavior_;
  };

  static std::unique_ptr<Receive> in_its_place(Receive next) {
    CHECK(static_cast<bool>(next));
    return std::make_unique<Receive>(std::move(next));
  }
  void pop() {
    if (running_count_ > 0) retired_.push_back(std::move(stack_.back()));
    stack_.pop_back();
  }

  // Each in a place of its own, because it may be running while the stack changes.
  std::vector<std::unique_ptr<Receive>> stack_;
  std::vector<std::unique_ptr<Receive>> retired_;
  std::uint32_t running_count_ = 0;
};

}  // namespace nexus::core
