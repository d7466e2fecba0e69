// FrameBytes: a finished frame together with the memory that it stands in, so that it can change hands without a copy.
//
//   all calls   owner
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <utility>

namespace nexus::remote {

class FrameBytes {
 public:
  FrameBytes() = default;
  FrameBytes(std::unique_ptr<char[]> memory, std::size_t begin, std::size_t size)
      : memory_(std::move(memory)), begin_(begin), size_(size) {}
  FrameBytes(FrameBytes&& other) noexcept
      : memory_(std::move(other.memory_)),
        begin_(std::exchange(other.begin_, 0)),
        size_(std::exchange(other.size_, 0)) {}
  FrameBytes& operator=(FrameBytes&& other) noexcept {
    memory_ = std::move(other.memory_);
    begin_ = std::exchange(other.begin_, 0);
    size_ = std::exchange(other.size_, 0);
    return *this;
  }

  std::string_view view() const { return {memory_.get() + begin_, size_}; }
  // For who keeps a pointer in C: view() stays valid for as long as the memory does.
  std::unique_ptr<char[]> take_memory() { return std::exchange(*this, FrameBytes()).memory_; }

 private:
  std::unique_ptr<char[]> memory_;
  std::size_t begin_ = 0;
  std::size_t size_ = 0;
};

}  // namespace nexus::remote
