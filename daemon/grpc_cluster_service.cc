#include "daemon/grpc_cluster_service.h"

#include <google/protobuf/util/time_util.h>
#include <grpcpp/support/server_callback.h>

#include <deque>
#include <map>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "core/base/check.h"
#include "core/base/escape.h"
#include "core/base/mutex.h"
#include "core/base/thread_name.h"
#include "daemon/grpc_error.h"
#include "daemon/grpc_member.h"
#include "nexus/v1/cluster_service.grpc.pb.h"

namespace nexus::daemon {
namespace {

namespace pb = nexus::v1;
using cluster::ViewEvent;
using cluster::ViewPtr;

pb::DepartureReason reason_of(cluster::Departure why) {
  switch (why) {
    case cluster::Departure::failed:
      return pb::DEPARTURE_REASON_FAILED;
    case cluster::Departure::left:
      return pb::DEPARTURE_REASON_LEFT;
    case cluster::Departure::replaced:
      return pb::DEPARTURE_REASON_REPLACED;
    case cluster::Departure::forced:
      return pb::DEPARTURE_REASON_FORCED;
  }
  return pb::DEPARTURE_REASON_UNSPECIFIED;
}

// Where a stream may go on after this view.
std::string token_of(const cluster::View& view) {
  return hex(view.lineage()) + "-" + hex(view.id());
}

pb::WatchClusterResponse response_for(const cluster::View& view) {
  pb::WatchClusterResponse response;
  response.set_resume_token(token_of(view));
  *response.mutable_time() = google::protobuf::util::TimeUtil::GetCurrentTime();
  return response;
}

pb::NodeStatus node_status_of(cluster::Cluster::Status status) {
  switch (status) {
    case cluster::Cluster::Status::joining:
      return pb::NODE_STATUS_JOINING;
    case cluster::Cluster::Status::member:
      return pb::NODE_STATUS_MEMBER;
    case cluster::Cluster::Status::frozen:
      return pb::NODE_STATUS_FROZEN;
    case cluster::Cluster::Status::leaving:
      return pb::NODE_STATUS_LEAVING;
    case cluster::Cluster::Status::left:
      return pb::NODE_STATUS_LEFT;
  }
  return pb::NODE_STATUS_UNSPECIFIED;
}

core::Error not_in_cluster(cluster::Cluster::Status status) {
  if (status == cluster::Cluster::Status::left) {
    return {core::Errc::unavailable,
            "this node has left the cluster and is stopping; ask another one", "DRAINING"};
  }
  return {core::Errc::failed_precondition,
          "this node is in no cluster yet; it asks the nodes of cluster.seeds, and its log says "
          "how that goes",
          "NOT_IN_CLUSTER"};
}

// A stream that shows the changes. Owned by itself until gRPC has done with it.
class Watch final : public grpc::ServerWriteReactor<pb::WatchClusterResponse>,
                    public std::enable_shared_from_this<Watch> {
 public:
  explicit Watch(std::function<void(Watch*)> gone) : gone_(std::move(gone)) {}
  void keep(std::shared_ptr<Watch> self) { self_ = std::move(self); }

  // False when the client does not keep up.
  bool push(pb::WatchClusterResponse response, std::size_t waiting_max) {
    core::MutexLock lock(mutex_);
    if (ended_) return true;
    if (waiting_.size() >= waiting_max) return false;
    waiting_.push_back(std::move(response));
    if (waiting_.size() == 1) StartWrite(&waiting_.front());
    return true;
  }

  void end(const grpc::Status& status) {
    core::MutexLock lock(mutex_);
    if (std::exchange(ended_, true)) return;
    Finish(status);
  }

  void OnWriteDone(bool ok) override {
    {
      core::MutexLock lock(mutex_);
      if (ended_) return;
      if (ok) {
        waiting_.pop_front();
        if (!waiting_.empty()) StartWrite(&waiting_.front());
        return;
      }
    }
    end(grpc::Status::CANCELLED);
  }
  void OnCancel() override { end(grpc::Status::CANCELLED); }
  void OnDone() override {
    gone_(this);
    const std::shared_ptr<Watch> self = std::move(self_);
  }

 private:
  const std::function<void(Watch*)> gone_;
  std::shared_ptr<Watch> self_;

  // Held while gRPC starts an operation.
  core::Mutex mutex_{"cluster_watch"};
  // Its first one is being written.
  std::deque<pb::WatchClusterResponse> waiting_ GUARDED_BY(mutex_);
  bool ended_ GUARDED_BY(mutex_) = false;
};

}  // namespace

class GrpcClusterService::Impl final : public pb::ClusterService::CallbackService {
 public:
  Impl(Options options, cluster::Cluster& cluster, std::string address)
      : options_(options), cluster_(cluster), address_(std::move(address)) {}

  ~Impl() override { CHECK(!thread_.joinable()); }

