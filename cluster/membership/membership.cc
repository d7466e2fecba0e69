#include "cluster/membership/membership.h"

#include <algorithm>
#include <utility>

#include "core/base/check.h"

namespace nexus::cluster {

using core::Duration;
using core::Instant;

namespace {

// While it listens, a node asks so many others every so often, and has heard nobody when none answers for so long.
constexpr std::size_t kAsked = 3;
constexpr Duration kAskEvery = std::chrono::seconds(1);
constexpr Duration kSilence = std::chrono::milliseconds(2500);
constexpr std::size_t kContactsKept = 32;
constexpr std::size_t kToldKept = 32;
// Who was deaf so lately learns now what the others did meanwhile.
constexpr Duration kDeafness = std::chrono::seconds(10);

// `count` times, up to `max`.
Duration doubled(Duration duration, std::uint32_t count, Duration max) {
  for (std::uint32_t i = 0; i < count && duration < max; ++i) duration *= 2;
  return std::min(duration, max);
}

}  // namespace

Membership::Membership(const MembershipOptions& options, Member self, ViewMaker& maker,
                       std::function<MemberId()> new_id, std::uint64_t seed)
    : options_(options),
      self_(std::move(self)),
      maker_(maker),
      new_id_(std::move(new_id)),
      random_(seed) {
  self_.process = self_.id;
  incarnation_ = make_incarnation();
}

std::unique_ptr<Incarnation> Membership::make_incarnation() {
  return std::make_unique<Incarnation>(
      options_, std::make_shared<const Member>(self_), maker_,
      std::make_unique<FastPaxos>(options_.agreement, random_.next()), random_.next());
}

void Membership::start(std::vector<std::string> seeds, Instant now, Output& out) {
  heard_ = now;
  seeds_ = std::move(seeds);
  const std::size_t first = out.events.size();
  incarnation_->join(seeds_, told_, {}, false, now, out);
  look_at(first, now, out);
}

void Membership::start_in(ViewPtr view, std::vector<std::string> seeds, Instant now, Output& out) {
  heard_ = now;
  seeds_ = std::move(seeds);
  const std::size_t first = out.events.size();
  incarnation_->start_in(std::move(view), seeds_, now, out);
  look_at(first, now, out);
}

void Membership::look_at(std::size_t first, Instant now, Output& out) {
  bool is_in = false;
  const Incarnation::Out* out_event = nullptr;
  for (std::size_t i = first; i < out.events.size(); ++i) {
    if (const auto* changed = std::get_if<Incarnation::ViewChanged>(&out.events[i])) {
      if (!changed->before) {
        member_since_ = now;
        is_in = true;
      }
      had_others_ = had_others_ || changed->view->size() > 1;
    } else if (const auto* gone = std::get_if<Incarnation::Out>(&out.events[i])) {
      out_event = gone;
      ended_ = gone->why == Incarnation::WhyOut::left;
    }
  }
  if (out_event != nullptr) {
    if (!ended_) prepare_rejoin(out_event->other_cluster, now);
  } else if (is_in) {
    // It was within the limits before, and is so for the new id, which others have written nothing of.
    for (const auto& [key, value] : own_state_) CHECK(incarnation_->put(key, value, now, out).ok());
  }
  note_due(now);
}

void Membership::prepare_rejoin(const std::string& other_cluster, Instant now) {
  const std::int64_t forgiven = (now - member_since_) / options_.rejoin.forgiven_after;
  removed_count_ -= static_cast<std::uint32_t>(std::min<std::int64_t>(removed_count_, forgiven));
  const Duration wait = doubled(options_.rejoin.wait_min, removed_count_, options_.rejoin.wait_max);

  Rejoin rejoin{.contacts = {},
                .settle = {},
                .begin = now,
                .heard = now,
                .ask_at = now,
                .wait = random_.around(wait, 20),
                .again = other_cluster.empty()};
  if (!other_cluster.empty()) rejoin.contacts.push_back(other_cluster);
  if (const ViewPtr& view = incarnation_->view()) {
    std::vector<std::string> others;
    for (const MemberPtr& member : view->members()) {
      if (member->address != self_.address) others.push_back(member->address);
    }
    while (!others.empty() && rejoin.contacts.size() < kContactsKept) {
      std::swap(others[random_.below(others.size())], others.back());
      rejoin.contacts.push_back(std::move(others.back()));
      others.pop_back();
    }
  }
  // Those of its view may have moved.
  for (const std::vector<std::string>* list : {&seeds_, &told_}) {
    for (const std::string& address : *list) {
      if (address != self_.address) rejoin.contacts.push_back(address);
    }
  }
  if (deaf_until_ != Instant{} && now - deaf_until_ < kDeafness && !rejoin.contacts.empty()) {
    const auto& view = incarnation_->view();
    const Duration settle =
        std::max(options_.rejoin.settle_min,
                 options_.rejoin.settle_per_member *
                     static_cast<std::int64_t>(view == nullptr ? 0 : view->size()));
    rejoin.settle = doubled(settle, removed_count_, options_.rejoin.settle_max);
  }
  ++removed_count_;
  rejoin_ = std::move(rejoin);
}

void Membership::do_rejoin(Instant now, Output& out) {
  Rejoin& rejoin = *rejoin_;
  if (rejoin.settle > Duration{} && now - rejoin.heard > kSilence) {
    rejoin.begin = now;
    rejoin.heard = now;
  }
  if (now - rejoin.begin >= std::max(rejoin.wait, rejoin.settle)) {
    self_.id = new_id_();
    had_others_ = false;
    dropped_state_count_ = dropped_state_count();
    incarnation_ = make_incarnation();
    std::vector<std::string> contacts = std::move(rejoin.contacts);
    const bool again = rejoin.again;
    rejoin_.reset();
    out.events.emplace_back(Incarnation::Rejoining{.id = self_.id});
    const std::size_t first = out.events.size();
    incarnation_->join(seeds_, told_, std::move(contacts), again, now, out);
    look_at(first, now, out);
    return;
  }
  if (now < rejoin.ask_at) return;
  rejoin.ask_at = now + kAskEvery;
  if (rejoin.settle == Duration{} || rejoin.contacts.empty()) return;
  const auto probe =
      std::make_shared<const ControlMessage>(ControlMessage{.body = Probe{.sent = now}});
  for (std::size_t i = 0; i < kAsked; ++i) {
    out.sends.push_back(
        {.address = rejoin.contacts[random_.below(rejoin.contacts.size())], .message = probe});
  }
}

// Time in which this process stood still is no silence of the others.
void Membership::note_pause(Instant now) {
  if (due_ >= now || now - due_ <= options_.edges.lateness_max) return;
  heard_ = std::min(now, heard_ + (now - due_));
}

void Membership::on_message(const Peer& from, const ControlMessagePtr& message, Instant now,
                            Output& out) {
  if (rejoin_) {
    if (std::holds_alternative<ProbeAck>(message->body)) rejoin_->heard = now;
    return;
  }
  note_pause(now);
  if (had_others_ && now - heard_ > options_.edges.timeout_min) deaf_until_ = now;
  heard_ = now;
  const std::size_t first = out.events.size();
  incarnation_->on_message(from, message, now, out);
  look_at(first, now, out);
}

void Membership::on_refused(const std::string& address, Instant now, Output& out) {
  const std::size_t first = out.events.size();
  incarnation_->on_refused(address, now, out);
  look_at(first, now, out);
}

void Membership::on_link_lost(const std::string& address, Instant now) {
  incarnation_->on_link_lost(address, now);
  note_due(now);
}

void Membership::on_traffic(MemberIndex subject, Instant now) {
  if (is_out()) return;
  incarnation_->on_traffic(subject, now);
  note_due(now);
}

void Membership::on_time(Instant now, Output& out) {
  if (rejoin_) return do_rejoin(now, out);
  note_pause(now);
  const std::size_t first = out.events.size();
  incarnation_->on_time(now, out);
  look_at(first, now, out);
}

Instant Membership::next_time() const {
  if (ended_) return Instant::max();
  if (!rejoin_) return incarnation_->next_time();
  return std::min(rejoin_->ask_at, rejoin_->begin + std::max(rejoin_->wait, rejoin_->settle));
}

void Membership::set_seeds(std::vector<std::string> seeds) {
  seeds_ = std::move(seeds);
  incarnation_->set_seeds(seeds_);
}

void Membership::join(const std::vector<std::string>& addresses, Instant now) {
  if (ended_) return;
  for (const std::string& address : addresses) {
    if (address == self_.address) continue;
    std::erase(told_, address);
    told_.push_back(address);
  }
  while (told_.size() > kToldKept) told_.erase(told_.begin());
  if (rejoin_) {
    rejoin_->wait = Duration{};
    rejoin_->settle = Duration{};
  } else {
    incarnation_->set_told(told_, now);
  }
}

void Membership::leave(Instant now, Output& out) {
  if (rejoin_) {
    rejoin_.reset();
    ended_ = true;
    out.events.emplace_back(Incarnation::Out{.why = Incarnation::WhyOut::left});
    return;
  }
  const std::size_t first = out.events.size();
  incarnation_->leave(now, out);
  look_at(first, now, out);
}

core::Status Membership::put(std::string key, std::string value, Instant now, Output& out) {
  const std::size_t first = out.events.size();
  core::Status status = incarnation_->put(key, value, now, out);
  if (status.ok()) own_state_[std::move(key)] = std::move(value);
  look_at(first, now, out);
  return status;
}

core::Status Membership::force(ViewId base, const std::vector<MemberId>& keep, Instant now,
                               Output& out) {
  const std::size_t first = out.events.size();
  core::Status status = incarnation_->force(base, keep, now, out);
  look_at(first, now, out);
  return status;
}

}  // namespace nexus::cluster
