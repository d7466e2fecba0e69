#include "core/memory/node_cache.h"

#include <initializer_list>

#include "core/base/check.h"

#if defined(NEXUS_MIMALLOC)
#include <mimalloc.h>
#else
#include <new>
#endif

namespace nexus::core {
namespace {

void* allocate_bytes(std::size_t bytes) {
#if defined(NEXUS_MIMALLOC)
  // Its blocks are aligned to 16 from 16 bytes on.
  void* node = mi_malloc_small(bytes);
  CHECK(node != nullptr);
  return node;
#else
  return ::operator new (bytes, std::align_val_t{NodeCache::kAlignment});
#endif
}

void free_bytes(void* node) noexcept {
#if defined(NEXUS_MIMALLOC)
  mi_free(node);
#else
  ::operator delete (node, std::align_val_t{NodeCache::kAlignment});
#endif
}

// A node may still be destroyed after the thread's destructors have run.
thread_local bool t_ended = false;

}  // namespace

constinit thread_local NodeCache::Stack NodeCache::t_small_{};
constinit thread_local NodeCache::Stack NodeCache::t_large_{};

struct NodeCache::ThreadEnd {
  ~ThreadEnd() {
    t_ended = true;
    for (Stack* stack : {&t_small_, &t_large_}) {
      stack->count_max = 0;
      while (stack->count > 0) free_bytes(stack->nodes[--stack->count]);
    }
  }
};

void NodeCache::keep_freed_pages() {
#if defined(NEXUS_MIMALLOC)
  mi_option_set_default(mi_option_decommit_delay, 1000);
#endif
}

void* NodeCache::allocate_slow(std::size_t bytes) { return allocate_bytes(bytes); }

void NodeCache::deallocate_slow(void* node, Stack& stack) noexcept {
#if defined(NEXUS_MIMALLOC)
  if (stack.count_max == 0 && !t_ended) {
    thread_local ThreadEnd at_end;
    (void)at_end;
    stack.count_max = kCachedCountMax;
    stack.nodes[stack.count++] = node;
    return;
  }
#else
  (void)stack;
#endif
  free_bytes(node);
}

}  // namespace nexus::core
