#include "cluster/cluster.h"

#include <atomic>
#include <deque>
#include <map>
#include <set>
#include <utility>

#include "cluster/gossip_driver.h"
#include "cluster/grpc_control_links.h"
#include "core/actor/throttler.h"
#include "core/base/mutex.h"
#include "core/base/user_code.h"
#include "remote/remote.h"

namespace nexus::cluster {
namespace {

constexpr core::Duration kLinksPatience = std::chrono::milliseconds(500);
// Of those that Remote blocks; the oldest are let go, and their ids never come back anyway.
constexpr std::size_t kBlockedMax = 512;
// Each is logged once.
constexpr std::size_t kStrangersMax = 64;

// For a log.
std::string names_of(const std::vector<MemberPtr>& members) {
  constexpr std::size_t kNamedMax = 8;
  std::string text;
  if (members.size() > kNamedMax) return std::to_string(members.size()) + " nodes";
  for (const MemberPtr& member : members) text += (text.empty() ? "" : " ") + member->address;
  return text;
}

const char* why_out(Incarnation::WhyOut why) {
  switch (why) {
    case Incarnation::WhyOut::left:
      return "it has left";
    case Incarnation::WhyOut::removed:
      return "the others did not hear it";
    case Incarnation::WhyOut::replaced:
      return "another run of the node is at its address";
    case Incarnation::WhyOut::other_cluster:
      return "there is a larger cluster of the same name";
  }
  return "";
}

}  // namespace

class Cluster::Impl {
 public:
  Impl(Options options, core::ActorSystem& system, remote::Remote& remote,
       std::shared_ptr<const remote::TlsIdentity> tls)
      : name_(options.membership.compatibility.cluster),
        process_(options.self.id),
        system_(system),
        remote_(remote),
        driver_(
            {.membership = options.membership,
             .self = options.self,
             .seeds = options.seeds,
             .traffic_of =
                 [this](const Member& member) {
                   return remote_.received_from(member.address, member.process.to_string());
                 }},
            [this](const Incarnation::Event& event) { on_event(event); },
            [this](const GossipDriver::LinkTrouble& trouble) { on_link(trouble); }),
        links_({.rings = options.membership.rings, .limits = {}}, driver_, std::move(tls)) {}

  GossipDriver& driver() { return driver_; }
  GrpcControlLinks& links() { return links_; }
  const std::string& name() const { return name_; }

  Status status() const {
    if (left_.load()) return Status::left;
    if (leaving_.load()) return Status::leaving;
    if (driver_.view() == nullptr) return Status::joining;
    return driver_.is_frozen() ? Status::frozen : Status::member;
  }

  void observe_status(std::function<void(Status)> observer) {
    core::MutexLock lock(mutex_);
    status_observer_ = std::move(observer);
  }

  bool leave(core::Duration patience) {
    leaving_ = true;
    tell_status();
    return driver_.leave(patience);
  }

  SubscriptionId subscribe(Observer observer) {
    core::MutexLock lock(mutex_);
    if (last_.view != nullptr)
      call(observer, {.view = last_.view, .before = nullptr, .cut = nullptr});
    observers_.emplace(++last_id_, std::move(observer));
    return last_id_;
  }

  void unsubscribe(SubscriptionId id) {
    core::MutexLock lock(mutex_);
    observers_.erase(id);
  }

 private:
  void on_event(const Incarnation::Event& event) {
    const core::Log& log = system_.log();
    if (const auto* changed = std::get_if<Incarnation::ViewChanged>(&event)) {
      on_view(*changed);
    } else if (const auto* out = std::get_if<Incarnation::Out>(&event)) {
      left_ = out->why == Incarnation::WhyOut::left;
      if (out->why == Incarnation::WhyOut::left) {
        log.info("left the cluster");
      } else {
        log.warn("no longer in the cluster: it joins again by itself",
                 {{"why", why_out(out->why)}});
      }
      tell({.view = nullptr, .before = last_view(), .cut = nullptr});
    } else if (const auto* refused = std::get_if<Incarnation::Refused>(&event)) {
      log.error("the cluster does not take this node in",
                {{"peer", refused->address}, {"detail", refused->why}});
    } else if (const auto* stranger = std::get_if<Incarnation::Stranger>(&event)) {
      if (strangers_.size() < kStrangersMax && strangers_.insert(stranger->address).second) {
        log.warn("there is a node of another cluster",
                 {{"peer", stranger->address}, {"detail", stranger->why}});
      }
    } else if (const auto* frozen = std::get_if<Incarnation::Frozen>(&event)) {
      if (frozen->frozen) {
        log.error(
            "too few members are heard: the cluster cannot change until they are back, or an "
            "operator forces a view");
      } else {
        log.info("enough members are heard again");
      }
    } else if (const auto* waiting = std::get_if<Incarnation::Waiting>(&event)) {
      log.warn("this node is in no cluster yet", {{"why", waiting->what}});
    } else if (const auto* rejoining = std::get_if<Incarnation::Rejoining>(&event)) {
      log.info("joining the cluster again", {{"member", rejoining->id.to_string()}});
    }
    tell_status();
  }

