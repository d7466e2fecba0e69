// ProcessDiagnostics: what the tools of peers ask about the processes of this node: which there are, and how one of them is.
//
//   all calls   any thread
//
// D1  A search looks at some processes in each turn of an actor of its own, so that it holds up no other actor and no link, however
//     many there are.
// D2  `done` runs exactly once, in the call itself or on a worker. UNAVAILABLE when the node stops its actors first.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/actor_system.h"
#include "core/base/result.h"

namespace nexus::remote {

class ProcessDiagnostics {
 public:
  struct Options {
    // Ids that one answer names; 0 = every call is refused.
    std::size_t count_max = 10'000;
    std::size_t pattern_bytes_max = 1'024;
    // Steps of a compiled regular expression; an id of n bytes takes at most as many times n.
    int regex_steps_max = 1'000;
    // Searches at once.
    std::uint32_t search_count_max = 4;
  };

  enum class Match : std::uint8_t {
    // Anywhere in the id; upper and lower case of ASCII are the same.
    part,
    exact,
    // Anywhere in the id, in the syntax of RE2.
    regex
  };

  struct Found {
    // Of live actors and processes, in order of their bytes; the first of them when there are more than count_max.
    std::vector<std::string> ids;
    // All that match.
    std::uint64_t matched_count = 0;
  };
  using Done = std::function<void(core::Result<Found>)>;

  // The system must outlive this.
  ProcessDiagnostics(Options options, core::ActorSystem& system)
      : options_(options), system_(system) {}

  // All ids match an empty pattern, unless the match is exact. A search ends with CANCELLED when `is_wanted` says no; it is
  // asked in each of its turns.
  void find(const std::string& pattern, Match match, std::function<bool()> is_wanted, Done done);

  // One line each: the kind, and what is known of an actor from outside. An empty `address` means this node.
  core::Result<std::string> describe(const std::string& address, const std::string& id) const;

 private:
  class Search;
  class Searcher;

  core::Status check_enabled() const;

  const Options options_;
  core::ActorSystem& system_;
  // Shared with the searches.
  const std::shared_ptr<std::atomic<std::uint32_t>> search_count_ =
      std::make_shared<std::atomic<std::uint32_t>>(0);
};

}  // namespace nexus::remote
