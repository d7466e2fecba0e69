// What does a message cost without a runtime: one node, one queue, one state word, one virtual call?

#include <atomic>
#include <cstddef>
#include <memory>
#include <new>

#include "core/actor/envelope.h"
#include "core/memory/node_cache.h"
#include "tests/bench/core/workload.h"

namespace nexus::bench {
namespace {

struct Message {
  std::uint64_t first;
  std::uint64_t second;
};

// As large as what the runtime sends: 32 bytes of head, 16 of payload.
struct Node {
  Node* next;
  std::byte head[sizeof(core::Envelope) - sizeof(Node*)];
  Message message;
};
static_assert(sizeof(Node) == core::NodeCache::kSmallBytes);

class Receiver {
 public:
  virtual ~Receiver() = default;
  virtual void receive(const Message& message) = 0;
};

class Counter final : public Receiver {
 public:
  explicit Counter(std::uint64_t& sum) : sum_(sum) {}
  void receive(const Message& message) override { sum_ += message.first; }

 private:
  std::uint64_t& sum_;
};

// Out of line, so that the compiler does not know whom it calls.
[[gnu::noinline]] std::unique_ptr<Receiver> make_receiver(std::uint64_t& sum) {
  return std::make_unique<Counter>(sum);
}

struct Mailbox {
  std::atomic<Node*> head{nullptr};
  std::atomic<std::uint32_t> state{0};

  void push(Node* node) {
    node->next = head.load(std::memory_order_relaxed);
    // Release publishes the node; the exchange below acquires it.
    while (!head.compare_exchange_weak(node->next, node, std::memory_order_release,
                                       std::memory_order_relaxed)) {
    }
  }
  Node* take_all() { return head.exchange(nullptr, std::memory_order_acquire); }
};

Sample run_floor(const Setting& setting) {
  const std::uint64_t count = setting.scaled(5'000'000);
  const core::SteadyClock clock;
  Mailbox mailbox;
  std::uint64_t sum = 0;
  const auto receiver = make_receiver(sum);
  const core::Instant begin = clock.now();
  for (std::uint64_t i = 0; i < count; ++i) {
    mailbox.push(::new Node{.next = nullptr, .head = {}, .message = {i, 0}});
    mailbox.state.fetch_or(1, std::memory_order_acq_rel);
    mailbox.state.fetch_and(~1u, std::memory_order_acq_rel);
    Node* node = mailbox.take_all();
    receiver->receive(node->message);
    delete node;
  }
  const core::Duration took = clock.now() - begin;
  expect_equal("sum of what was received", count * (count - 1) / 2, sum);
  return {.value = ns_per(took, count)};
}

}  // namespace

std::vector<Workload> floor_workloads() {
  return {{.name = "floor",
           .unit = "ns/msg",
           .question = "the bare loop: allocate, push, set and clear a state, pop (four "
                       "read-modify-writes), call, free",
           .run = run_floor,
           .worker_count_max = 1}};
}

}  // namespace nexus::bench
