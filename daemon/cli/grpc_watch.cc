#include "daemon/cli/grpc_watch.h"

#include <grpcpp/grpcpp.h>

#include <deque>
#include <functional>
#include <optional>
#include <utility>

#include "core/base/clock.h"
#include "core/base/mutex.h"
#include "daemon/cli/grpc_error.h"
#include "daemon/cli/grpc_member.h"
#include "nexus/v1/actor_service.grpc.pb.h"
#include "nexus/v1/cluster_service.grpc.pb.h"

namespace nexus::cli {
namespace {

using v1::WatchActorResponse;
using v1::WatchClusterResponse;

// What a stream reports; `index` is its place among the streams.
template <typename Response>
struct Report {
  std::size_t index = 0;
  // Set: an event of the stream. Not set: the stream has ended with `status`.
  std::optional<Response> response{};
  grpc::Status status{};
};

// From the threads of gRPC to the one that prints.
template <typename Response>
class Reports {
 public:
  // Any thread.
  void push(Report<Response> report) {
    core::MutexLock lock(mutex_);
    queue_.push_back(std::move(report));
    filled_.notify_one();
  }

  // The printing thread. Empty once `deadline` has passed; without a deadline it waits for ever.
  std::optional<Report<Response>> pop(std::optional<core::Instant> deadline) {
    core::MutexLock lock(mutex_);
    while (queue_.empty()) {
      if (!deadline) {
        filled_.wait(mutex_);
      } else if (core::SteadyClock().now() >= *deadline) {
        return std::nullopt;
      } else {
        filled_.wait_until(mutex_, *deadline);
      }
    }
    Report<Response> report = std::move(queue_.front());
    queue_.pop_front();
    return report;
  }

 private:
  core::Mutex mutex_{"nexusctl_watch"};
  // At most one event and one end for each stream.
  std::deque<Report<Response>> queue_ GUARDED_BY(mutex_);
  core::CondVar filled_;
};

// One stream. Lives until its end has been taken out of the reports. Who takes an event calls
// read_next(): a node that tells much waits for a reader that is slow.
template <typename Response>
class Stream final : public grpc::ClientReadReactor<Response> {
 public:
  // Makes the call, with this reactor, in a context that lives as long.
  using Open = std::function<void(grpc::ClientContext*, Stream*)>;

  Stream(const Open& open, std::size_t index, Reports<Response>& reports)
      : index_(index), reports_(reports) {
    context_.set_wait_for_ready(false);
    open(&context_, this);
    // For read_next(), which gRPC does not know of.
    this->AddHold();
    this->StartRead(&response_);
    this->StartCall();
  }

  void cancel() { context_.TryCancel(); }
  void read_next() { this->StartRead(&response_); }

  void OnReadDone(bool ok) override {
    if (!ok) return this->RemoveHold();
    reports_.push({.index = index_, .response = response_, .status = {}});
  }

  void OnDone(const grpc::Status& status) override {
    reports_.push({.index = index_, .response = std::nullopt, .status = status});
  }