  void start() {
    thread_ = std::thread([this] { run(); });
    subscription_ = cluster_.subscribe([this](const ViewEvent& event) { post(event); });
  }

  void end() {
    cluster_.unsubscribe(subscription_);
    {
      core::MutexLock lock(inbox_mutex_);
      stopping_ = true;
      posted_.notify_all();
    }
    if (thread_.joinable()) thread_.join();
    std::vector<std::shared_ptr<Watch>> watches;
    {
      core::MutexLock lock(mutex_);
      ended_ = true;
      for (Watch* const watch : watches_) watches.push_back(watch->shared_from_this());
    }
    for (const auto& watch : watches) watch->end(draining());
  }

  grpc::ServerUnaryReactor* GetCluster(grpc::CallbackServerContext* context,
                                       const pb::GetClusterRequest*,
                                       pb::GetClusterResponse* response) override {
    response->set_name(cluster_.name());
    response->set_member_id(cluster_.member_id().to_string());
    response->set_address(address_);
    const ViewPtr view = cluster_.view();
    response->set_status(node_status_of(cluster_.status()));
    if (view != nullptr) fill(*view, response->mutable_view());
    return finish(context, grpc::Status::OK);
  }

  grpc::ServerUnaryReactor* ListMembers(grpc::CallbackServerContext* context,
                                        const pb::ListMembersRequest*,
                                        pb::ListMembersResponse* response) override {
    const ViewPtr view = cluster_.view();
    if (view == nullptr) return finish(context, to_grpc_status(not_in_cluster(cluster_.status())));
    fill(*view, response->mutable_view());
    const std::map<cluster::MemberId, bool> doubts = this->doubts();
    for (const cluster::MemberIndex i : by_address(*view))
      describe(*view, i, doubts, response->add_members());
    return finish(context, grpc::Status::OK);
  }

  grpc::ServerUnaryReactor* GetMember(grpc::CallbackServerContext* context,
                                      const pb::GetMemberRequest* request,
                                      pb::GetMemberResponse* response) override {
    const ViewPtr view = cluster_.view();
    if (view == nullptr) return finish(context, to_grpc_status(not_in_cluster(cluster_.status())));
    const auto index = find_member(*view, request->member());
    if (!index) {
      return finish(context,
                    to_grpc_status({core::Errc::not_found,
                                    "the cluster has no member " + core::quoted(request->member()) +
                                        "; `nexusctl members` lists them",
                                    "MEMBER_NOT_FOUND"}));
    }
    describe(*view, *index, doubts(), response->mutable_member());
    for (const cluster::StateEntry& entry : cluster_.state_of(view->member(*index).id)) {
      if (cluster::is_own_key(entry.key)) continue;
      (*response->mutable_member()->mutable_state())[entry.key] = entry.value;
    }
    return finish(context, grpc::Status::OK);
  }

  grpc::ServerWriteReactor<pb::WatchClusterResponse>* WatchCluster(
      grpc::CallbackServerContext*, const pb::WatchClusterRequest* request) override {
    auto watch = std::make_shared<Watch>([this](Watch* gone) {
      core::MutexLock lock(mutex_);
      watches_.erase(gone);
    });
    watch->keep(watch);
    // While it is held no change comes in between.
    core::MutexLock lock(mutex_);
    if (ended_) {
      watch->end(draining());
    } else if (watches_.size() >= options_.streams_max) {
      watch->end(to_grpc_status(
          {core::Errc::resource_exhausted,
           "too many clients watch the cluster through this node; ask another one"}));
    } else {
      watches_.insert(watch.get());
      begin(*watch, request->resume_token());
    }
    return watch.get();
  }

 private:
  // A change, and the token of the view that it comes after.
  struct Change {
    std::string after;
    pb::WatchClusterResponse response;
  };

  static grpc::ServerUnaryReactor* finish(grpc::CallbackServerContext* context,
                                          const grpc::Status& status) {
    grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
    reactor->Finish(status);
    return reactor;
  }

  static grpc::Status draining() {
    return to_grpc_status(
        {core::Errc::unavailable, "this node is stopping; ask another one", "DRAINING"});
  }

  std::map<cluster::MemberId, bool> doubts() const {
    std::map<cluster::MemberId, bool> doubts;
    for (const cluster::Cluster::Doubt& doubt : cluster_.doubts())
      doubts[doubt.member] = doubt.leaves;
    return doubts;
  }

  void describe(const cluster::View& view, cluster::MemberIndex index,
                const std::map<cluster::MemberId, bool>& doubts, pb::Member* out) const {
    fill(view.member(index), out);
    fill(cluster_.traits_of(view.member(index)), out);
    out->set_since_epoch(view.since(index));
    out->set_self(view.member(index).address == address_);
    const auto doubt = doubts.find(view.member(index).id);
    out->set_status(doubt == doubts.end() ? pb::MEMBER_STATUS_UP
                    : doubt->second       ? pb::MEMBER_STATUS_LEAVING
                                          : pb::MEMBER_STATUS_SUSPECT);
  }

