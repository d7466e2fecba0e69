#include "daemon/grpc_actor_service.h"

#include <google/protobuf/util/time_util.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/server_callback.h>

#include <deque>
#include <unordered_set>

#include "core/base/mutex.h"
#include "core/base/user_code.h"
#include "daemon/grpc_error.h"
#include "daemon/grpc_forwarder.h"
#include "nexus/v1/actor_service.grpc.pb.h"

namespace nexus::daemon {
namespace {

using core::Errc;
using core::Error;

constexpr int kTellCountMax = 1000;
constexpr int kPageSizeDefault = 100;
constexpr int kPageSizeMax = 1000;

core::Payload from_proto(const v1::Payload& payload) {
  std::string content_type = payload.content_type();
  if (content_type.empty()) {
    content_type = payload.type().empty() ? core::Payload::kJson : core::Payload::kProtobuf;
  }
  return {payload.type(), std::move(content_type), payload.data()};
}

void to_proto(core::Payload payload, v1::Payload* out) {
  out->set_type(std::move(payload.type));
  out->set_content_type(std::move(payload.content_type));
  out->set_data(std::move(payload.data));
}

template <typename Map>
core::Headers headers_of(const Map& map) {
  return {map.begin(), map.end()};
}

void to_proto(const ActorView& view, v1::Actor* out) {
  out->set_pid(view.pid);
  out->set_kind(view.kind);
  out->set_parent(view.parent);
  switch (view.state) {
    case core::ActorCell::State::free:
    case core::ActorCell::State::starting:
    case core::ActorCell::State::alive:
      out->set_state(v1::Actor::STATE_ALIVE);
      break;
    case core::ActorCell::State::restarting:
      out->set_state(v1::Actor::STATE_RESTARTING);
      break;
    case core::ActorCell::State::stopping:
      out->set_state(v1::Actor::STATE_STOPPING);
      break;
  }
  const auto started = view.started_at.time_since_epoch();
  *out->mutable_started_at() = google::protobuf::util::TimeUtil::NanosecondsToTimestamp(
      std::chrono::duration_cast<std::chrono::nanoseconds>(started).count());
  out->set_processed_count(view.processed_count);
  out->set_mailbox_count(view.mailbox_count);
  out->set_restart_count(view.restart_count);
  out->set_child_count(view.child_count);
  out->set_watcher_count(view.watcher_count);
}

v1::WatchActorResponse::Reason to_proto(core::TerminatedReason reason) {
  switch (reason) {
    case core::TerminatedReason::stopped:
      return v1::WatchActorResponse::REASON_STOPPED;
    case core::TerminatedReason::address_terminated:
      return v1::WatchActorResponse::REASON_ADDRESS_TERMINATED;
    case core::TerminatedReason::not_found:
      return v1::WatchActorResponse::REASON_NOT_FOUND;
  }
  return v1::WatchActorResponse::REASON_UNSPECIFIED;
}

// What the client's deadline leaves; nothing when it set none.
std::optional<core::Duration> time_left(const grpc::CallbackServerContext& context) {
  const auto deadline = context.deadline();
  if (deadline == std::chrono::system_clock::time_point::max()) return std::nullopt;
  return deadline - std::chrono::system_clock::now();
}

// What a client is told of a node that it was forwarded to and that sent no error of its own.
Error no_word_from(const std::string& node, const grpc::Status& status) {
  const std::string what = status.error_message().empty() ? "no message" : status.error_message();
  if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) {
    return {Errc::deadline_exceeded, "the node " + node + " did not answer in time",
            "NODE_TIMEOUT"};
  }
  if (status.error_code() == grpc::StatusCode::UNAVAILABLE) {
    return {Errc::unavailable, "the node " + node + " cannot be reached, or was lost: " + what,
            "NODE_UNREACHABLE"};
  }
  return {static_cast<Errc>(status.error_code()), "the node " + node + " failed: " + what,
          "NODE_FAILED"};
}

Error invalid(std::string detail) {
  return {Errc::invalid_argument, std::move(detail), "INVALID_REQUEST"};
}

// For what was thrown in a call.
Error fault(const std::string& what) {
  return {Errc::internal, "the node failed in the call: " + what, "INTERNAL"};
}

}  // namespace

class GrpcActorService::Impl final : public v1::ActorService::CallbackService {
 public:
  Impl(core::ActorSystem& system, ActorDoor& door, std::shared_ptr<const remote::TlsIdentity> tls)
      : system_(system), door_(door), forwarder_(std::move(tls)) {}

