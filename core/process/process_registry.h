// ProcessRegistry: the one door. Every message of the node passes send_user() or send_system(), which resolve the target and
// have three exits: a mailbox (or process) here, another node, dead letters.
//
//   all calls   any thread
//
// D1  Conservation: accepted = processed + dead-lettered at the door + taken by processes + forwarded + waiting in mailboxes.
// D2  Messages of one sending thread to one actor enter its mailbox lane in the order of the calls.
// D3  A name belongs to at most one live actor or process of the node.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/actor/envelope.h"
#include "core/base/mutex.h"
#include "core/base/sharded_counter.h"
#include "core/process/dead_letters.h"
#include "core/process/process.h"

namespace nexus::core {

class CellTable;

class ProcessRegistry {
 public:
  ProcessRegistry(std::string address, DeadLetters& dead_letters);

  // The node's address as peers know it, `host:port`.
  const std::string& address() const { return address_; }

  // Once, before the first message to another node. The route must outlive all sends.
  void set_foreign_route(ForeignRoute* route) {
    foreign_route_.store(route, std::memory_order_release);
  }

  Delivered send_user(const Pid& target, EnvelopePtr envelope);
  // A message of core/actor/system_messages.h.
  void send_system(const Pid& target, EnvelopePtr envelope);
  // A Terminated: goes the way of user messages, but no full mailbox turns it away.
  void send_terminated(const Pid& target, EnvelopePtr envelope);

  // False when the name is taken.
  [[nodiscard]] bool add(const std::string& id, const Pid& pid);
  void remove(const std::string& id, const Pid& pid);
  // The live actor or process of that name; empty when there is none. Knows anonymous ids (`$...`) too.
  Pid find(std::string_view id) const;
  // A Pid for `address/id`: a direct handle when it lives here, else by name.
  Pid resolve(std::string_view address, std::string_view id) const;
  // Names in no order; a snapshot.
  std::vector<std::pair<std::string, Pid>> names() const;

  void set_cell_table(const CellTable* cells) { cells_ = cells; }

  struct Counters {
    std::uint64_t accepted;
    std::uint64_t processed;
    std::uint64_t dead_lettered;
    std::uint64_t taken_by_processes;
    std::uint64_t forwarded;
  };
  Counters counters() const;
  // By the worker, once a run.
  void count_processed(std::uint64_t count) { processed_.add(count); }

 private:
  enum class Way : std::uint8_t { user, exempt, system };
  Delivered send(const Pid& target, EnvelopePtr envelope, Way way);
  Delivered send_to_cell(const Pid& target, EnvelopePtr envelope, Way way);

  static constexpr std::size_t kShardCount = 16;
  struct Shard {
    mutable Mutex mutex{"process_registry"};
    std::unordered_map<std::string, Pid> pids GUARDED_BY(mutex);
  };
  const Shard& shard_of(std::string_view id) const;
  Shard& shard_of(std::string_view id) {
    return const_cast<Shard&>(std::as_const(*this).shard_of(id));
  }

  const std::string address_;
  DeadLetters& dead_letters_;
  const CellTable* cells_ = nullptr;
  std::atomic<ForeignRoute*> foreign_route_{nullptr};

  ShardedCounter accepted_;
  ShardedCounter processed_;
  ShardedCounter taken_by_processes_;
  ShardedCounter forwarded_;

  std::array<Shard, kShardCount> shards_;
};

}  // namespace nexus::core