  pb::WatchClusterResponse snapshot(const cluster::View& view) const {
    pb::WatchClusterResponse response = response_for(view);
    fill(view, response.mutable_snapshot()->mutable_view());
    for (const cluster::MemberIndex i : by_address(view))
      describe(view, i, {}, response.mutable_snapshot()->add_members());
    return response;
  }

  pb::WatchClusterResponse change(const ViewEvent& event) const {
    pb::WatchClusterResponse response = response_for(*event.view);
    pb::ClusterChange* const change = response.mutable_change();
    fill(*event.view, change->mutable_view());
    for (cluster::MemberIndex i = 0; i < event.view->size(); ++i) {
      if (event.before->index_of(event.view->member(i).id)) continue;
      describe(*event.view, i, {}, change->add_joined());
    }
    for (cluster::MemberIndex i = 0; i < event.before->size(); ++i) {
      if (event.view->index_of(event.before->member(i).id)) continue;
      pb::Departure* const departure = change->add_departed();
      fill(event.before->member(i), departure->mutable_member());
      if (!event.cut) continue;
      for (const cluster::Cut::Removal& removal : event.cut->removed) {
        if (removal.member == i) departure->set_reason(reason_of(removal.why));
      }
    }
    return response;
  }

  // The gossip thread, and whoever calls start().
  void post(const ViewEvent& event) {
    core::MutexLock lock(inbox_mutex_);
    if (inbox_.size() >= options_.changes_max) {
      inbox_.clear();
      inbox_.push_back({.view = event.view, .before = nullptr, .cut = nullptr});
    } else {
      inbox_.push_back(event);
    }
    posted_.notify_all();
  }

  void run() {
    core::set_thread_name("nx-watch");
    for (;;) {
      std::deque<ViewEvent> events;
      {
        core::MutexLock lock(inbox_mutex_);
        while (inbox_.empty() && !stopping_) posted_.wait(inbox_mutex_);
        if (stopping_) return;
        events.swap(inbox_);
      }
      for (const ViewEvent& event : events) on_view(event);
    }
  }

  void on_view(const ViewEvent& event) {
    core::MutexLock lock(mutex_);
    view_ = event.view;
    // The stream goes on with a snapshot when the node is in a cluster again.
    if (event.view == nullptr) return history_.clear();
    pb::WatchClusterResponse response =
        event.before == nullptr ? snapshot(*event.view) : change(event);
    if (event.before == nullptr) {
      history_.clear();
    } else {
      history_.push_back({.after = token_of(*event.before), .response = response});
      if (history_.size() > options_.history_max) history_.pop_front();
    }
    for (Watch* const watch : watches_) push(*watch, response);
  }

  void begin(Watch& watch, const std::string& token) REQUIRES(mutex_) {
    if (view_ == nullptr) return;
    if (token == token_of(*view_)) return;
    auto next = history_.begin();
    while (next != history_.end() && next->after != token) ++next;
    if (next == history_.end()) return push(watch, snapshot(*view_));
    for (; next != history_.end(); ++next) push(watch, next->response);
  }

  void push(Watch& watch, pb::WatchClusterResponse response) const {
    if (watch.push(std::move(response), options_.waiting_max)) return;
    watch.end(to_grpc_status(
        {core::Errc::resource_exhausted,
         "the client does not keep up with the changes; go on with the last resume token"}));
  }

  const Options options_;
  cluster::Cluster& cluster_;
  const std::string address_;
  cluster::Cluster::SubscriptionId subscription_ = 0;

  core::Mutex inbox_mutex_{"cluster_service_inbox"};
  core::CondVar posted_;
  std::deque<ViewEvent> inbox_ GUARDED_BY(inbox_mutex_);
  bool stopping_ GUARDED_BY(inbox_mutex_) = false;
  std::thread thread_;

  // Taken before a Watch's.
  core::Mutex mutex_{"cluster_service"};
  ViewPtr view_ GUARDED_BY(mutex_);
  std::deque<Change> history_ GUARDED_BY(mutex_);
  std::set<Watch*> watches_ GUARDED_BY(mutex_);
  bool ended_ GUARDED_BY(mutex_) = false;
};

GrpcClusterService::GrpcClusterService(Options options, cluster::Cluster& cluster,
                                       std::string address)
    : impl_(std::make_unique<Impl>(options, cluster, std::move(address))) {}
GrpcClusterService::~GrpcClusterService() = default;

grpc::Service& GrpcClusterService::service() { return *impl_; }
void GrpcClusterService::start() { impl_->start(); }
void GrpcClusterService::end() { impl_->end(); }

}  // namespace nexus::daemon
