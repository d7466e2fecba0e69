#include "remote/grpc_remoting_service.h"

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>
#include <grpcpp/support/slice.h>

#include <optional>
#include <unordered_set>
#include <utility>
#include <vector>

#include "core/base/mutex.h"
#include "core/base/user_code.h"
#include "protoactor/remote.grpc.pb.h"
#include "remote/batch_codec.h"
#include "remote/grpc_bytes.h"

namespace nexus::remote {
namespace {

using Base = ::remote::Remoting::WithRawCallbackMethod_Receive<
    ::remote::Remoting::WithCallbackMethod_ListProcesses<
        ::remote::Remoting::WithCallbackMethod_GetProcessDiagnostics<::remote::Remoting::Service>>>;

}  // namespace

class GrpcRemotingService::Impl final : public Base {
 public:
  Impl(EndpointReader& reader, EndpointManager& endpoints, Peer self, core::Log log)
      : reader_(reader), endpoints_(endpoints), self_(std::move(self)), log_(std::move(log)) {}

  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* Receive(
      grpc::CallbackServerContext* context) override;

  void say_goodbye();

 private:
  class Session;
  void forget(Session* session);

  EndpointReader& reader_;
  EndpointManager& endpoints_;
  const Peer self_;
  const core::Log log_;

  core::Mutex mutex_{"remoting_sessions"};
  std::unordered_set<std::shared_ptr<Session>> sessions_ GUARDED_BY(mutex_);
  bool closing_ GUARDED_BY(mutex_) = false;
};

// One stream that a peer opened. The service holds it until OnDone().
class GrpcRemotingService::Impl::Session final
    : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  Session(Impl& service, std::string from) : service_(service), from_(std::move(from)) {}

  void start() { StartRead(&incoming_); }

  void say_goodbye() {
    // A peer of the Go family takes an OK end for a link that is still good.
    end({.status = {grpc::StatusCode::UNAVAILABLE, "the node is shutting down"}, .goodbye = true});
  }

  void OnReadDone(bool ok) override {
    if (!ok) {
      finish(grpc::StatusCode::UNAVAILABLE, "the stream has ended");
      return;
    }
    // The border of exceptions: gRPC would drop them, and the stream would wait for ever.
    bool goes_on = false;
    const auto failure = core::failure_of([&] { goes_on = take_frame(); });
    if (failure) finish(grpc::StatusCode::INTERNAL, "the node failed at a frame: " + *failure);
    if (goes_on) StartRead(&incoming_);
  }

  void OnWriteDone(bool) override {
    core::MutexLock lock(mutex_);
    write_pending_ = false;
    if (ending_) finish_now();
  }

  void OnDone() override { service_.forget(this); }

 private:
  const std::string& name() const { return peer_.address.empty() ? from_ : peer_.address; }

  // False when the stream was ended.
  bool take_frame() {
    grpc::Slice slice;
    const std::string_view bytes = to_view(incoming_, slice);
    const core::Result<BatchDecoder::Kind> kind = decoder_.decode(bytes);
    if (!kind.ok()) return refuse(kind.error().detail);
    if (*kind == BatchDecoder::Kind::batch) {
      if (peer_.member_id.empty()) {
        finish(grpc::StatusCode::FAILED_PRECONDITION, "a batch came before the ConnectRequest");
        return false;
      }
      service_.reader_.receive(peer_, decoder_, known_);
      return true;
    }
    const core::Result<Frame> frame = decode_frame(bytes);
    if (!frame.ok()) return refuse(frame.error().detail);
    if (const auto* connect = std::get_if<ConnectRequest>(&*frame)) return on_connect(*connect);
    finish(grpc::StatusCode::INVALID_ARGUMENT,
           "a dialling peer sends ConnectRequest and MessageBatch only");
    return false;
  }

  // The same.
  bool refuse(const std::string& detail) {
    service_.log_.warn("link broken off, the peer sent garbage",
                       {{"peer", name()}, {"detail", detail}});
    finish(grpc::StatusCode::INVALID_ARGUMENT, detail);
    return false;
  }

