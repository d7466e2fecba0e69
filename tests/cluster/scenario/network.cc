#include "tests/cluster/scenario/network.h"

#include <utility>

namespace nexus::cluster::scenario {
namespace {

ControlMessagePtr with(const ControlMessage& message, ControlBody body) {
  ControlMessage copy = message;
  copy.body = std::move(body);
  return std::make_shared<const ControlMessage>(std::move(copy));
}

}  // namespace

Fate Network::fate(Kind kind, const std::string& from, const std::string& to) const {
  for (const Rule& rule : rules_) {
    if (rule.what.kinds.contains(kind) && rule.what.fits(from, to)) return rule.fate;
  }
  return Fate::delivered;
}

void Network::apply(Letter& letter) {
  if (rules_.empty()) return;
  const auto* const gossip = std::get_if<Gossip>(&letter.message->body);
  if (gossip == nullptr) {
    const Fate decided = fate(*kind_of(letter.message->body), letter.from, letter.to);
    if (decided == Fate::delivered) return;
    if (decided == Fate::held) held_.push_back(letter);
    letter.message = nullptr;
    return;
  }
  const auto part = [&](Fate wanted) {
    return part_of(*gossip,
                   [&](Kind kind) { return fate(kind, letter.from, letter.to) == wanted; });
  };
  if (Gossip held = part(Fate::held); !is_empty(held)) {
    held_.push_back(letter);
    held_.back().message = with(*letter.message, std::move(held));
  }
  Gossip rest = part(Fate::delivered);
  letter.message = is_empty(rest) ? nullptr : with(*letter.message, std::move(rest));
}

std::vector<Letter> Network::take_held(const Selector& what) {
  std::vector<Letter> taken;
  for (auto letter = held_.begin(); letter != held_.end();) {
    const std::optional<Kind> kind = kind_of(letter->message->body);
    // A part of gossip that is held is of one rule; it goes as a whole.
    const bool is_of_kind =
        kind ? what.kinds.contains(*kind)
             : !is_empty(part_of(std::get<Gossip>(letter->message->body),
                                 [&](Kind k) { return what.kinds.contains(k); }));
    if (is_of_kind && what.fits(letter->from, letter->to)) {
      taken.push_back(std::move(*letter));
      letter = held_.erase(letter);
    } else {
      ++letter;
    }
  }
  return taken;
}

}  // namespace nexus::cluster::scenario