  void on_link(const GossipDriver::LinkTrouble& trouble) {
    const auto& [kind, address, why] = trouble;
    if (kind == GossipDriver::LinkTrouble::Kind::dropped) {
      const auto [valve, suppressed] = dropped_log_.on_event(core::SteadyClock().now());
      if (valve == core::Throttle::Valve::closed) return;
      system_.log().error("what the cluster has to say to a node was dropped",
                          {{"peer", address}, {"detail", why}, {"not_told", suppressed}});
    } else if (driver_.view() != nullptr) {
      system_.log().debug("control connection ended", {{"peer", address}, {"detail", why}});
    } else {
      system_.log().info("no way into the cluster there yet", {{"seed", address}, {"detail", why}});
    }
  }

  void on_view(const Incarnation::ViewChanged& changed) {
    const View& view = *changed.view;
    std::vector<MemberPtr> joined;
    std::vector<MemberPtr> gone;
    for (const MemberPtr& member : view.members()) {
      if (!changed.before || !changed.before->index_of(member->id)) joined.push_back(member);
    }
    // Also those who went while this node was in no view.
    if (const ViewPtr& before = changed.before ? changed.before : last_held_) {
      for (const MemberPtr& member : before->members()) {
        if (!view.index_of(member->id)) gone.push_back(member);
      }
    }
    last_held_ = changed.view;
    system_.log().info(changed.before ? "the cluster has changed" : "in the cluster",
                       {{"epoch", view.epoch()},
                        {"members", view.size()},
                        {"joined", names_of(joined)},
                        {"gone", names_of(gone)}});

    // U2. A process may be there under another id.
    std::set<MemberId> there{process_};
    for (const MemberPtr& member : view.members()) there.insert(member->process);
    for (const MemberPtr& member : joined) let_in(member->process);
    for (const MemberPtr& member : gone) {
      if (there.contains(member->process) || said_goodbye(changed, *member)) continue;
      keep_out(member->process);
    }
    // A process that has taken the place of one that is gone may have nothing to say here, and wait to be dialled.
    for (const MemberPtr& member : joined) {
      remote_.on_joined(member->address, member->process.to_string());
    }
    tell({.view = changed.view, .before = changed.before, .cut = changed.cut});
  }

  // Its links end by themselves when it has sent what it has to send.
  static bool said_goodbye(const Incarnation::ViewChanged& changed, const Member& member) {
    if (!changed.cut) return false;
    const auto index = changed.before->index_of(member.id);
    for (const Cut::Removal& removal : changed.cut->removed) {
      if (index && removal.member == *index) return removal.why == Departure::left;
    }
    return false;
  }

  void keep_out(const MemberId& process) {
    if (!blocked_.insert(process).second) return;
    blocked_in_order_.push_back(process);
    if (blocked_in_order_.size() > kBlockedMax) let_in(blocked_in_order_.front());
    const core::Status status =
        remote_.block(process.to_string(), remote::BlockList::Owner::by_cluster);
    if (!status.ok())
      system_.log().warn("a member that is gone could not be blocked",
                         {{"detail", status.error().detail}});
  }

  // A copy: what it is taken from changes.
  void let_in(MemberId process) {
    if (blocked_.erase(process) == 0) return;
    std::erase(blocked_in_order_, process);
    (void)remote_.unblock(process.to_string(), remote::BlockList::Owner::by_cluster);
  }

  ViewPtr last_view() const {
    core::MutexLock lock(mutex_);
    return last_.view;
  }

  void tell(ViewEvent event) {
    {
      core::MutexLock lock(mutex_);
      last_ = event;
      for (const auto& [id, observer] : observers_) call(observer, event);
    }
    system_.events().publish(std::move(event));
  }

  // U5.
  void call(const Observer& observer, const ViewEvent& event) const {
    if (const auto failure = core::failure_of([&] { observer(event); })) {
      system_.log().error("an observer of the cluster threw", {{"reason", *failure}});
    }
  }