  // The same.
  bool on_connect(const ConnectRequest& connect) {
    if (!peer_.member_id.empty()) {
      finish(grpc::StatusCode::FAILED_PRECONDITION, "a second ConnectRequest on one stream");
      return false;
    }
    if (connect.client) {
      finish(
          grpc::StatusCode::UNIMPLEMENTED,
          "client connections are not offered; connect as a server, or use nexus.v1.ActorService");
      return false;
    }
    if (connect.member_id.empty() || connect.address.empty()) {
      finish(grpc::StatusCode::INVALID_ARGUMENT, "the ConnectRequest lacks member id or address");
      return false;
    }
    if (connect.address == service_.self_.address &&
        connect.member_id != service_.self_.member_id) {
      service_.log_.error(
          "refused a peer that says it has this node's own address; check node.advertise of both",
          {{"address", connect.address}, {"from", from_}});
      finish(grpc::StatusCode::FAILED_PRECONDITION,
             connect.address + " is this node's own address; check node.advertise of both");
      return false;
    }
    peer_ = {.address = connect.address, .member_id = connect.member_id};
    service_.log_.info("peer connected", {{"peer", peer_.address}, {"member", peer_.member_id}});
    if (const auto endpoint = service_.endpoints_.find(peer_.address)) {
      endpoint->on_seen(peer_.member_id);
    }
    core::MutexLock lock(mutex_);
    if (ending_) return true;
    connected_ = true;
    write_pending_ = true;
    outgoing_ = to_byte_buffer(encode(ConnectResponse{service_.self_.member_id, false}));
    StartWrite(&outgoing_);
    return true;
  }

  void finish(grpc::StatusCode code, const std::string& detail) {
    end({.status = {code, detail}, .goodbye = false});
  }

  struct Ending {
    grpc::Status status;
    // Tells a connected peer that this is for good.
    bool goodbye;
  };
  void end(Ending ending) {
    core::MutexLock lock(mutex_);
    if (ending_) return;
    ending_ = std::move(ending);
    // Otherwise OnWriteDone() does it.
    if (!write_pending_) finish_now();
  }

  // Once, when no write is pending.
  void finish_now() REQUIRES(mutex_) {
    if (ending_->goodbye && connected_) {
      outgoing_ = to_byte_buffer(encode(DisconnectRequest{}));
      StartWriteAndFinish(&outgoing_, grpc::WriteOptions(), ending_->status);
    } else {
      Finish(ending_->status);
    }
  }

  Impl& service_;
  // The connection's far end, until the handshake gives a better name.
  const std::string from_;

  // gRPC's read reaction.
  grpc::ByteBuffer incoming_;
  BatchDecoder decoder_;
  EndpointReader::Known known_;
  Peer peer_;

  core::Mutex mutex_{"remoting_session"};
  grpc::ByteBuffer outgoing_ GUARDED_BY(mutex_);
  // The answer to the handshake is on its way.
  bool connected_ GUARDED_BY(mutex_) = false;
  bool write_pending_ GUARDED_BY(mutex_) = false;
  std::optional<Ending> ending_ GUARDED_BY(mutex_);
};

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* GrpcRemotingService::Impl::Receive(
    grpc::CallbackServerContext* context) {
  auto session = std::make_shared<Session>(*this, context->peer());
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

GrpcRemotingService::GrpcRemotingService(EndpointReader& reader, EndpointManager& endpoints,
                                         Peer self, core::Log log)
    : impl_(std::make_unique<Impl>(reader, endpoints, std::move(self), std::move(log))) {}

GrpcRemotingService::~GrpcRemotingService() = default;

grpc::Service& GrpcRemotingService::service() { return *impl_; }

void GrpcRemotingService::say_goodbye() { impl_->say_goodbye(); }

}  // namespace nexus::remote
