#include "cluster/membership/membership.h"

#include <algorithm>
#include <utility>

namespace nexus::cluster {

using core::Duration;
using core::Instant;

namespace {

// While it listens, a node asks so many others every so often, and has heard nobody when none answers for so long.
constexpr std::size_t kAsked = 3;
constexpr Duration kAskEvery = std::chrono::seconds(1);
constexpr Duration kSilence = std::chrono::milliseconds(2500);
constexpr std::size_t kContactsKept = 32;
// Who was deaf so lately learns now what the others did meanwhile.
constexpr Duration kDeafness = std::chrono::seconds(10);

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
  incarnation_->join(seeds_, {}, false, now, incarnation_output_);
  take(incarnation_output_, now, out);
}

void Membership::start_in(ViewPtr view, std::vector<std::string> seeds, Instant now, Output& out) {
  heard_ = now;
  seeds_ = std::move(seeds);
  incarnation_->start_in(std::move(view), seeds_, now, incarnation_output_);
  take(incarnation_output_, now, out);
}

void Membership::take(Incarnation::Output& from, Instant now, Output& out) {
  std::move(from.sends.begin(), from.sends.end(), std::back_inserter(out.sends));
  from.sends.clear();
  bool is_out = false;
  for (Incarnation::Event& event : from.events) {
    if (const auto* changed = std::get_if<Incarnation::ViewChanged>(&event)) {
      if (!changed->before) member_since_ = now;
    } else if (const auto* gone = std::get_if<Incarnation::Out>(&event)) {
      is_out = true;
      ended_ = gone->why == Incarnation::WhyOut::left;
    }
    std::visit([&](auto& e) { out.events.emplace_back(std::move(e)); }, event);
  }
  from.events.clear();
  if (is_out && !ended_) prepare_rejoin(now);
}

void Membership::prepare_rejoin(Instant now) {
  if (now - member_since_ >= options_.rejoin.forgiven_after) removed_count_ = 0;
  Duration wait = options_.rejoin.wait_min;
  for (std::uint32_t i = 0; i < removed_count_ && wait < options_.rejoin.wait_max; ++i) wait *= 2;
  wait = std::min(wait, options_.rejoin.wait_max);
  ++removed_count_;

  Rejoin rejoin{.contacts = {},
                .settle = {},
                .begin = now,
                .heard = now,
                .ask_at = now,
                .wait = random_.around(wait, 20)};
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
  if (deaf_until_ != Instant{} && now - deaf_until_ < kDeafness)
    rejoin.settle = options_.rejoin.settle;
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
    incarnation_ = make_incarnation();
    std::vector<std::string> contacts = std::move(rejoin.contacts);
    rejoin_.reset();
    out.events.emplace_back(Rejoining{.id = self_.id});
    incarnation_->join(seeds_, std::move(contacts), true, now, incarnation_output_);
    take(incarnation_output_, now, out);
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
  const Instant due = next_time();
  if (due >= now || now - due <= options_.edges.lateness_max) return;
  heard_ = std::min(now, heard_ + (now - due));
}

void Membership::on_message(const Peer& from, const ControlMessagePtr& message, Instant now,
                            Output& out) {
  if (rejoin_) {
    if (std::holds_alternative<ProbeAck>(message->body)) rejoin_->heard = now;
    return;
  }
  note_pause(now);
  if (now - heard_ > options_.edges.timeout_min) deaf_until_ = now;
  heard_ = now;
  incarnation_->on_message(from, message, now, incarnation_output_);
  take(incarnation_output_, now, out);
}

void Membership::on_refused(const std::string& address, Instant now, Output& out) {
  incarnation_->on_refused(address, now, incarnation_output_);
  take(incarnation_output_, now, out);
}

void Membership::on_link_lost(const std::string& address, Instant now, Output& out) {
  incarnation_->on_link_lost(address, now, incarnation_output_);
  take(incarnation_output_, now, out);
}

void Membership::on_time(Instant now, Output& out) {
  if (rejoin_) return do_rejoin(now, out);
  note_pause(now);
  incarnation_->on_time(now, incarnation_output_);
  take(incarnation_output_, now, out);
}

Instant Membership::next_time() const {
  if (ended_) return Instant::max();
  if (!rejoin_) return incarnation_->next_time();
  return std::min(rejoin_->ask_at, rejoin_->begin + std::max(rejoin_->wait, rejoin_->settle));
}

void Membership::leave(Instant now, Output& out) {
  if (rejoin_) {
    rejoin_.reset();
    ended_ = true;
    out.events.emplace_back(Incarnation::Out{.why = Incarnation::WhyOut::left});
    return;
  }
  incarnation_->leave(now, incarnation_output_);
  take(incarnation_output_, now, out);
}

core::Status Membership::put(std::string key, std::string value, Instant now, Output& out) {
  core::Status status =
      incarnation_->put(std::move(key), std::move(value), now, incarnation_output_);
  take(incarnation_output_, now, out);
  return status;
}

core::Status Membership::force(const std::vector<MemberId>& keep, Instant now, Output& out) {
  core::Status status = incarnation_->force(keep, now, incarnation_output_);
  take(incarnation_output_, now, out);
  return status;
}

}  // namespace nexus::cluster
