#include "daemon/grpc_admin_service.h"

#include <grpcpp/support/server_callback.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "core/base/escape.h"
#include "core/base/mutex.h"
#include "daemon/config/host_port.h"
#include "daemon/grpc_error.h"
#include "daemon/grpc_member.h"
#include "nexus/admin/v1/admin_service.grpc.pb.h"

namespace nexus::daemon {
namespace {

namespace pb = nexus::admin::v1;
using cluster::MemberId;
using cluster::MemberIndex;
using cluster::ViewEvent;
using cluster::ViewPtr;

constexpr int kAddressesMax = 32;

core::Error invalid(std::string detail) {
  return {core::Errc::invalid_argument, std::move(detail)};
}

core::Error draining() { return {core::Errc::unavailable, "this node is stopping", "DRAINING"}; }

// A call that waits for something to happen. Owned by itself until gRPC has done with it.
class Waiting final : public grpc::ServerUnaryReactor {
 public:
  static Waiting* make(std::function<void(Waiting*)> gone) {
    auto call = std::make_shared<Waiting>(std::move(gone));
    call->self_ = call;
    return call.get();
  }
  explicit Waiting(std::function<void(Waiting*)> gone) : gone_(std::move(gone)) {}

  void end(const grpc::Status& status) {
    if (!ended_.exchange(true)) Finish(status);
  }
  void OnCancel() override { end(grpc::Status::CANCELLED); }
  void OnDone() override {
    gone_(this);
    const std::shared_ptr<Waiting> self = std::move(self_);
  }

 private:
  const std::function<void(Waiting*)> gone_;
  std::shared_ptr<Waiting> self_;
  std::atomic<bool> ended_ = false;
};

}  // namespace

class GrpcAdminService::Impl final : public pb::AdminService::CallbackService {
 public:
  Impl(cluster::Cluster& cluster, std::string address, core::Log log, std::function<void()> leave)
      : cluster_(cluster),
        address_(std::move(address)),
        log_(std::move(log)),
        leave_(std::move(leave)) {}

  void start() {
    subscription_ = cluster_.subscribe([this](const ViewEvent& event) { on_view(event.view); });
  }

  void left(bool agreed) {
    core::MutexLock lock(mutex_);
    ended_ = true;
    for (const auto& [call, response] : leaves_) {
      response->set_agreed(agreed);
      call->end(grpc::Status::OK);
    }
    leaves_.clear();
    end_joins();
  }

  void end() {
    cluster_.unsubscribe(subscription_);
    core::MutexLock lock(mutex_);
    ended_ = true;
    for (const auto& [call, response] : leaves_) call->end(to_grpc_status(draining()));
    leaves_.clear();
    end_joins();
  }

  grpc::ServerUnaryReactor* JoinCluster(grpc::CallbackServerContext* context,
                                        const pb::JoinClusterRequest* request,
                                        pb::JoinClusterResponse* response) override {
    const core::Result<std::vector<std::string>> addresses = addresses_of(*request);
    if (!addresses.ok()) return finish(context, to_grpc_status(addresses.error()));
    log_.info("told to join a cluster", {{"at", addresses->front()}, {"count", addresses->size()}});
    Waiting* const call = Waiting::make([this](Waiting* gone) { forget(gone); });
    {
      core::MutexLock lock(mutex_);
      if (ended_) {
        call->end(to_grpc_status(draining()));
        return call;
      }
      joins_[call] = {.addresses = *addresses, .response = response};
    }
    // It is refused to a node that is stopping, and end() ends the call.
    (void)cluster_.join(*addresses);
    if (const ViewPtr view = cluster_.view()) on_view(view);
    return call;
  }

  grpc::ServerUnaryReactor* LeaveCluster(grpc::CallbackServerContext* context,
                                         const pb::LeaveClusterRequest*,
                                         pb::LeaveClusterResponse* response) override {
    if (!leave_) {
      return finish(context, to_grpc_status({core::Errc::failed_precondition,
                                             "the program that this node is part of does not end "
                                             "at an operator's word; end the program"}));
    }
    log_.info("told to leave the cluster and to end");
    Waiting* const call = Waiting::make([this](Waiting* gone) { forget(gone); });
    {
      core::MutexLock lock(mutex_);
      if (ended_) {
        call->end(to_grpc_status(draining()));
        return call;
      }
      leaves_[call] = response;
    }
    leave_();
    return call;
  }

  grpc::ServerUnaryReactor* ForceView(grpc::CallbackServerContext* context,
                                      const pb::ForceViewRequest* request,
                                      pb::ForceViewResponse* response) override {
    return finish(context, force(*request, *response));
  }

 private:
  struct Join {
    std::vector<std::string> addresses;
    pb::JoinClusterResponse* response;
  };

  static grpc::ServerUnaryReactor* finish(grpc::CallbackServerContext* context,
                                          const grpc::Status& status) {
    grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
    reactor->Finish(status);
    return reactor;
  }

  core::Result<std::vector<std::string>> addresses_of(const pb::JoinClusterRequest& request) const {
    std::vector<std::string> addresses;
    if (request.addresses_size() == 0) return invalid("an address is missing");
    if (request.addresses_size() > kAddressesMax) {
      return invalid("more than " + std::to_string(kAddressesMax) +
                     " addresses; one that is in the cluster is enough");
    }
    for (const std::string& text : request.addresses()) {
      const core::Result<HostPort> address = parse_host_port(text);
      if (!address.ok()) return address.error();
      if (address->port == 0) return invalid(core::quoted(text) + " has no port");
      if (address->to_string() == address_) {
        return invalid(core::quoted(text) +
                       " is this node itself; name one of the cluster that it shall join");
      }
      addresses.push_back(address->to_string());
    }
    return addresses;
  }