  grpc::ServerUnaryReactor* Spawn(grpc::CallbackServerContext* context,
                                  const v1::SpawnRequest* request,
                                  v1::SpawnResponse* response) override {
    return guarded(&Impl::spawn, *context, *request, *response);
  }
  grpc::ServerUnaryReactor* Tell(grpc::CallbackServerContext* context,
                                 const v1::TellRequest* request,
                                 v1::TellResponse* response) override {
    return guarded(&Impl::tell, *context, *request, *response);
  }
  grpc::ServerUnaryReactor* Ask(grpc::CallbackServerContext* context, const v1::AskRequest* request,
                                v1::AskResponse* response) override {
    return guarded(&Impl::ask, *context, *request, *response);
  }
  grpc::ServerUnaryReactor* Stop(grpc::CallbackServerContext* context,
                                 const v1::StopRequest* request,
                                 v1::StopResponse* response) override {
    return guarded(&Impl::stop, *context, *request, *response);
  }
  grpc::ServerUnaryReactor* GetActor(grpc::CallbackServerContext* context,
                                     const v1::GetActorRequest* request,
                                     v1::GetActorResponse* response) override {
    return guarded(&Impl::get_actor, *context, *request, *response);
  }
  grpc::ServerUnaryReactor* ListActors(grpc::CallbackServerContext* context,
                                       const v1::ListActorsRequest* request,
                                       v1::ListActorsResponse* response) override {
    return guarded(&Impl::list_actors, *context, *request, *response);
  }
  grpc::ServerUnaryReactor* ListKinds(grpc::CallbackServerContext* context,
                                      const v1::ListKindsRequest* request,
                                      v1::ListKindsResponse* response) override {
    return guarded(&Impl::list_kinds, *context, *request, *response);
  }
  grpc::ServerWriteReactor<v1::WatchActorResponse>* WatchActor(
      grpc::CallbackServerContext* context, const v1::WatchActorRequest* request) override;

  bool drain(core::Instant deadline);

 private:
  class Call;
  class WatchStream;
  friend class Call;

  using CallPtr = std::shared_ptr<Call>;

  CallPtr start_call();
  // The border of exceptions: whatever a call throws before it is answered becomes its answer.
  template <typename Request, typename Response>
  grpc::ServerUnaryReactor* guarded(
      void (Impl::*handle)(const CallPtr&, grpc::CallbackServerContext&, const Request&, Response&),
      grpc::CallbackServerContext& context, const Request& request, Response& response);
  void spawn(const CallPtr& call, grpc::CallbackServerContext& context,
             const v1::SpawnRequest& request, v1::SpawnResponse& response);
  void tell(const CallPtr& call, grpc::CallbackServerContext& context,
            const v1::TellRequest& request, v1::TellResponse& response);
  void ask(const CallPtr& call, grpc::CallbackServerContext& context, const v1::AskRequest& request,
           v1::AskResponse& response);
  void stop(const CallPtr& call, grpc::CallbackServerContext& context,
            const v1::StopRequest& request, v1::StopResponse& response);
  void get_actor(const CallPtr& call, grpc::CallbackServerContext& context,
                 const v1::GetActorRequest& request, v1::GetActorResponse& response);
  void list_actors(const CallPtr& call, grpc::CallbackServerContext& context,
                   const v1::ListActorsRequest& request, v1::ListActorsResponse& response);
  void list_kinds(const CallPtr& call, grpc::CallbackServerContext& context,
                  const v1::ListKindsRequest& request, v1::ListKindsResponse& response);
  void end_call(Call* call);
  void end_watch(WatchStream* stream);

  // Whether the call is for another node, which is then asked. `node` empty = this one. `otherwise`: when that node does not know the call.
  template <typename Request, typename Response>
  bool forward(const std::string& node, grpc::CallbackServerContext& context,
               const Request& request, Response& response, const CallPtr& call,
               void (v1::ActorService::StubInterface::async_interface::*method)(
                   grpc::ClientContext*, const Request*, Response*,
                   std::function<void(grpc::Status)>),
               std::function<void()> otherwise = nullptr);
  static void answer_spawn(Call& call, v1::SpawnResponse& response,
                           const core::Result<ActorDoor::Spawned>& spawned);
  // At a node that has actors, but no such service.
  void spawn_by_activator(const CallPtr& call, const v1::SpawnRequest& request,
                          core::Duration budget, v1::SpawnResponse& response);

