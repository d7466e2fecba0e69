// The words of a trace: names of nodes, views, cuts, events and messages with the fields that matter. Pure.
//
// A node's first incarnation is called as the node, n3, the later ones n3#2, n3#3. Ids ascend as the numbers of the nodes do.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/membership/incarnation.h"
#include "tests/cluster/scenario/message_kinds.h"

namespace nexus::cluster::scenario {

// Of a node's name, "n3": its number, or nothing when it is no such name.
std::optional<std::uint64_t> number_of(std::string_view name);
std::string address_of(const std::string& name);
std::string node_at(const std::string& address);
inline MemberId id_of(std::uint64_t node, std::uint64_t incarnation) { return {node, incarnation}; }
std::string name_of(const MemberId& id);

// Views by id: messages name only the id of the view that they are about.
using ViewBook = std::map<ViewId, ViewPtr>;
// The texts of cuts by their digests: votes name only these.
using CutBook = std::map<std::uint64_t, std::string>;

// "view 2 {n1 n2}"
std::string text_of(const View& view);
// "failed n3, joined n4"
std::string text_of(const Cut& cut, const View& base);
std::string text_of(const Incarnation::Event& event);
// Of a message that is no gossip.
std::string text_of(const ControlMessage& message, const ViewBook& views);

// A part of gossip that its sender says of itself, and does not only pass on.
struct Saying {
  Kind kind;
  std::string text;
  // Equal for what is said again.
  std::string key;
};
// Writes the cuts that are proposed into the book.
std::vector<Saying> sayings_of(const Gossip& gossip, const MemberId& sender, const View& view,
                               CutBook& cuts);

}  // namespace nexus::cluster::scenario