 private:
  const std::size_t index_;
  Reports<Response>& reports_;
  grpc::ClientContext context_;
  Response response_;
};

struct Watch {
  enum class State : std::uint8_t { starting, set, timed_out, terminated };
  v1::WatchActorRequest request;
  State state = State::starting;
  std::unique_ptr<Stream<WatchActorResponse>> stream{};
};

std::string reason_name(WatchActorResponse::Reason reason) {
  switch (reason) {
    case WatchActorResponse::REASON_STOPPED:
      return "stopped";
    case WatchActorResponse::REASON_ADDRESS_TERMINATED:
      return "address_terminated";
    case WatchActorResponse::REASON_NOT_FOUND:
      return "not_found";
    default:
      return "unknown";
  }
}

std::optional<WatchEvent> on_response(Watch& watch, const WatchActorResponse& response) {
  switch (response.event_case()) {
    case WatchActorResponse::kWatching:
      watch.state = Watch::State::set;
      return WatchEvent{.pid = response.watching().pid(), .what = WatchEvent::What::watching};
    case WatchActorResponse::kTerminated:
      watch.state = Watch::State::terminated;
      return WatchEvent{.pid = response.terminated().pid(),
                        .what = WatchEvent::What::terminated,
                        .reason = reason_name(response.terminated().reason())};
    case WatchActorResponse::EVENT_NOT_SET:
      return std::nullopt;
  }
  return std::nullopt;
}

// The stream is over. Empty when the actor had terminated, as it should.
std::optional<WatchEvent> on_end(const Watch& watch, const grpc::Status& status,
                                 const Connection& connection) {
  if (watch.state == Watch::State::terminated) return std::nullopt;
  grpc::Status why = status;
  if (watch.state == Watch::State::timed_out)
    why = grpc::Status(grpc::StatusCode::DEADLINE_EXCEEDED, "");
  if (why.ok())
    why = grpc::Status(grpc::StatusCode::UNAVAILABLE, "the node ended the watch before the actor");
  return WatchEvent{.pid = watch.request.pid(),
                    .what = WatchEvent::What::failed,
                    .reason = "",
                    .failure = failure_of(why, connection)};
}

// Gives up on the watches that are not set yet.
void time_out(std::vector<Watch>& watches) {
  for (Watch& watch : watches) {
    if (watch.state != Watch::State::starting) continue;
    watch.state = Watch::State::timed_out;
    watch.stream->cancel();
  }
}

}  // namespace

void watch_actors(const std::shared_ptr<grpc::Channel>& channel, const WatchOptions& options,
                  const std::vector<std::string>& pids,
                  const std::function<void(const WatchEvent&)>& on_event) {
  const auto stub = v1::ActorService::NewStub(channel);
  Reports<WatchActorResponse> reports;
  std::vector<Watch> watches(pids.size());
  for (std::size_t i = 0; i < pids.size(); ++i) {
    v1::WatchActorRequest& request = watches[i].request;
    request.set_pid(pids[i]);
    watches[i].stream = std::make_unique<Stream<WatchActorResponse>>(
        [&](grpc::ClientContext* context, auto* stream) {
          stub->async()->WatchActor(context, &request, stream);
        },
        i, reports);
  }

  std::optional<core::Instant> deadline = core::SteadyClock().now() + options.timeout;
  for (std::size_t open_count = watches.size(); open_count > 0;) {
    const std::optional<Report<WatchActorResponse>> report = reports.pop(deadline);
    if (!report) {
      deadline.reset();
      time_out(watches);
      continue;
    }
    Watch& watch = watches[report->index];
    std::optional<WatchEvent> event;
    if (report->response) {
      event = on_response(watch, *report->response);
      watch.stream->read_next();
    } else {
      --open_count;
      const bool connected = channel->GetState(false) == GRPC_CHANNEL_READY;
      event = on_end(watch, report->status,
                     {.node = options.node, .connected = connected, .tls = options.tls});
    }
    if (event) on_event(*event);
  }
}

std::optional<Failure> watch_members(const std::shared_ptr<grpc::Channel>& channel,
                                     const WatchOptions& options,
                                     const std::function<bool(const ClusterEvent&)>& on_event) {
  const auto stub = v1::ClusterService::NewStub(channel);
  const v1::WatchClusterRequest request;
  Reports<WatchClusterResponse> reports;
  Stream<WatchClusterResponse> stream(
      [&](grpc::ClientContext* context, auto* reactor) {
        stub->async()->WatchCluster(context, &request, reactor);
      },
      0, reports);

  std::optional<core::Instant> deadline = core::SteadyClock().now() + options.timeout;
  bool is_late = false;
  bool is_wanted = true;
  while (true) {
    const std::optional<Report<WatchClusterResponse>> report = reports.pop(deadline);
    deadline.reset();
    if (!report) {
      is_late = true;
      stream.cancel();
    } else if (report->response) {
      stream.read_next();
      if (!is_wanted || on_event(cluster_event(*report->response))) continue;
      is_wanted = false;
      stream.cancel();
    } else {
      if (!is_wanted) return std::nullopt;
      grpc::Status why = report->status;
      if (is_late) why = grpc::Status(grpc::StatusCode::DEADLINE_EXCEEDED, "");
      if (why.ok()) why = grpc::Status(grpc::StatusCode::UNAVAILABLE, "the node ended the watch");
      const bool connected = channel->GetState(false) == GRPC_CHANNEL_READY;
      return failure_of_newer(
          why, {.node = options.node, .connected = connected, .tls = options.tls}, kClusterService);
    }
  }
}

}  // namespace nexus::cli