  core::ActorSystem& system_;
  ActorDoor& door_;
  GrpcForwarder forwarder_;

  core::Mutex mutex_{"actor_service"};
  core::CondVar changed_;
  std::unordered_set<std::shared_ptr<Call>> calls_ GUARDED_BY(mutex_);
  std::unordered_set<std::shared_ptr<WatchStream>> watches_ GUARDED_BY(mutex_);
};

// One unary call. The service holds it until gRPC is done with it, and so does whoever will answer it.
class GrpcActorService::Impl::Call final : public grpc::ServerUnaryReactor,
                                           public std::enable_shared_from_this<Call> {
 public:
  explicit Call(Impl& service) : service_(service) {}

  // Any thread; the first answer counts. `fill` writes the response, which may be gone once a call was answered.
  template <typename Fill>
  void answer(Fill fill) {
    if (finished_.exchange(true)) return;
    const auto failure = core::failure_of(fill);
    Finish(failure ? to_grpc_status(fault(*failure)) : grpc::Status::OK);
  }
  void fail(const grpc::Status& status) {
    if (!finished_.exchange(true)) Finish(status);
  }
  void fail(const Error& error) { fail(to_grpc_status(error)); }

  // What to do when the client goes away; at most once, before or after it has gone.
  void on_cancel(std::function<void()> cancel) {
    {
      core::MutexLock lock(mutex_);
      if (!cancelled_) {
        cancel_ = std::move(cancel);
        return;
      }
    }
    cancel();
  }

  void OnCancel() override {
    std::function<void()> cancel;
    {
      core::MutexLock lock(mutex_);
      cancelled_ = true;
      cancel = std::move(cancel_);
    }
    if (cancel) cancel();
  }

  void OnDone() override { service_.end_call(this); }

 private:
  Impl& service_;
  std::atomic<bool> finished_{false};

  core::Mutex mutex_{"actor_service_call"};
  bool cancelled_ GUARDED_BY(mutex_) = false;
  std::function<void()> cancel_ GUARDED_BY(mutex_);
};

GrpcActorService::Impl::CallPtr GrpcActorService::Impl::start_call() {
  auto call = std::make_shared<Call>(*this);
  core::MutexLock lock(mutex_);
  calls_.insert(call);
  return call;
}

template <typename Request, typename Response>
grpc::ServerUnaryReactor* GrpcActorService::Impl::guarded(
    void (Impl::*handle)(const CallPtr&, grpc::CallbackServerContext&, const Request&, Response&),
    grpc::CallbackServerContext& context, const Request& request, Response& response) {
  const CallPtr call = start_call();
  const auto failure = core::failure_of([&] { (this->*handle)(call, context, request, response); });
  if (failure) call->fail(fault(*failure));
  return call.get();
}

void GrpcActorService::Impl::end_call(Call* call) {
  // The last reference may go with it, so it dies outside the lock.
  const std::shared_ptr<Call> last = call->shared_from_this();
  core::MutexLock lock(mutex_);
  calls_.erase(last);
  changed_.notify_all();
}

template <typename Request, typename Response>
bool GrpcActorService::Impl::forward(
    const std::string& node, grpc::CallbackServerContext& context, const Request& request,
    Response& response, const CallPtr& call,
    void (v1::ActorService::StubInterface::async_interface::*method)(
        grpc::ClientContext*, const Request*, Response*, std::function<void(grpc::Status)>),
    std::function<void()> otherwise) {
  if (node.empty() || node == system_.address()) return false;
  if (const core::Status open = door_.check_open(); !open.ok()) {
    call->fail(open.error());
    return true;
  }
  if (context.client_metadata().count(kForwardedKey) > 0) {
    call->fail({Errc::failed_precondition,
                "the call was forwarded to " + system_.address() + ", but it is for " + node +
                    "; check node.advertise of both",
                "WRONG_NODE"});
    return true;
  }
  const core::Result<HostPort> address = parse_host_port(node);
  if (!address.ok() || address->port == 0) {
    call->fail(invalid("node \"" + node + "\" is no host:port"));
    return true;
  }
  struct Outgoing {
    grpc::ClientContext context;
    std::unique_ptr<v1::ActorService::Stub> stub;
    Request request;
    Response response;
  };
  auto outgoing = std::make_shared<Outgoing>();
  outgoing->stub = v1::ActorService::NewStub(forwarder_.channel(node));
  outgoing->request = request;
  outgoing->context.AddMetadata(kForwardedKey, "1");
  outgoing->context.set_deadline(
      std::chrono::system_clock::now() +
      std::chrono::duration_cast<std::chrono::milliseconds>(door_.budget(time_left(context))));
  call->on_cancel([outgoing] { outgoing->context.TryCancel(); });
  (outgoing->stub->async()->*method)(
      &outgoing->context, &outgoing->request, &outgoing->response,
      [outgoing, call, node, &response,
       otherwise = std::move(otherwise)](const grpc::Status& status) {
        if (status.ok()) {
          call->answer([&] { response.Swap(&outgoing->response); });
          return;
        }
        if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED && otherwise != nullptr) {
          return otherwise();
        }
        // Without details the answer is gRPC's own: that node did not get to say anything.
        if (status.error_details().empty()) {
          call->fail(no_word_from(node, status));
          return;
        }
        call->fail(status);
      });
  return true;
}

