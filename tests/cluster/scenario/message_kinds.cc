#include "tests/cluster/scenario/message_kinds.h"

#include <array>
#include <utility>

namespace nexus::cluster::scenario {
namespace {

constexpr std::array<std::pair<std::string_view, KindSet>, 32> kWords{{
    {"probe", Kind::probe},
    {"ack", Kind::ack},
    {"indirect_probe", Kind::indirect_probe},
    {"indirect_ack", Kind::indirect_ack},
    {"alert", Kind::alert},
    {"proposal", Kind::proposal},
    {"vote", Kind::vote},
    {"prepare", Kind::prepare},
    {"entry", Kind::entry},
    {"promise", Kind::promise},
    {"catch_up", Kind::catch_up},
    {"delta", Kind::delta},
    {"snapshot", Kind::snapshot},
    {"not_member", Kind::not_member},
    {"join", Kind::join},
    {"refused", Kind::refused},
    {"check", Kind::check},
    {"confirm", Kind::confirm},
    {"offer", Kind::offer},
    {"found", Kind::found},
    {"found_ack", Kind::found_ack},
    {"digests", Kind::digests},
    {"versions", Kind::versions},
    {"wanted", Kind::wanted},
    {"probing", KindSet::between(Kind::probe, Kind::indirect_ack)},
    {"indirect", KindSet::between(Kind::indirect_probe, Kind::indirect_ack)},
    {"gossip", KindSet::between(Kind::entry, Kind::prepare)},
    {"agreement", KindSet::between(Kind::proposal, Kind::promise)},
    {"catching_up", KindSet::between(Kind::catch_up, Kind::not_member)},
    {"joining", KindSet::between(Kind::join, Kind::offer)},
    {"founding", KindSet::between(Kind::found, Kind::found_ack)},
    {"comparing", KindSet::between(Kind::digests, Kind::wanted)},
}};

// In the order of ControlBody's alternatives; gossip has none of its own.
constexpr std::array<std::optional<Kind>, std::variant_size_v<ControlBody>> kKinds{
    Kind::probe,   Kind::ack,       Kind::indirect_probe, Kind::indirect_ack, std::nullopt,
    Kind::promise, Kind::catch_up,  Kind::delta,          Kind::snapshot,     Kind::not_member,
    Kind::join,    Kind::refused,   Kind::check,          Kind::confirm,      Kind::offer,
    Kind::found,   Kind::found_ack, Kind::digests,        Kind::versions,     Kind::wanted};

}  // namespace

std::optional<KindSet> kinds_of(std::string_view word) {
  for (const auto& [known, kinds] : kWords) {
    if (known == word) return kinds;
  }
  return std::nullopt;
}

std::optional<Kind> kind_of(const ControlBody& body) { return kKinds[body.index()]; }

}  // namespace nexus::cluster::scenario