  // U4. Looked at under the lock, so that of two threads the later one does not tell what was before.
  void tell_status() {
    core::MutexLock lock(mutex_);
    const Status now = status();
    if (std::exchange(told_status_, now) != now && status_observer_) status_observer_(now);
  }

  const std::string name_;
  // The id of the first incarnation, by which remote knows this process.
  const MemberId process_;
  core::ActorSystem& system_;
  remote::Remote& remote_;
  GossipDriver driver_;
  GrpcControlLinks links_;
  std::atomic<bool> leaving_ = false;
  std::atomic<bool> left_ = false;

  // The gossip thread's: the last view that this node was in, and processes that Remote blocks because they are no members.
  ViewPtr last_held_;
  std::set<MemberId> blocked_;
  std::set<std::string> strangers_;
  core::Throttle dropped_log_{{.event_count_max = 3, .window = std::chrono::seconds(10)}};
  std::deque<MemberId> blocked_in_order_;

  // Held while observers are called, which therefore call nothing here.
  mutable core::Mutex mutex_{"cluster_observers"};
  ViewEvent last_ GUARDED_BY(mutex_);
  std::map<SubscriptionId, Observer> observers_ GUARDED_BY(mutex_);
  SubscriptionId last_id_ GUARDED_BY(mutex_) = 0;
  std::function<void(Status)> status_observer_ GUARDED_BY(mutex_);
  Status told_status_ GUARDED_BY(mutex_) = Status::joining;
};

Cluster::Cluster(Options options, core::ActorSystem& system, remote::Remote& remote,
                 std::shared_ptr<const remote::TlsIdentity> tls)
    : impl_(std::make_unique<Impl>(std::move(options), system, remote, std::move(tls))) {}
Cluster::~Cluster() = default;

void Cluster::observe_status(std::function<void(Status)> observer) {
  impl_->observe_status(std::move(observer));
}
void Cluster::add_to(grpc::ServerBuilder& builder) { impl_->links().add_to(builder); }
void Cluster::start() { impl_->driver().start(impl_->links()); }
bool Cluster::leave(core::Duration patience) { return impl_->leave(patience); }
void Cluster::stop() { impl_->driver().stop(kLinksPatience); }
ViewPtr Cluster::view() const { return impl_->driver().view(); }
Cluster::Status Cluster::status() const { return impl_->status(); }
MemberId Cluster::member_id() const { return impl_->driver().id(); }
const std::string& Cluster::name() const { return impl_->name(); }
core::Status Cluster::put(std::string key, std::string value) {
  if (is_own_key(key)) {
    return core::Error{.code = core::Errc::invalid_argument,
                       .detail = "keys that begin with \"nexus.\" are the cluster's own"};
  }
  return impl_->driver().put(std::move(key), std::move(value));
}
core::Status Cluster::set_kinds(const std::vector<std::string>& kinds) {
  return impl_->driver().put(std::string(kKindsKey), encode_kinds(kinds));
}
core::Status Cluster::set_labels(const std::map<std::string, std::string>& labels) {
  return impl_->driver().put(std::string(kLabelsKey), encode_labels(labels));
}
MemberTraits Cluster::traits_of(const Member& member) const {
  return cluster::traits_of(member, state_of(member.id));
}
std::vector<StateEntry> Cluster::state_of(const MemberId& member) const {
  return impl_->driver().state_of(member);
}
std::size_t Cluster::frame_bytes_max() { return control_frame_bytes_max(ControlLimits{}); }
Cluster::Metrics Cluster::metrics() const {
  return {.links = impl_->links().counts(),
          .dropped_state_count = impl_->driver().dropped_state_count()};
}
std::vector<Cluster::Doubt> Cluster::doubts() const {
  std::vector<Doubt> doubts;
  for (const GossipDriver::Doubt& doubt : impl_->driver().doubts()) {
    doubts.push_back({.member = doubt.member, .leaves = doubt.leaves});
  }
  return doubts;
}
core::Status Cluster::force(ViewId base, const std::vector<MemberId>& keep) {
  return impl_->driver().force(base, keep);
}
core::Status Cluster::join(const std::vector<std::string>& addresses) {
  return impl_->driver().join(addresses);
}
core::Status Cluster::set_seeds(std::vector<std::string> seeds) {
  return impl_->driver().set_seeds(std::move(seeds));
}
Cluster::SubscriptionId Cluster::subscribe(Observer observer) {
  return impl_->subscribe(std::move(observer));
}
void Cluster::unsubscribe(SubscriptionId id) { impl_->unsubscribe(id); }

}  // namespace nexus::cluster
