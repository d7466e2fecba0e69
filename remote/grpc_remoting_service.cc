#include "remote/grpc_remoting_service.h"

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>
#include <grpcpp/support/slice.h>

#include <unordered_set>
#include <utility>
#include <vector>

#include "core/base/mutex.h"
#include "core/base/user_code.h"
#include "protoactor/remote.grpc.pb.h"
#include "remote/grpc_bytes.h"

namespace nexus::remote {
namespace {

using Base = ::remote::Remoting::WithRawCallbackMethod_Receive<
    ::remote::Remoting::WithCallbackMethod_ListProcesses<
        ::remote::Remoting::WithCallbackMethod_GetProcessDiagnostics<::remote::Remoting::Service>>>;

}  // namespace

class GrpcRemotingService::Impl final : public Base {
 public:
  explicit Impl(InboundStream::Shared& shared) : shared_(shared) {}

  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* Receive(
      grpc::CallbackServerContext* context) override;

  void say_goodbye();

 private:
  class Session;
  void forget(Session* session);

  InboundStream::Shared& shared_;

  core::Mutex mutex_{"remoting_sessions"};
  std::unordered_set<std::shared_ptr<Session>> sessions_ GUARDED_BY(mutex_);
  bool closing_ GUARDED_BY(mutex_) = false;
};

// One stream that a peer opened. The service holds it until OnDone().
class GrpcRemotingService::Impl::Session final
    : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>,
      public InboundStream::Transport {
 public:
  static std::shared_ptr<Session> make(Impl& service, const std::string& from) {
    auto session = std::make_shared<Session>(service);
    session->stream_ = std::make_shared<InboundStream>(service.shared_, from, session);
    return session;
  }
  explicit Session(Impl& service) : service_(service) {}

  void start() { StartRead(&incoming_); }
  void say_goodbye() { stream_->say_goodbye(); }

  void OnReadDone(bool ok) override {
    if (!ok) return stream_->on_end();
    // The border of exceptions: gRPC would drop them, and the stream would wait for ever.
    bool goes_on = false;
    const auto failure = core::failure_of([&] {
      grpc::Slice slice;
      goes_on = stream_->on_frame(to_view(incoming_, slice));
    });
    if (failure) {
      stream_->end({core::Errc::internal, "the node failed at a frame: " + *failure});
    }
    if (goes_on) StartRead(&incoming_);
  }

  void OnWriteDone(bool) override { stream_->on_written(); }

  void OnDone() override { service_.forget(this); }

  void write(std::string frame) override {
    outgoing_ = to_byte_buffer(frame);
    StartWrite(&outgoing_);
  }

  void end(const core::Error& why, std::string last_frame) override {
    const grpc::Status status(static_cast<grpc::StatusCode>(why.code), why.detail);
    if (last_frame.empty()) return Finish(status);
    outgoing_ = to_byte_buffer(last_frame);
    StartWriteAndFinish(&outgoing_, grpc::WriteOptions(), status);
  }

 private:
  Impl& service_;
  // Holds this one as well, until it has ended.
  std::shared_ptr<InboundStream> stream_;

  // gRPC's read reaction.
  grpc::ByteBuffer incoming_;
  // Whoever the stream lets write.
  grpc::ByteBuffer outgoing_;
};

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* GrpcRemotingService::Impl::Receive(
    grpc::CallbackServerContext* context) {
  const std::shared_ptr<Session> session = Session::make(*this, context->peer());
  bool closing = false;
  {
    core::MutexLock lock(mutex_);
    closing = closing_;
    sessions_.insert(session);
  }
  if (closing) {
    session->say_goodbye();
  } else {
    session->start();
  }
  return session.get();
}

void GrpcRemotingService::Impl::say_goodbye() {
  std::vector<std::shared_ptr<Session>> sessions;
  {
    core::MutexLock lock(mutex_);
    closing_ = true;
    sessions.assign(sessions_.begin(), sessions_.end());
  }
  for (const auto& session : sessions) session->say_goodbye();
}

void GrpcRemotingService::Impl::forget(Session* session) {
  std::shared_ptr<Session> last;
  core::MutexLock lock(mutex_);
  for (auto it = sessions_.begin(); it != sessions_.end(); ++it) {
    if (it->get() != session) continue;
    last = *it;
    sessions_.erase(it);
    return;
  }
}

GrpcRemotingService::GrpcRemotingService(InboundStream::Shared& shared)
    : impl_(std::make_unique<Impl>(shared)) {}

GrpcRemotingService::~GrpcRemotingService() = default;

grpc::Service& GrpcRemotingService::service() { return *impl_; }

void GrpcRemotingService::say_goodbye() { impl_->say_goodbye(); }

}  // namespace nexus::remote