  grpc::Status force(const pb::ForceViewRequest& request, pb::ForceViewResponse& response) {
    const ViewPtr view = cluster_.view();
    if (view == nullptr) {
      return to_grpc_status({core::Errc::failed_precondition,
                             "this node is in no cluster; ask a member that is frozen",
                             "NOT_IN_CLUSTER"});
    }
    if (request.epoch() != 0 && request.epoch() != view->epoch()) {
      return to_grpc_status({core::Errc::aborted,
                             "the cluster has changed meanwhile: it is at epoch " +
                                 std::to_string(view->epoch()) + " now; look at it again",
                             "VIEW_CHANGED"});
    }
    const core::Result<std::set<MemberId>> chosen = kept(request, *view);
    if (!chosen.ok()) return to_grpc_status(chosen.error());
    std::vector<MemberId> keep;
    for (const MemberIndex i : by_address(*view)) {
      const bool stays = chosen->contains(view->member(i).id);
      if (stays) keep.push_back(view->member(i).id);
      fill(view->member(i), stays ? response.add_kept() : response.add_removed());
    }
    if (response.removed_size() == 0)
      return to_grpc_status(invalid("nobody would be removed; the cluster stays as it is"));
    if (!request.dry_run()) {
      log_.warn("told to force a view", {{"epoch", view->epoch()},
                                         {"kept", response.kept_size()},
                                         {"removed", response.removed_size()}});
      if (const core::Status forced = cluster_.force(view->id(), keep); !forced.ok())
        return to_grpc_status(forced.error());
    }
    const cluster::ViewPtr now = request.dry_run() ? view : cluster_.view();
    if (now == nullptr) {
      return to_grpc_status(
          {core::Errc::aborted,
           "the view was forced, and then this node gave way to a larger cluster; "
           "`nexusctl members` shows what became of it",
           "VIEW_CHANGED"});
    }
    fill(*now, response.mutable_view());
    return grpc::Status::OK;
  }

  core::Result<std::set<MemberId>> kept(const pb::ForceViewRequest& request,
                                        const cluster::View& view) {
    if (request.keep().empty() != request.drop_suspects())
      return invalid("either those who stay are named, or the suspects dropped");
    std::set<MemberId> keep{cluster_.member_id()};
    if (request.drop_suspects()) {
      for (MemberIndex i = 0; i < view.size(); ++i) keep.insert(view.member(i).id);
      for (const cluster::Cluster::Doubt& doubt : cluster_.doubts()) {
        if (!doubt.leaves && doubt.member != cluster_.member_id()) keep.erase(doubt.member);
      }
    }
    for (const std::string& name : request.keep()) {
      const auto index = find_member(view, name);
      if (!index) {
        return core::Error{
            core::Errc::not_found,
            "the cluster has no member " + core::quoted(name) + "; `nexusctl members` lists them",
            "MEMBER_NOT_FOUND"};
      }
      keep.insert(view.member(*index).id);
    }
    return keep;
  }

  // The gossip thread, and those of calls.
  void on_view(const ViewPtr& view) {
    if (view == nullptr) return;
    core::MutexLock lock(mutex_);
    for (auto join = joins_.begin(); join != joins_.end();) {
      const auto& addresses = join->second.addresses;
      const bool together = std::any_of(
          addresses.begin(), addresses.end(),
          [&](const std::string& address) { return view->index_at(address).has_value(); });
      if (!together) {
        ++join;
        continue;
      }
      fill(*view, join->second.response->mutable_view());
      join->first->end(grpc::Status::OK);
      join = joins_.erase(join);
    }
  }

  void end_joins() REQUIRES(mutex_) {
    for (const auto& [call, join] : joins_) call->end(to_grpc_status(draining()));
    joins_.clear();
  }

  void forget(Waiting* call) {
    core::MutexLock lock(mutex_);
    joins_.erase(call);
    leaves_.erase(call);
  }

  cluster::Cluster& cluster_;
  const std::string address_;
  const core::Log log_;
  const std::function<void()> leave_;
  cluster::Cluster::SubscriptionId subscription_ = 0;

  core::Mutex mutex_{"admin_service"};
  // A response is written to under the lock, while its call waits.
  std::map<Waiting*, Join> joins_ GUARDED_BY(mutex_);
  std::map<Waiting*, pb::LeaveClusterResponse*> leaves_ GUARDED_BY(mutex_);
  bool ended_ GUARDED_BY(mutex_) = false;
};

GrpcAdminService::GrpcAdminService(cluster::Cluster& cluster, std::string address, core::Log log,
                                   std::function<void()> leave)
    : impl_(std::make_unique<Impl>(cluster, std::move(address), std::move(log), std::move(leave))) {
}
GrpcAdminService::~GrpcAdminService() = default;

grpc::Service& GrpcAdminService::service() { return *impl_; }
void GrpcAdminService::start() { impl_->start(); }
void GrpcAdminService::left(bool agreed) { impl_->left(agreed); }
void GrpcAdminService::end() { impl_->end(); }

}  // namespace nexus::daemon
