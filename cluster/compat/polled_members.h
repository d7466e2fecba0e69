// PolledMembers: who is in a cluster of Proto.Actor nodes that find each other by polling, as the answers of the polled hosts say. Pure;
// one owner.
//
// PM1  A host's answer makes its node a member at once; another id there replaces it at once.
// PM2  A host without a good answer keeps its member for misses_max - 1 rounds: one lost answer accuses nobody here. (In Go it does.)
// PM3  A member that has said that it leaves is none from then on, for as long as its host answers with that id.
// PM4  The node itself, nodes of other clusters, and a second host with an id that is listed already, are no members.
// PM5  Trouble with a host is told when it begins, or changes its kind, and not again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "cluster/compat/node_health.h"
#include "core/base/result.h"

namespace nexus::cluster {

struct FamilyMember {
  std::string id;
  // `host:port`, as its Pids have it.
  std::string address;
  std::vector<std::string> kinds{};

  bool operator==(const FamilyMember&) const = default;
};

class PolledMembers {
 public:
  struct Options {
    // Of the node itself.
    std::string self_id;
    std::string cluster;
    // >= 1.
    std::uint32_t misses_max = 3;
  };

  struct Joined {
    FamilyMember member;
  };
  enum class WhyGone : std::uint8_t { silent, replaced, left };
  struct Gone {
    FamilyMember member;
    WhyGone why;
  };
  enum class Trouble : std::uint8_t { none, no_answer, bad_answer, other_cluster };
  struct HostTrouble {
    std::string host;
    // Never none.
    Trouble trouble;
    std::string detail;
  };
  using Event = std::variant<Joined, Gone, HostTrouble>;

  PolledMembers(Options options, std::vector<std::string> hosts);

  // One round: for each host, in their order, its answer. An error of invalid_argument is a bad answer, any other is none.
  std::vector<Event> on_round(const std::vector<core::Result<NodeHealth>>& answers);
  // The member of that id says that it leaves.
  std::vector<Event> on_left(const std::string& id);

  std::vector<FamilyMember> members() const;
  bool contains(const std::string& id) const;

 private:
  struct Host {
    std::string name;
    std::optional<FamilyMember> member{};
    std::uint32_t miss_count = 0;
    Trouble trouble = Trouble::none;
    // The id that has said that it leaves.
    std::string left_id{};
  };

  void on_good(Host& host, const NodeHealth& health, std::vector<Event>& events);
  void on_miss(Host& host, Trouble trouble, const std::string& detail, std::vector<Event>& events);
  static void drop(Host& host, WhyGone why, std::vector<Event>& events);

  const Options options_;
  std::vector<Host> hosts_;
};

}  // namespace nexus::cluster