void GrpcActorService::Impl::spawn(const CallPtr& call, grpc::CallbackServerContext& context,
                                   const v1::SpawnRequest& request, v1::SpawnResponse& response) {
  const core::Duration budget = door_.budget(time_left(context));
  if (forward(request.node(), context, request, response, call,
              &v1::ActorService::StubInterface::async_interface::Spawn,
              // The request is copied: nobody keeps it for a call that has ended meanwhile.
              [this, call, request, budget, &response] {
                spawn_by_activator(call, request, budget, response);
              })) {
    return;
  }
  answer_spawn(
      *call, response,
      door_.spawn(request.kind(), request.id(), request.if_exists() == v1::IF_EXISTS_RETURN));
}

void GrpcActorService::Impl::answer_spawn(Call& call, v1::SpawnResponse& response,
                                          const core::Result<ActorDoor::Spawned>& spawned) {
  if (!spawned.ok()) {
    call.fail(spawned.error());
    return;
  }
  call.answer([&] {
    response.set_pid(spawned->pid.to_string());
    response.set_created(spawned->created);
  });
}

void GrpcActorService::Impl::spawn_by_activator(const CallPtr& call,
                                                const v1::SpawnRequest& request,
                                                core::Duration budget,
                                                v1::SpawnResponse& response) {
  door_.spawn_at(request.node(), request.kind(), request.id(),
                 request.if_exists() == v1::IF_EXISTS_RETURN, budget,
                 [call, &response](const core::Result<ActorDoor::Spawned>& spawned) {
                   answer_spawn(*call, response, spawned);
                 });
}

void GrpcActorService::Impl::tell(const CallPtr& call, grpc::CallbackServerContext& context,
                                  const v1::TellRequest& request, v1::TellResponse& response) {
  const auto target = door_.parse(request.pid());
  if (!target.ok()) {
    call->fail(target.error());
    return;
  }
  if (request.messages().empty() || request.messages_size() > kTellCountMax) {
    call->fail(
        invalid("messages: " + std::to_string(request.messages_size()) + " is not in 1..1000"));
    return;
  }
  std::vector<core::Payload> messages;
  for (const v1::Payload& message : request.messages()) messages.push_back(from_proto(message));
  const auto ack =
      request.ack() == v1::ACK_ACCEPTED ? ActorDoor::Ack::accepted : ActorDoor::Ack::enqueued;
  door_.tell(*target, std::move(messages), headers_of(request.headers()), ack,
             door_.budget(time_left(context)), [call, &response](core::Result<std::uint32_t> told) {
               if (!told.ok()) {
                 call->fail(told.error());
                 return;
               }
               call->answer([&] { response.set_accepted(*told); });
             });
}

void GrpcActorService::Impl::ask(const CallPtr& call, grpc::CallbackServerContext& context,
                                 const v1::AskRequest& request, v1::AskResponse& response) {
  const auto target = door_.parse(request.pid());
  if (!target.ok()) {
    call->fail(target.error());
    return;
  }
  if (!request.has_message()) {
    call->fail(invalid("message is missing"));
    return;
  }
  call->on_cancel(door_.ask(*target, {from_proto(request.message()), headers_of(request.headers())},
                            door_.budget(time_left(context)),
                            [call, &response](core::Result<ActorDoor::Message> answer) {
                              if (!answer.ok()) {
                                call->fail(answer.error());
                                return;
                              }
                              call->answer([&] {
                                to_proto(std::move(answer->payload), response.mutable_message());
                                auto& headers = *response.mutable_headers();
                                for (const auto& [key, value] : answer->headers)
                                  headers[key] = value;
                              });
                            }));
}

