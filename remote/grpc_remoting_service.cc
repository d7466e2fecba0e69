#include "remote/grpc_remoting_service.h"

#include <grpcpp/security/auth_context.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/support/async_stream.h>
#include <grpcpp/support/async_unary_call.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>

#include <atomic>
#include <functional>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/base/mutex.h"
#include "core/base/user_code.h"
#include "protoactor/remote.grpc.pb.h"
#include "remote/grpc_bytes.h"
#include "remote/grpc_tls.h"

namespace nexus::remote {
namespace {

// Whether operations may still be started. Outlives the queue wherever somebody may answer late.
class GrpcGate {
 public:
  void close() {
    core::MutexLock lock(mutex_);
    closed_ = true;
  }
  // One after the other, and told whether it is open.
  template <typename Start>
  void pass(Start start) {
    core::MutexLock lock(mutex_);
    start(!closed_);
  }

 private:
  core::Mutex mutex_{"grpc_gate"};
  bool closed_ GUARDED_BY(mutex_) = false;
};

// One call of a method. Holds itself until it is over.
template <typename Service, typename Request, typename Response>
class GrpcUnaryCall final
    : public std::enable_shared_from_this<GrpcUnaryCall<Service, Request, Response>> {
 public:
  using Writer = grpc::ServerAsyncResponseWriter<Response>;
  using Await = void (Service::*)(grpc::ServerContext*, Request*, Writer*, grpc::CompletionQueue*,
                                  grpc::ServerCompletionQueue*, void*);
  using Handle = std::function<void(const std::shared_ptr<GrpcUnaryCall>&)>;
  // What all calls of the method share; the service and the poller outlive what is on its way.
  struct Method {
    Service& service;
    GrpcPoller& poller;
    std::shared_ptr<GrpcGate> gate;
    Await await;
    Handle handle;
  };

  // From now on the next call of the method is handled, and all that come later.
  static void await(std::shared_ptr<const Method> method) {
    auto call = std::make_shared<GrpcUnaryCall>(std::move(method));
    call->self_ = call;
    auto& queue = call->method_->poller.queue();
    call->context_.AsyncNotifyWhenDone(&call->over_);
    call->method_->gate->pass([&](bool is_open) {
      if (!is_open) return call->self_.reset();
      call->method_->poller.about_to_start();
      (call->method_->service.*call->method_->await)(
          &call->context_, &call->request_, &call->writer_, &queue, &queue, &call->accepted_);
    });
  }
  explicit GrpcUnaryCall(std::shared_ptr<const Method> method) : method_(std::move(method)) {}

  const Request& request() const { return request_; }
  Response& response() { return response_; }
  grpc::ServerContext& context() { return context_; }
  // Any thread: the client still waits.
  bool is_wanted() const { return !is_over_.load(); }
  // Any thread, once: sends the response when the status is OK. One that nobody waits for any more is dropped.
  void answer(const grpc::Status& status) {
    method_->gate->pass([&](bool is_open) {
      if (!is_open || is_over_.load()) return;
      is_answering_ = true;
      method_->poller.about_to_start();
      if (status.ok()) {
        writer_.Finish(response_, status, &answered_);
      } else {
        writer_.FinishWithError(status, &answered_);
      }
    });
  }

 private:
  template <void (GrpcUnaryCall::*kDone)(bool)>
  struct Operation final : GrpcPoller::Operation {
    explicit Operation(GrpcUnaryCall& own) : call(own) {}
    void complete(bool ok) override { (call.*kDone)(ok); }

    GrpcUnaryCall& call;
  };

  void on_accepted(bool ok) {
    // The server is shutting down; nothing else will come.
    if (!ok) return self_.reset();
    await(method_);
    method_->handle(self_);
  }
  void on_answered(bool) {
    is_answering_ = false;
    if (is_over_.load()) self_.reset();
  }
  void on_over(bool) {
    bool is_idle = false;
    method_->gate->pass([&](bool) {
      is_over_.store(true);
      is_idle = !is_answering_;
    });
    if (is_idle) self_.reset();
  }

  const std::shared_ptr<const Method> method_;
  grpc::ServerContext context_;
  Request request_;
  Response response_;
  Writer writer_{&context_};
  Operation<&GrpcUnaryCall::on_accepted> accepted_{*this};
  Operation<&GrpcUnaryCall::on_answered> answered_{*this};
  Operation<&GrpcUnaryCall::on_over> over_{*this};
  std::atomic<bool> is_over_{false};

  // Completions.
  std::shared_ptr<GrpcUnaryCall> self_;
  // The answer is on its way. Set in the gate, while the call is not over.
  bool is_answering_ = false;
};

using Service =
    ::remote::Remoting::WithRawMethod_Receive<::remote::Remoting::WithAsyncMethod_ListProcesses<
        ::remote::Remoting::WithAsyncMethod_GetProcessDiagnostics<::remote::Remoting::Service>>>;
using List =
    GrpcUnaryCall<Service, ::remote::ListProcessesRequest, ::remote::ListProcessesResponse>;
using Describe = GrpcUnaryCall<Service, ::remote::GetProcessDiagnosticsRequest,
                               ::remote::GetProcessDiagnosticsResponse>;

// A frame of a few messages, whose answers somebody may wait for.
constexpr std::size_t kSmallFrameBytes = 1024;

// How often whoever has connected is asked whether it is still there, and how long it may take to answer.
constexpr int kKeepaliveMs = 10'000;
constexpr int kKeepaliveTimeoutMs = 20'000;

// Trailing metadata of ListProcesses: how many match, of which the answer may name only the first.
constexpr const char* kMatchedCountKey = "nexus-matched-count";

grpc::Status to_status(const core::Error& error) {
  return {static_cast<grpc::StatusCode>(error.code), error.detail};
}

}  // namespace

class GrpcRemotingService::Impl {
 public:
  Impl(InboundStream::Shared& shared, ProcessDiagnostics& diagnostics)
      : shared_(shared), diagnostics_(diagnostics) {}

