#include "core/actor/envelope.h"

#include <cxxabi.h>

#include <cstdlib>

namespace nexus::core {
namespace {

constexpr std::size_t kSmallNodeBytes = sizeof(Envelope) + kSmallPayloadBytes;
constexpr std::size_t kLargeNodeBytes = sizeof(Envelope) + kLargePayloadBytes;
constexpr std::size_t kCachedNodeCountMax = 256;

// An envelope may die after the caches when a thread ends; this flag has no destructor and so outlives them.
thread_local bool t_caches_closed = false;

// Nodes of one size that this thread destroyed and may use again. No other thread touches it.
class NodeCache {
 public:
  explicit NodeCache(std::size_t node_bytes) : node_bytes_(node_bytes) {}
  ~NodeCache() {
    while (count_ > 0) ::operator delete (nodes_[--count_], std::align_val_t{kPayloadAlignment});
    t_caches_closed = true;
  }
  void* take() {
    if (count_ > 0) return nodes_[--count_];
    return ::operator new (node_bytes_, std::align_val_t{kPayloadAlignment});
  }
  void give(void* node) noexcept {
    if (count_ < kCachedNodeCountMax && !t_caches_closed) {
      nodes_[count_++] = node;
    } else {
      ::operator delete (node, std::align_val_t{kPayloadAlignment});
    }
  }

 private:
  const std::size_t node_bytes_;
  std::size_t count_ = 0;
  void* nodes_[kCachedNodeCountMax];
};

thread_local NodeCache t_small_nodes(kSmallNodeBytes);
thread_local NodeCache t_large_nodes(kLargeNodeBytes);

NodeCache& cache_of(MessageType::Place place) {
  return place == MessageType::Place::large_node ? t_large_nodes : t_small_nodes;
}

}  // namespace

std::string demangle(const char* name) {
  int status = 0;
  std::unique_ptr<char, void (*)(void*)> text(abi::__cxa_demangle(name, nullptr, nullptr, &status),
                                              &std::free);
  return status == 0 ? text.get() : name;
}

void* Envelope::allocate(MessageType::Place place) { return cache_of(place).take(); }

void Envelope::deallocate(void* node, MessageType::Place place) noexcept {
  cache_of(place).give(node);
}

const Headers& Envelope::headers() const {
  static const Headers none;
  return headers_ == nullptr ? none : *headers_;
}

void Envelope::set_headers(Headers headers) {
  headers_ = headers.empty() ? nullptr : std::make_unique<Headers>(std::move(headers));
}

void EnvelopeDeleter::operator()(Envelope* envelope) const noexcept {
  const MessageType& type = envelope->type();
  type.destroy(envelope->message());
  envelope->~Envelope();
  Envelope::deallocate(envelope, type.place);
}

}  // namespace nexus::core