void GrpcActorService::Impl::stop(const CallPtr& call, grpc::CallbackServerContext& context,
                                  const v1::StopRequest& request, v1::StopResponse&) {
  const auto target = door_.parse(request.pid());
  if (!target.ok()) {
    call->fail(target.error());
    return;
  }
  door_.stop(*target, {.now = request.mode() == v1::STOP_MODE_NOW, .wait = !request.no_wait()},
             door_.budget(time_left(context)), [call](core::Result<core::Nothing> stopped) {
               if (stopped.ok()) {
                 call->answer([] {});
               } else {
                 call->fail(stopped.error());
               }
             });
}

void GrpcActorService::Impl::get_actor(const CallPtr& call, grpc::CallbackServerContext& context,
                                       const v1::GetActorRequest& request,
                                       v1::GetActorResponse& response) {
  const auto target = door_.parse(request.pid());
  if (!target.ok()) {
    call->fail(target.error());
    return;
  }
  if (forward(target->address(), context, request, response, call,
              &v1::ActorService::StubInterface::async_interface::GetActor)) {
    return;
  }
  const auto view = door_.get(*target);
  if (!view.ok()) {
    call->fail(view.error());
    return;
  }
  call->answer([&] { to_proto(*view, response.mutable_actor()); });
}

void GrpcActorService::Impl::list_actors(const CallPtr& call, grpc::CallbackServerContext& context,
                                         const v1::ListActorsRequest& request,
                                         v1::ListActorsResponse& response) {
  if (forward(request.node(), context, request, response, call,
              &v1::ActorService::StubInterface::async_interface::ListActors)) {
    return;
  }
  if (request.page_size() < 0 || request.page_size() > kPageSizeMax) {
    call->fail(invalid("page_size: " + std::to_string(request.page_size()) + " is not in 0..1000"));
    return;
  }
  const int page_size = request.page_size() == 0 ? kPageSizeDefault : request.page_size();
  const auto listed = door_.list({.kind = request.kind(),
                                  .id_prefix = request.id_prefix(),
                                  .include_system = request.include_system(),
                                  .count_max = static_cast<std::size_t>(page_size),
                                  .after_id = request.page_token()});
  if (!listed.ok()) {
    call->fail(listed.error());
    return;
  }
  call->answer([&] {
    for (const ActorView& view : listed->actors) to_proto(view, response.add_actors());
    response.set_next_page_token(listed->last_id);
  });
}

void GrpcActorService::Impl::list_kinds(const CallPtr& call, grpc::CallbackServerContext& context,
                                        const v1::ListKindsRequest& request,
                                        v1::ListKindsResponse& response) {
  if (forward(request.node(), context, request, response, call,
              &v1::ActorService::StubInterface::async_interface::ListKinds)) {
    return;
  }
  const auto kinds = door_.kinds();
  if (!kinds.ok()) {
    call->fail(kinds.error());
    return;
  }
  call->answer([&] {
    for (const KindView& view : *kinds) {
      v1::Kind* kind = response.add_kinds();
      kind->set_name(view.name);
      kind->set_description(view.description);
      kind->set_actor_count(view.actor_count);
    }
  });
}