  void add_to(grpc::ServerBuilder& builder) {
    // A client has no other way to be found gone when its host is. That ends its stream, and with it its link. Connections without a
    // stream are not asked. Peers limit how often they are pinged as servers, not as clients.
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
    builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
    builder.RegisterService(&service_);
  }
  void start(GrpcPoller& poller);
  void say_goodbye();
  void end() { gate_->close(); }

 private:
  class Session;
  using Streaming = grpc::ServerAsyncReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer>;

  void await_next();
  void list_processes(const std::shared_ptr<List>& call);
  void describe_process(const std::shared_ptr<Describe>& call);
  void forget(Session* session);

  InboundStream::Shared& shared_;
  ProcessDiagnostics& diagnostics_;
  const std::shared_ptr<GrpcGate> gate_ = std::make_shared<GrpcGate>();
  Service service_;
  GrpcPoller* poller_ = nullptr;

  core::Mutex mutex_{"remoting_sessions"};
  std::unordered_map<Session*, std::shared_ptr<Session>> sessions_ GUARDED_BY(mutex_);
  bool closing_ GUARDED_BY(mutex_) = false;
};

// One stream that a peer opened, or may open. The service holds it until nothing of it is on its way.
class GrpcRemotingService::Impl::Session final : public InboundStream::Transport,
                                                 public std::enable_shared_from_this<Session> {
 public:
  explicit Session(Impl& service) : service_(service), call_(&context_) {}

  void await_peer() {
    auto& queue = service_.poller_->queue();
    service_.poller_->about_to_start();
    service_.service_.RequestReceive(&context_, &call_, &queue, &queue, &accepted_);
  }
  // Any thread, of one that has begun.
  void say_goodbye() { stream_->say_goodbye(); }
  bool has_begun() const { return stream_ != nullptr; }

  void write(std::string frame) override {
    if (service_.poller_->is_draining()) return;
    core::MutexLock lock(mutex_);
    outgoing_ = to_byte_buffer(frame);
    service_.poller_->about_to_start();
    call_.Write(outgoing_, &written_);
  }

  void write_batch(OutgoingFramePtr frame) override {
    if (service_.poller_->is_draining()) return;
    core::MutexLock lock(mutex_);
    outgoing_ = to_byte_buffer(std::move(frame), 0);
    service_.poller_->about_to_start();
    call_.Write(outgoing_, &written_);
  }

  void cancel() override { context_.TryCancel(); }

  void end(const core::Error& why, std::string last_frame) override {
    if (service_.poller_->is_draining()) {
      ended_at_last_ = true;
      return;
    }
    const grpc::Status status(static_cast<grpc::StatusCode>(why.code), why.detail);
    core::MutexLock lock(mutex_);
    service_.poller_->about_to_start();
    if (last_frame.empty()) return call_.Finish(status, &ended_);
    outgoing_ = to_byte_buffer(last_frame);
    call_.WriteAndFinish(outgoing_, grpc::WriteOptions(), status, &ended_);
  }

 private:
  template <void (Session::*kDone)(bool)>
  struct Operation final : GrpcPoller::Operation {
    explicit Operation(Session& own) : session(own) {}
    void complete(bool ok) override { (session.*kDone)(ok); }

    Session& session;
  };

  void on_accepted(bool ok) {
    // The server is shutting down.
    if (!ok) return service_.forget(this);
    service_.await_next();
    bool closing = false;
    {
      core::MutexLock lock(service_.mutex_);
      closing = service_.closing_;
      stream_ = std::make_shared<InboundStream>(
          service_.shared_,
          InboundStream::Origin{.from = context_.peer(),
                                .certified_names = certified_names_of(*context_.auth_context())},
          shared_from_this());
    }
    if (closing) stream_->say_goodbye();
    stream_->await_handshake();
    read();
  }

  void read() {
    read_pending_ = true;
    call_.Read(&incoming_, &read_);
  }

  void on_read(bool ok) {
    read_pending_ = false;
    if (ok && !service_.poller_->is_draining()) {
      // The border of exceptions: there is nobody below to catch them.
      bool goes_on = false;
      bool is_small = false;
      const auto failure = core::failure_of([&] {
        grpc::Slice slice;
        const std::string_view frame = to_view(incoming_, slice);
        goes_on = stream_->on_frame(frame);
        is_small = frame.size() <= kSmallFrameBytes;
      });
      if (failure) {
        stream_->end({core::Errc::internal, "the node failed at a frame: " + *failure});
      }
      if (goes_on && is_small) {
        // Reading on makes gRPC tell the peer of room for more, in a packet of its own, which would leave before the answers.
        read_pending_ = true;
        service_.poller_->put_off(read_on_);
      } else if (goes_on) {
        read();
      }
    } else {
      stream_->on_end();
    }
    end_if_idle();
  }

  void on_read_on(bool) { read(); }

  void on_written(bool ok) {
    { core::MutexLock lock(mutex_); }
    stream_->on_written(ok);
  }

  void on_ended(bool) {
    { core::MutexLock lock(mutex_); }
    ended_at_last_ = true;
    end_if_idle();
  }

  void end_if_idle() {
    if (ended_at_last_ && !read_pending_) service_.forget(this);
  }

  Impl& service_;
  grpc::ServerContext context_;
  Streaming call_;
  Operation<&Session::on_accepted> accepted_{*this};
  Operation<&Session::on_read> read_{*this};
  Operation<&Session::on_read_on> read_on_{*this};
  Operation<&Session::on_written> written_{*this};
  Operation<&Session::on_ended> ended_{*this};

  // Set, under the service's mutex, when the peer has come. Holds this one as well, until it has ended.
  std::shared_ptr<InboundStream> stream_;

  // Completions.
  grpc::ByteBuffer incoming_;
  bool read_pending_ = false;
  bool ended_at_last_ = false;

  // Held while a write or the end is started, so that nothing of it is over before it has begun.
  core::Mutex mutex_{"remoting_session"};
  // Whoever the stream lets write.
  grpc::ByteBuffer outgoing_ GUARDED_BY(mutex_);
};

void GrpcRemotingService::Impl::start(GrpcPoller& poller) {
  poller_ = &poller;
  await_next();
  List::await(std::make_shared<List::Method>(
      List::Method{service_, poller, gate_, &Service::RequestListProcesses,
                   [this](const std::shared_ptr<List>& call) { list_processes(call); }}));
  Describe::await(std::make_shared<Describe::Method>(
      Describe::Method{service_, poller, gate_, &Service::RequestGetProcessDiagnostics,
                       [this](const std::shared_ptr<Describe>& call) { describe_process(call); }}));
}

void GrpcRemotingService::Impl::list_processes(const std::shared_ptr<List>& call) {
  using Match = ProcessDiagnostics::Match;
  Match match{};
  switch (call->request().type()) {
    case ::remote::MatchPartOfString:
      match = Match::part;
      break;
    case ::remote::MatchExactString:
      match = Match::exact;
      break;
    case ::remote::MatchRegex:
      match = Match::regex;
      break;
    default:
      return call->answer(
          {grpc::StatusCode::INVALID_ARGUMENT, "the type is 0 (part), 1 (exact) or 2 (regex)"});
  }
  diagnostics_.find(
      call->request().pattern(), match, [call] { return call->is_wanted(); },
      [call, address = shared_.self.address](core::Result<ProcessDiagnostics::Found> found) {
        if (!found.ok()) return call->answer(to_status(found.error()));
        for (std::string& id : found->ids) {
          auto* pid = call->response().add_pids();
          pid->set_address(address);
          pid->set_id(std::move(id));
        }
        call->context().AddTrailingMetadata(kMatchedCountKey, std::to_string(found->matched_count));
        call->answer(grpc::Status::OK);
      });
}

void GrpcRemotingService::Impl::describe_process(const std::shared_ptr<Describe>& call) {
  const auto& pid = call->request().pid();
  core::Result<std::string> text = diagnostics_.describe(pid.address(), pid.id());
  if (!text.ok()) return call->answer(to_status(text.error()));
  call->response().set_diagnostics_string(std::move(*text));
  call->answer(grpc::Status::OK);
}

void GrpcRemotingService::Impl::await_next() {
  auto session = std::make_shared<Session>(*this);
  {
    core::MutexLock lock(mutex_);
    sessions_.emplace(session.get(), session);
  }
  session->await_peer();
}

void GrpcRemotingService::Impl::say_goodbye() {
  std::vector<std::shared_ptr<Session>> sessions;
  {
    core::MutexLock lock(mutex_);
    closing_ = true;
    for (const auto& [key, session] : sessions_) {
      if (session->has_begun()) sessions.push_back(session);
    }
  }
  for (const auto& session : sessions) session->say_goodbye();
}

void GrpcRemotingService::Impl::forget(Session* session) {
  std::shared_ptr<Session> last;
  core::MutexLock lock(mutex_);
  const auto found = sessions_.find(session);
  last = std::move(found->second);
  sessions_.erase(found);
}

GrpcRemotingService::GrpcRemotingService(InboundStream::Shared& shared,
                                         ProcessDiagnostics& diagnostics)
    : impl_(std::make_unique<Impl>(shared, diagnostics)) {}

GrpcRemotingService::~GrpcRemotingService() = default;

void GrpcRemotingService::add_to(grpc::ServerBuilder& builder) { impl_->add_to(builder); }

void GrpcRemotingService::start(GrpcPoller& poller) { impl_->start(poller); }

void GrpcRemotingService::end() { impl_->end(); }

void GrpcRemotingService::say_goodbye() { impl_->say_goodbye(); }

}  // namespace nexus::remote
