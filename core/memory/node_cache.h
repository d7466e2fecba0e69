// NodeCache: memory for envelopes. Each thread keeps up to kCachedCountMax nodes of a size that it destroyed and gives them out
// again, newest first; beyond that nodes come from mimalloc and go back there, from whichever thread.
//
//   allocate(), deallocate()   any thread   no lock, no atomic operation while the cache has nodes or room
//   keep_freed_pages()         any thread
//
// Why not malloc: docs/design/0008-one-word-cells.md. Under a sanitizer every node is malloc's own, so that it can be watched.
#pragma once

#include <cstddef>
#include <cstdint>

namespace nexus::core {

class NodeCache {
 public:
  static constexpr std::size_t kSmallBytes = 48;
  static constexpr std::size_t kLargeBytes = 112;
  // Of every node, in bytes.
  static constexpr std::size_t kAlignment = 16;

  // From now on the process's freed pages go back to the kernel after a second, not after mimalloc's 25 ms, so that bursts of
  // messages do not pay for the same pages again and again. MIMALLOC_DECOMMIT_DELAY in the environment (ms) goes before it.
  static void keep_freed_pages();

  template <std::size_t kBytes>
  [[nodiscard]] static void* allocate() {
    Stack& stack = stack_of<kBytes>();
    if (stack.count > 0) [[likely]]
      return stack.nodes[--stack.count];
    return allocate_slow(kBytes);
  }

  template <std::size_t kBytes>
  static void deallocate(void* node) noexcept {
    Stack& stack = stack_of<kBytes>();
    if (stack.count < stack.count_max) [[likely]] {
      stack.nodes[stack.count++] = node;
    } else {
      deallocate_slow(node, stack);
    }
  }

 private:
  static constexpr std::uint32_t kCachedCountMax = 256;

  // Without constructor and destructor, so that the access needs no guard.
  struct Stack {
    std::uint32_t count;
    // 0 until the thread first destroys a node, and again when it ends.
    std::uint32_t count_max;
    void* nodes[kCachedCountMax];
  };
  struct ThreadEnd;

  template <std::size_t kBytes>
  static Stack& stack_of() {
    static_assert(kBytes == kSmallBytes || kBytes == kLargeBytes);
    return kBytes == kSmallBytes ? t_small_ : t_large_;
  }
  static void* allocate_slow(std::size_t bytes);
  static void deallocate_slow(void* node, Stack& stack) noexcept;

  static constinit thread_local Stack t_small_;
  static constinit thread_local Stack t_large_;
};

}  // namespace nexus::core