// One WatchActor call: at most two events, then the end. The service holds it until OnDone().
class GrpcActorService::Impl::WatchStream final
    : public grpc::ServerWriteReactor<v1::WatchActorResponse>,
      public std::enable_shared_from_this<WatchStream> {
 public:
  explicit WatchStream(Impl& service) : service_(service) {}

  void start(const std::string& pid_text) {
    const auto target = service_.door_.parse(pid_text);
    if (!target.ok()) {
      end(to_grpc_status(target.error()));
      return;
    }
    pid_ = target->to_string();
    const auto watcher =
        service_.door_.watch(*target, [weak = weak_from_this()](core::TerminatedReason reason) {
          if (const auto stream = weak.lock()) stream->on_terminated(reason);
        });
    if (!watcher.ok()) {
      end(to_grpc_status(watcher.error()));
      return;
    }
    v1::WatchActorResponse watching;
    watching.mutable_watching()->set_pid(pid_);
    bool gone = false;
    {
      core::MutexLock lock(mutex_);
      watcher_ = *watcher;
      gone = finished_;
      events_.push_front(std::move(watching));
      started_ = true;
      write_next();
    }
    if (gone) service_.door_.unwatch(*watcher);
  }

  void on_terminated(core::TerminatedReason reason) {
    v1::WatchActorResponse event;
    event.mutable_terminated()->set_pid(pid_);
    event.mutable_terminated()->set_reason(to_proto(reason));
    core::MutexLock lock(mutex_);
    events_.push_back(std::move(event));
    last_event_queued_ = true;
    write_next();
  }

  // Any thread: ends the stream, unless it has ended.
  void end(const grpc::Status& status) {
    core::Pid watcher;
    {
      core::MutexLock lock(mutex_);
      if (std::exchange(finished_, true)) return;
      watcher = watcher_;
      Finish(status);
    }
    if (watcher) service_.door_.unwatch(watcher);
  }

  void OnWriteDone(bool ok) override {
    if (!ok) {
      end(grpc::Status(grpc::StatusCode::CANCELLED, "the client has gone"));
      return;
    }
    core::MutexLock lock(mutex_);
    writing_ = false;
    write_next();
  }

  void OnCancel() override {
    end(grpc::Status(grpc::StatusCode::CANCELLED, "the client has gone"));
  }

  void OnDone() override { service_.end_watch(this); }

 private:
  void write_next() REQUIRES(mutex_) {
    if (writing_ || finished_ || !started_) return;
    if (events_.empty()) {
      if (last_event_queued_) {
        finished_ = true;
        Finish(grpc::Status::OK);
      }
      return;
    }
    outgoing_ = std::move(events_.front());
    events_.pop_front();
    writing_ = true;
    StartWrite(&outgoing_);
  }

  Impl& service_;
  // Set by start(), before anybody else can call.
  std::string pid_;

  core::Mutex mutex_{"actor_service_watch"};
  core::Pid watcher_ GUARDED_BY(mutex_);
  std::deque<v1::WatchActorResponse> events_ GUARDED_BY(mutex_);
  v1::WatchActorResponse outgoing_ GUARDED_BY(mutex_);
  bool started_ GUARDED_BY(mutex_) = false;
  bool writing_ GUARDED_BY(mutex_) = false;
  bool last_event_queued_ GUARDED_BY(mutex_) = false;
  bool finished_ GUARDED_BY(mutex_) = false;
};

grpc::ServerWriteReactor<v1::WatchActorResponse>* GrpcActorService::Impl::WatchActor(
    grpc::CallbackServerContext*, const v1::WatchActorRequest* request) {
  auto stream = std::make_shared<WatchStream>(*this);
  {
    core::MutexLock lock(mutex_);
    watches_.insert(stream);
  }
  const auto failure = core::failure_of([&] { stream->start(request->pid()); });
  if (failure) stream->end(to_grpc_status(fault(*failure)));
  return stream.get();
}

void GrpcActorService::Impl::end_watch(WatchStream* stream) {
  // The last reference may go with it, so it dies outside the lock.
  std::shared_ptr<WatchStream> last = stream->shared_from_this();
  core::MutexLock lock(mutex_);
  watches_.erase(last);
  changed_.notify_all();
}

bool GrpcActorService::Impl::drain(core::Instant deadline) {
  const grpc::Status draining = to_grpc_status(door_.check_open().error());
  std::vector<std::shared_ptr<WatchStream>> watches;
  {
    core::MutexLock lock(mutex_);
    watches.assign(watches_.begin(), watches_.end());
  }
  for (const auto& watch : watches) watch->end(draining);
  std::vector<std::shared_ptr<Call>> late;
  {
    core::MutexLock lock(mutex_);
    while (!calls_.empty() && system_.clock().now() < deadline) {
      changed_.wait_until(mutex_, deadline);
    }
    late.assign(calls_.begin(), calls_.end());
  }
  for (const auto& call : late) call->fail(draining);
  return late.empty();
}

GrpcActorService::GrpcActorService(core::ActorSystem& system, ActorDoor& door,
                                   std::shared_ptr<const remote::TlsIdentity> tls)
    : impl_(std::make_unique<Impl>(system, door, std::move(tls))) {}

GrpcActorService::~GrpcActorService() = default;

grpc::Service& GrpcActorService::service() { return *impl_; }

bool GrpcActorService::drain(core::Instant deadline) { return impl_->drain(deadline); }

}  // namespace nexus::daemon
