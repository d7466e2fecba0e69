#include "tests/cluster/scenario/describe.h"

#include <algorithm>
#include <charconv>

namespace nexus::cluster::scenario {
namespace {

constexpr std::string_view kPort = ":7701";

template <typename... Lambdas>
struct Overloaded : Lambdas... {
  using Lambdas::operator()...;
};
template <typename... Lambdas>
Overloaded(Lambdas...) -> Overloaded<Lambdas...>;

std::string names_of(const std::vector<MemberPtr>& members) {
  std::vector<MemberId> ids;
  for (const MemberPtr& member : members) ids.push_back(member->id);
  std::sort(ids.begin(), ids.end());
  std::string text;
  for (const MemberId& id : ids) text += (text.empty() ? "" : " ") + name_of(id);
  return text;
}

std::string member_name(MemberIndex member, const View& view) {
  return member < view.size() ? name_of(view.member(member).id) : "nobody";
}

std::string round_text(Round round, const View& view) {
  if (round.is_fast()) return "the fast round";
  return "round " + std::to_string(round.attempt) + " of " + member_name(round.coordinator, view);
}

std::string cut_text(const Cut& cut, const ViewBook& views) {
  const auto base = views.find(cut.base);
  return base == views.end() ? "a cut of an unknown view" : text_of(cut, *base->second);
}

std::string versions_text(const std::vector<StateVersion>& versions) {
  std::string text;
  for (const StateVersion& version : versions) {
    text += (text.empty() ? " " : ", ") + name_of(version.owner) + ' ' + version.key + " #" +
            std::to_string(version.sequence);
  }
  return text.empty() ? " none" : text;
}

std::string out_text(Incarnation::WhyOut why) {
  switch (why) {
    case Incarnation::WhyOut::left:
      return "out: it left";
    case Incarnation::WhyOut::removed:
      return "out: the others removed it";
    case Incarnation::WhyOut::replaced:
      return "out: another run has its address";
    case Incarnation::WhyOut::other_cluster:
      return "out: gives way to the larger cluster";
  }
  return {};
}

std::string entry_text(const StateEntry& entry) {
  return name_of(entry.owner) + ' ' + entry.key + '=' + entry.value;
}

}  // namespace

std::optional<std::uint64_t> number_of(std::string_view name) {
  std::uint64_t number = 0;
  if (name.size() < 2 || name[0] != 'n') return std::nullopt;
  const char* const end = name.data() + name.size();
  const auto [stop, error] = std::from_chars(name.data() + 1, end, number);
  if (error != std::errc{} || stop != end || number == 0) return std::nullopt;
  return number;
}

std::string address_of(const std::string& name) { return name + std::string(kPort); }
std::string node_at(const std::string& address) {
  return address.substr(0, address.size() - kPort.size());
}

std::string name_of(const MemberId& id) {
  std::string name = 'n' + std::to_string(id.high());
  if (id.low() > 1) name += '#' + std::to_string(id.low());
  return name;
}

std::string text_of(const View& view) {
  std::string text = "view " + std::to_string(view.epoch()) + " {";
  for (MemberIndex i = 0; i < view.size(); ++i)
    text += (i == 0 ? "" : " ") + name_of(view.member(i).id);
  return text + '}';
}

std::string text_of(const Cut& cut, const View& base) {
  constexpr std::string_view kWords[] = {"failed", "left", "replaced", "forced out"};
  std::string text;
  for (std::size_t why = 0; why < std::size(kWords); ++why) {
    std::string names;
    for (const Cut::Removal& removal : cut.removed) {
      if (static_cast<std::size_t>(removal.why) == why)
        names += ' ' + member_name(removal.member, base);
    }
    if (names.empty()) continue;
    text += (text.empty() ? "" : ", ") + std::string(kWords[why]) + names;
  }
  if (!cut.joined.empty())
    text += (text.empty() ? "" : ", ") + std::string("joined ") + names_of(cut.joined);
  return text.empty() ? "nobody" : text;
}

std::string text_of(const Incarnation::Event& event) {
  return std::visit(
      Overloaded{[](const Incarnation::ViewChanged& changed) {
                   std::string text = text_of(*changed.view);
                   if (changed.cut) return text + ", " + text_of(*changed.cut, *changed.before);
                   return changed.before ? text + ", told as a whole" : text;
                 },
                 [](const Incarnation::Out& out) {
                   return out_text(out.why) +
                          (out.other_cluster.empty() ? "" : ", of " + node_at(out.other_cluster));
                 },
                 [](const Incarnation::Refused& refused) {
                   return "refused by " + node_at(refused.address) + ": " + refused.why;
                 },
                 [](const Incarnation::Stranger& stranger) {
                   return "a stranger at " + node_at(stranger.address) + ": " + stranger.why;
                 },
                 [](const Incarnation::StateChanged& state) {
                   return "learns " + entry_text(state.entry);
                 },
                 [](const Incarnation::Frozen& frozen) {
                   return std::string(frozen.frozen ? "frozen" : "no longer frozen");
                 },
                 [](const Incarnation::Waiting& waiting) { return "waits: " + waiting.what; },
                 [](const Incarnation::Rejoining& rejoining) {
                   return "joins again as " + name_of(rejoining.id);
                 }},
      event);
}

std::string text_of(const ControlMessage& message, const ViewBook& views) {
  const auto found = views.find(message.view);
  const View* const view = found == views.end() ? nullptr : found->second.get();
  return std::visit(
      Overloaded{
          [](const Probe&) { return std::string("probe"); },
          [](const ProbeAck&) { return std::string("answer to a probe"); },
          [](const IndirectProbe& probe) { return "do you hear " + name_of(probe.subject) + '?'; },
          [](const IndirectAck& ack) {
            return (ack.heard ? "I hear " : "I do not hear ") + name_of(ack.subject);
          },
          [](const Gossip&) { return std::string("gossip"); },
          [&](const Promise& promise) {
            if (view == nullptr) return std::string("promise");
            std::string text = "promise for " + round_text(promise.round, *view) + ", voted ";
            if (!promise.voted) return text + "nothing";
            return text + "\"" + text_of(*promise.voted->cut, *view) + "\" in " +
                   round_text(promise.voted->round, *view);
          },
          [&](const CatchUp&) {
            return view == nullptr ? std::string("catch me up")
                                   : "catch me up from view " + std::to_string(view->epoch());
          },
          [&](const ViewDelta& delta) {
            std::string text = "delta:";
            for (const CutPtr& cut : delta.cuts)
              text += (text.back() == ':' ? " " : "; ") + cut_text(*cut, views);
            return text;
          },
          [](const Snapshot& snapshot) {
            return "snapshot of " + text_of(*snapshot.view) + ", " +
                   std::to_string(snapshot.state.size()) + " keys";
          },
          [](const NotMember& other) {
            if (other.size == 0) return std::string("you are not in my view, which is frozen");
            return "you are not in my view of " + std::to_string(other.size);
          },
          [](const Join& join) {
            return "join as " + name_of(join.member->id) + (join.again ? ", again" : "");
          },
          [](const JoinRefused& refused) { return "refused: " + refused.why; },
          [](const JoinCheck& check) { return "is " + name_of(check.joiner) + " there?"; },
          [](const JoinConfirm& confirm) { return name_of(confirm.joiner) + " is there"; },
          [](const JoinOffer& offer) { return "let in " + names_of(offer.joiners); },
          [](const Found& founding) { return "found {" + names_of(founding.members) + '}'; },
          [](const FoundAck&) { return std::string("agreed to the founding"); },
          [](const StateDigests&) { return std::string("digests of my state"); },
          [](const StateVersions& versions) { return "I have" + versions_text(versions.versions); },
          [](const StateWanted& wanted) { return "I want" + versions_text(wanted.versions); }},
      message.body);
}

std::vector<Saying> sayings_of(const Gossip& gossip, const MemberId& sender, const View& view,
                               CutBook& cuts) {
  std::vector<Saying> sayings;
  const auto self = view.index_of(sender);
  const std::string prefix = std::to_string(view.id()) + ' ';
  const auto say = [&](Kind kind, std::string text, const std::string& by) {
    std::string key = prefix + by + ' ' + text;
    sayings.push_back({.kind = kind, .text = std::move(text), .key = std::move(key)});
  };
  for (const Alert& alert : gossip.alerts) {
    if (alert.observer != self) continue;
    const std::string subject = member_name(alert.subject, view);
    say(Kind::alert,
        alert.leaves() ? "alert: it leaves" : "alert: " + subject + (alert.down ? " down" : " up"),
        name_of(sender) + ' ' + std::to_string(alert.sequence));
  }
  for (const Proposal& proposal : gossip.proposals) {
    const std::string cut = text_of(*proposal.cut, view);
    cuts[proposal.cut->digest()] = cut;
    // Who passes a proposal on cannot be told from who makes it; the first one to say it made it.
    say(Kind::proposal, "proposes \"" + cut + "\" in " + round_text(proposal.round, view), "");
  }
  for (const Tally& tally : gossip.tallies) {
    if (!self || !tally.voters.contains(*self)) continue;
    const auto cut = cuts.find(tally.cut);
    say(Kind::vote,
        "votes for \"" + (cut == cuts.end() ? "?" : cut->second) + "\" in " +
            round_text(tally.round, view),
        name_of(sender));
  }
  for (const Prepare& prepare : gossip.prepares) {
    if (prepare.round.coordinator == self)
      say(Kind::prepare, "prepares " + round_text(prepare.round, view), name_of(sender));
  }
  for (const StateEntry& entry : gossip.entries) {
    if (entry.owner == sender)
      say(Kind::entry, "says " + entry_text(entry), std::to_string(entry.sequence));
  }
  return sayings;
}

}  // namespace nexus::cluster::scenario
