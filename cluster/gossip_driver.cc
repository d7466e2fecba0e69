#include "cluster/gossip_driver.h"

#include <algorithm>
#include <utility>

#include "core/base/check.h"
#include "core/base/thread_name.h"

namespace nexus::cluster {
namespace {

constexpr core::Duration kPruneEvery = std::chrono::seconds(5);
constexpr core::Duration kPruneAfterTrouble = std::chrono::milliseconds(100);
// When the thread is awake anyway, which it is for each probe.
constexpr core::Duration kLookForTrafficEvery = std::chrono::milliseconds(100);

std::uint64_t seed_of(const MemberId& id) { return id.high() ^ id.low(); }

}  // namespace

GossipDriver::GossipDriver(Options options, Observer observer, LinkObserver link_observer)
    : options_(std::move(options)),
      observer_(std::move(observer)),
      link_observer_(std::move(link_observer)),
      membership_(
          options_.membership, options_.self, maker_, [] { return MemberId::random(); },
          seed_of(options_.self.id)),
      id_(options_.self.id) {}

GossipDriver::~GossipDriver() { CHECK(!thread_.joinable()); }

void GossipDriver::start(ControlLinks& links) {
  links_ = &links;
  thread_ = std::thread([this] { run(); });
}

bool GossipDriver::leave(core::Duration patience) {
  const core::Instant deadline = core::deadline_after(core::SteadyClock().now(), patience);
  post(Call([this](core::Instant now) { membership_.leave(now, output_); }));
  core::MutexLock lock(mutex_);
  while (!left_ && core::SteadyClock().now() < deadline) changed_.wait_until(mutex_, deadline);
  return left_;
}

void GossipDriver::stop(core::Duration patience) {
  {
    core::MutexLock lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
  if (links_ != nullptr) links_->close(patience);
}

ViewPtr GossipDriver::view() const {
  core::MutexLock lock(mutex_);
  return view_;
}

MemberId GossipDriver::id() const {
  core::MutexLock lock(mutex_);
  return id_;
}

bool GossipDriver::is_frozen() const {
  core::MutexLock lock(mutex_);
  return frozen_;
}

bool GossipDriver::post(Event event) {
  core::MutexLock lock(mutex_);
  if (stopping_) return false;
  inbox_.push_back(std::move(event));
  changed_.notify_all();
  return true;
}

core::Status GossipDriver::call(Call what) {
  if (std::this_thread::get_id() == runner_.load()) {
    return core::Error{core::Errc::failed_precondition,
                       "an observer of the cluster runs on the thread that would have to do this; "
                       "ask from another one"};
  }
  bool done = false;
  if (!post(Call([&](core::Instant now) {
        what(now);
        // Who called sees what came of it.
        carry_out();
        core::MutexLock lock(mutex_);
        done = true;
        changed_.notify_all();
      }))) {
    return core::Error{core::Errc::unavailable, "this node is stopping"};
  }
  core::MutexLock lock(mutex_);
  // What is posted before the end is handled: run().
  while (!done) changed_.wait(mutex_);
  return core::Nothing{};
}

core::Status GossipDriver::put(std::string key, std::string value) {
  core::Status status = core::Nothing{};
  const core::Status called = call([&](core::Instant now) {
    status = membership_.put(std::move(key), std::move(value), now, output_);
  });
  return called.ok() ? status : called;
}

core::Status GossipDriver::force(ViewId base, const std::vector<MemberId>& keep) {
  core::Status status = core::Nothing{};
  const core::Status called =
      call([&](core::Instant now) { status = membership_.force(base, keep, now, output_); });
  return called.ok() ? status : called;
}

core::Status GossipDriver::join(const std::vector<std::string>& addresses) {
  return call([&](core::Instant now) { membership_.join(addresses, now); });
}

core::Status GossipDriver::set_seeds(std::vector<std::string> seeds) {
  return call([&](core::Instant) { membership_.set_seeds(std::move(seeds)); });
}

std::vector<StateEntry> GossipDriver::state_of(const MemberId& member) const {
  std::shared_ptr<const std::vector<StateEntry>> state;
  {
    core::MutexLock lock(mutex_);
    const auto found = states_.find(member);
    if (found == states_.end()) return {};
    state = found->second;
  }
  return *state;
}

std::vector<GossipDriver::Doubt> GossipDriver::doubts() const {
  core::MutexLock lock(mutex_);
  return doubts_;
}

void GossipDriver::on_message(Peer from, ControlMessagePtr message, std::function<void()> taken) {
  post(Received{.from = std::move(from), .message = std::move(message), .taken = std::move(taken)});
}

void GossipDriver::on_refused(const std::string& address) {
  post(LinkTrouble{LinkTrouble::Kind::refused, address, "connection refused"});
}

void GossipDriver::on_lost(const std::string& address, const std::string& why) {
  post(LinkTrouble{LinkTrouble::Kind::lost, address, why});
}

void GossipDriver::on_dropped(const std::string& address, const std::string& why) {
  post(LinkTrouble{LinkTrouble::Kind::dropped, address, why});
}

void GossipDriver::run() {
  runner_ = std::this_thread::get_id();
  core::set_thread_name("nx-gossip");
  core::Instant now = core::SteadyClock().now();
  links_->set_self({.id = options_.self.id, .address = options_.self.address});
  membership_.start(options_.seeds, now, output_);
  carry_out();
  for (;;) {
    std::deque<Event> events;
    {
      core::MutexLock lock(mutex_);
      while (inbox_.empty() && !stopping_) {
        const core::Instant next = std::min(membership_.next_time(), prune_at_);
        if (core::SteadyClock().now() >= next) break;
        changed_.wait_until(mutex_, next);
      }
      if (inbox_.empty() && stopping_) return;
      events = std::exchange(inbox_, {});
    }
    for (Event& event : events) {
      now = core::SteadyClock().now();
      handle(event, now);
      carry_out();
    }
    now = core::SteadyClock().now();
    look_for_traffic(now);
    if (now >= membership_.next_time()) {
      membership_.on_time(now, output_);
      carry_out();
    }
    if (now >= prune_at_) {
      links_->prune(now);
      prune_at_ = now + kPruneEvery;
    }
  }
}

void GossipDriver::look_for_traffic(core::Instant now) {
  if (!options_.traffic_of || now < traffic_at_) return;
  traffic_at_ = now + kLookForTrafficEvery;
  const Incarnation& incarnation = membership_.incarnation();
  std::map<MemberId, std::uint64_t> traffic;
  for (const MemberIndex subject : incarnation.subjects()) {
    const Member& member = incarnation.view()->member(subject);
    const MemberId& process = member.process;
    const std::uint64_t count = options_.traffic_of(member);
    traffic.emplace(process, count);
    const auto before = traffic_.find(process);
    if (before != traffic_.end() && count > before->second) membership_.on_traffic(subject, now);
  }
  traffic_ = std::move(traffic);
}

void GossipDriver::handle(Event& event, core::Instant now) {
  if (auto* const received = std::get_if<Received>(&event)) {
    membership_.on_message(received->from, received->message, now, output_);
    received->taken();
  } else if (auto* const trouble = std::get_if<LinkTrouble>(&event)) {
    link_observer_(*trouble);
    // The connection ends in this moment; left alone it would be made again.
    prune_at_ = std::min(prune_at_, now + kPruneAfterTrouble);
    if (trouble->kind == LinkTrouble::Kind::refused) {
      membership_.on_refused(trouble->address, now, output_);
    } else if (trouble->kind == LinkTrouble::Kind::lost) {
      membership_.on_link_lost(trouble->address, now);
    }
  } else {
    std::get<Call>(event)(now);
  }
}

void GossipDriver::carry_out() {
  std::set<MemberId> owners;
  bool view_changed = false;
  const std::vector<Incarnation::Event> events = std::exchange(output_.events, {});
  for (const Incarnation::Event& event : events) {
    if (const auto* state = std::get_if<Incarnation::StateChanged>(&event)) {
      owners.insert(state->entry.owner);
    } else if (std::holds_alternative<Incarnation::ViewChanged>(event) ||
               std::holds_alternative<Incarnation::Out>(event)) {
      view_changed = true;
    }
  }
  publish(owners, view_changed);
  for (const Incarnation::Event& event : events) {
    {
      core::MutexLock lock(mutex_);
      if (const auto* changed = std::get_if<Incarnation::ViewChanged>(&event)) {
        view_ = changed->view;
      } else if (const auto* out = std::get_if<Incarnation::Out>(&event)) {
        view_ = nullptr;
        frozen_ = false;
        left_ = out->why == Incarnation::WhyOut::left;
      } else if (const auto* frozen = std::get_if<Incarnation::Frozen>(&event)) {
        frozen_ = frozen->frozen;
      } else if (const auto* rejoining = std::get_if<Incarnation::Rejoining>(&event)) {
        id_ = rejoining->id;
      }
      changed_.notify_all();
    }
    if (const auto* rejoining = std::get_if<Incarnation::Rejoining>(&event)) {
      links_->set_self({.id = rejoining->id, .address = options_.self.address});
    } else if (const auto* changed = std::get_if<Incarnation::ViewChanged>(&event)) {
      links_->set_view(changed->view);
    } else if (std::holds_alternative<Incarnation::Out>(event)) {
      links_->set_view(nullptr);
    }
    observer_(event);
  }
  for (const Send& send : std::exchange(output_.sends, {}))
    links_->send(send.address, send.message);
}

void GossipDriver::publish(const std::set<MemberId>& owners, bool view_changed) {
  dropped_state_count_ = membership_.dropped_state_count();
  const Incarnation& incarnation = membership_.incarnation();
  const ViewPtr view = membership_.is_out() ? nullptr : incarnation.view();
  if (view_changed || !owners.empty()) {
    core::MutexLock lock(mutex_);
    if (view_changed) {
      std::erase_if(states_, [&](const auto& state) {
        return view == nullptr || !view->index_of(state.first);
      });
    }
    for (const MemberId& owner : owners) {
      if (view == nullptr || !view->index_of(owner)) continue;
      states_[owner] =
          std::make_shared<const std::vector<StateEntry>>(incarnation.state().of(owner));
    }
  }
  if (!view_changed && incarnation.doubt_change_count() == doubts_change_count_) return;
  doubts_change_count_ = incarnation.doubt_change_count();
  std::vector<Doubt> doubts;
  if (view != nullptr) {
    for (const MemberIndex i : incarnation.doubtful())
      doubts.push_back({.member = view->member(i).id, .leaves = incarnation.leaves(i)});
  }
  core::MutexLock lock(mutex_);
  doubts_ = std::move(doubts);
}

}  // namespace nexus::cluster
