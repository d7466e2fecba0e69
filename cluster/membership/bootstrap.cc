#include "cluster/membership/bootstrap.h"

#include <algorithm>
#include <utility>

namespace nexus::cluster {

using core::Instant;

namespace {

constexpr int kRetryJitterPercent = 20;

}  // namespace

ControlMessagePtr Bootstrap::message(ControlBody body) const {
  return std::make_shared<const ControlMessage>(ControlMessage{.body = std::move(body)});
}

bool Bootstrap::is_seed(const std::string& address) const {
  return std::find(seeds_.begin(), seeds_.end(), address) != seeds_.end();
}

void Bootstrap::start(std::vector<std::string> seeds, std::vector<std::string> contacts, bool again,
                      Instant now) {
  again_ = again;
  contacts_ = std::move(contacts);
  set_seeds(std::move(seeds));
  ask_at_ = now;
  next_ = now;
}

void Bootstrap::set_seeds(std::vector<std::string> seeds) {
  std::sort(seeds.begin(), seeds.end());
  seeds.erase(std::unique(seeds.begin(), seeds.end()), seeds.end());
  seeds_ = std::move(seeds);
}

void Bootstrap::set_told(std::vector<std::string> addresses, Instant now) {
  told_ = std::move(addresses);
  if (told_.empty()) return;
  ask_at_ = now;
  next_ = now;
}

std::optional<std::vector<MemberPtr>> Bootstrap::found_alone() {
  const bool only_itself =
      seeds_.empty() || (seeds_.size() == 1 && seeds_.front() == self_->address);
  if (!only_itself || !told_.empty() || !contacts_.empty() || options_.expect > 1)
    return std::nullopt;
  return std::vector<MemberPtr>{self_};
}

void Bootstrap::on_join(const Join& join, Instant now) {
  if (join.member->id == self_->id) return;
  if (join.again) {
    removed_ = join.member->address;
    removed_heard_ = now;
    return;
  }
  if (candidates_.size() >= options_.candidate_count_max && !candidates_.contains(join.member->id))
    return;
  const auto [candidate, is_new] = candidates_.try_emplace(join.member->id);
  candidate->second.member = join.member;
  candidate->second.seen = now;
  if (is_new) {
    // Of two runs at one address the first one has ended.
    std::erase_if(candidates_, [&](const auto& entry) {
      return entry.first != join.member->id && entry.second.member->address == join.member->address;
    });
  }
  next_ = std::min(next_, now);
}

void Bootstrap::ask_also(const std::string& address, std::vector<Send>& sends) const {
  sends.push_back({.address = address, .message = message(join())});
}

bool Bootstrap::may_found(Instant now) const {
  if (again_ || now < in_hand_until_) return false;
  return !member_heard_ || now - *member_heard_ >= options_.patience;
}

void Bootstrap::on_check(Instant now) { in_hand_until_ = now + options_.patience; }

void Bootstrap::on_refused(Instant now) {
  refused_at_ = now;
  ask_at_ = now + options_.patience;
}

void Bootstrap::on_found(const Found& found, const Peer& from, Instant now,
                         std::vector<Send>& sends) {
  const bool with_me = std::any_of(found.members.begin(), found.members.end(),
                                   [&](const MemberPtr& m) { return m->id == self_->id; });
  // It is there after all.
  if (const auto founder = candidates_.find(from.id); founder != candidates_.end())
    founder->second.left_out_until = {};
  if (!with_me || !may_found(now) || (promised_to_ != from.id && now < promised_until_)) return;
  promised_to_ = from.id;
  promised_until_ = now + 2 * options_.founding_time;
  awaited_ = {};
  sends.push_back({.address = from.address,
                   .message = message(FoundAck{.lineage = View::lineage_of(found.members)})});
}

std::optional<std::vector<MemberPtr>> Bootstrap::on_found_ack(const Peer& from, const FoundAck& ack,
                                                              Instant now) {
  if (!founding_ || founding_->lineage != ack.lineage || now >= founding_->end) return std::nullopt;
  founding_->missing.erase(from.id);
  if (!founding_->missing.empty()) return std::nullopt;
  return std::move(founding_->members);
}

std::vector<const std::string*> Bootstrap::others() const {
  std::vector<const std::string*> others;
  for (const std::vector<std::string>* list : {&told_, &seeds_, &contacts_}) {
    for (const std::string& address : *list) {
      if (address != self_->address) others.push_back(&address);
    }
  }
  return others;
}

// The others ask as this node does, each at its pace.
core::Duration Bootstrap::candidate_age_max() const {
  const std::size_t rounds =
      (others().size() + options_.asked_at_once - 1) / options_.asked_at_once;
  const auto more = static_cast<std::int64_t>(std::max<std::size_t>(rounds, 1) - 1);
  return options_.candidate_age_max + more * options_.retry * (100 + kRetryJitterPercent) / 100;
}

void Bootstrap::ask(Instant now, std::vector<Send>& sends) {
  ask_at_ = now + random_.around(options_.retry, kRetryJitterPercent);
  if (now < in_hand_until_) return;
  const std::vector<const std::string*> others = this->others();
  if (others.empty()) return;
  const ControlMessagePtr request = message(join());
  for (std::size_t i = 0; i < std::min(options_.asked_at_once, others.size()); ++i) {
    sends.push_back({.address = *others[next_contact_++ % others.size()], .message = request});
  }
}

std::string Bootstrap::waits_for(Instant now) const {
  if (now < in_hand_until_) return "a member has heard of this node, and does not let it in yet";
  if (refused_at_ && now - *refused_at_ <= 2 * options_.patience)
    return "it is refused, for the reason that was told";
  if (again_) {
    return "it was removed from its cluster and reaches no member of it; if that cluster is no "
           "more, start this node again: only then it may found one";
  }
  if (!may_found(now)) return "a member is heard, and does not let it in yet";
  if (seeds_.empty()) return "it knows no seeds, and nobody lets it in where it was told to ask";
  if (!is_seed(self_->address)) {
    return "no member answers at the seeds, and this node founds no cluster, since its address " +
           self_->address +
           " is not among them; start seeds, or write node.advertise as the seeds have it";
  }
  const Group group = this->group(true, now);
  std::string text = "no member answers, and to found a cluster this node has heard of " +
                     std::to_string(group.seed_count) + " of " + std::to_string(seeds_.size()) +
                     " seeds, itself among them; " + std::to_string(seeds_needed()) + " are needed";
  if (options_.expect > 1) {
    text += ", and of all nodes " + std::to_string(options_.expect) + " (there are " +
            std::to_string(group.members.size()) + ")";
  }
  if (!removed_.empty() && now - removed_heard_ <= candidate_age_max()) {
    text += "; the node at " + removed_ +
            " does not count, since it was removed from a cluster, until it is started again";
  }
  return text;
}

Bootstrap::Group Bootstrap::group(bool of_all, Instant now) const {
  Group group{.members = {self_}, .lowest = self_->id};
  std::set<std::string> seeds{self_->address};
  std::vector<MemberPtr> others;
  for (const auto& [id, candidate] : candidates_) {
    if (!of_all && now < candidate.left_out_until) continue;
    if (!is_seed(candidate.member->address)) {
      others.push_back(candidate.member);
      continue;
    }
    group.members.push_back(candidate.member);
    seeds.insert(candidate.member->address);
    group.lowest = std::min(group.lowest, id);
  }
  std::vector<MemberPtr>& members = group.members;
  if (members.size() > options_.members_max) members.resize(options_.members_max);
  others.resize(std::min(others.size(), options_.members_max - members.size()));
  members.insert(members.end(), others.begin(), others.end());
  group.seed_count = seeds.size();
  group.is_enough = seeds.size() >= seeds_needed() && members.size() >= options_.expect;
  return group;
}

void Bootstrap::wait_for(const MemberId& lowest, Instant now) {
  if (std::exchange(awaited_, lowest) != lowest) awaited_since_ = now;
  if (lowest == MemberId() || now - awaited_since_ < 2 * candidate_age_max()) return;
  candidates_.at(lowest).left_out_until = now + options_.left_out;
  awaited_ = {};
}

void Bootstrap::try_to_found(Instant now, std::vector<Send>& sends) {
  const core::Duration age_max = candidate_age_max();
  std::erase_if(candidates_, [&](const auto& entry) { return now - entry.second.seen > age_max; });
  if (founding_ && now >= founding_->end) {
    for (const MemberId& id : founding_->missing) {
      const auto candidate = candidates_.find(id);
      if (candidate != candidates_.end())
        candidate->second.left_out_until = now + options_.left_out;
    }
    founding_.reset();
  }
  if (founding_ || now < promised_until_ || !may_found(now) || !is_seed(self_->address)) return;

  Group group = this->group(false, now);
  if (!group.is_enough) group = this->group(true, now);
  if (!group.is_enough || group.lowest != self_->id) {
    enough_since_ = Instant::max();
    wait_for(group.is_enough ? group.lowest : MemberId(), now);
    return;
  }
  if (enough_since_ == Instant::max()) enough_since_ = now;
  if (now - enough_since_ < options_.gathering) return;

  const std::vector<MemberPtr>& members = group.members;
  Founding founding{.lineage = View::lineage_of(members),
                    .members = members,
                    .missing = {},
                    .end = now + options_.founding_time};
  promised_to_ = self_->id;
  promised_until_ = founding.end;
  const ControlMessagePtr found = message(Found{.members = members});
  for (const MemberPtr& member : members) {
    if (member->id == self_->id) continue;
    founding.missing.insert(member->id);
    sends.push_back({.address = member->address, .message = found});
  }
  founding_ = std::move(founding);
}

void Bootstrap::on_time(Instant now, std::vector<Send>& sends) {
  if (now >= ask_at_) ask(now, sends);
  try_to_found(now, sends);
  next_ = ask_at_;
  if (founding_) next_ = std::min(next_, founding_->end);
  if (enough_since_ != Instant::max() && !founding_)
    next_ = std::min(next_, enough_since_ + options_.gathering);
  next_ = std::max(next_, now + std::chrono::milliseconds(1));
}

}  // namespace nexus::cluster
