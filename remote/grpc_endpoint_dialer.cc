#include "remote/grpc_endpoint_dialer.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>
#include <grpcpp/support/client_callback.h>

#include <optional>

#include "core/base/mutex.h"
#include "remote/grpc_bytes.h"

namespace nexus::remote {
namespace {

// One call. gRPC holds it (self_) from start() to OnDone().
class GrpcEndpointStream final : public EndpointStream,
                                 public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>,
                                 public std::enable_shared_from_this<GrpcEndpointStream> {
 public:
  GrpcEndpointStream(std::shared_ptr<grpc::Channel> channel, std::uint64_t epoch,
                     std::shared_ptr<EndpointStreamEvents> events)
      : stub_(std::move(channel)), epoch_(epoch), events_(std::move(events)) {}

  void start(const std::string& handshake) {
    self_ = shared_from_this();
    stub_.PrepareBidiStreamingCall(&context_, "/remote.Remoting/Receive", {}, this);
    // Writes start outside of reactions; the hold keeps OnDone() away until the read side has ended.
    AddHold();
    outgoing_ = to_byte_buffer(handshake);
    StartWrite(&outgoing_);
    StartRead(&incoming_);
    StartCall();
  }

  bool write(std::string frame) override {
    core::MutexLock lock(mutex_);
    if (closed_) return false;
    if (!handshake_written_) {
      // The answer to the handshake can overtake the news that it was written.
      delayed_ = std::move(frame);
      return true;
    }
    outgoing_ = to_byte_buffer(frame);
    StartWrite(&outgoing_);
    return true;
  }

  void finish() override {
    core::MutexLock lock(mutex_);
    if (!closed_) StartWritesDone();
  }

  void cancel() override { context_.TryCancel(); }

  void OnReadDone(bool ok) override {
    if (ok) {
      events_->on_stream_frame(epoch_, to_string(incoming_));
      StartRead(&incoming_);
      return;
    }
    {
      core::MutexLock lock(mutex_);
      closed_ = true;
    }
    RemoveHold();
  }

  void OnWriteDone(bool ok) override {
    bool of_handshake = false;
    bool delayed_lost = false;
    {
      core::MutexLock lock(mutex_);
      of_handshake = !std::exchange(handshake_written_, true);
      if (of_handshake && delayed_) {
        if (ok && !closed_) {
          outgoing_ = to_byte_buffer(*delayed_);
          StartWrite(&outgoing_);
        } else {
          delayed_lost = true;
        }
        delayed_.reset();
      }
    }
    if (!of_handshake || delayed_lost) events_->on_stream_written(epoch_, ok && !delayed_lost);
  }

  void OnDone(const grpc::Status& status) override {
    events_->on_stream_closed(epoch_, status.error_message());
    self_.reset();
  }

 private:
  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  const std::uint64_t epoch_;
  const std::shared_ptr<EndpointStreamEvents> events_;

  // gRPC's reactions.
  grpc::ByteBuffer incoming_;
  std::shared_ptr<GrpcEndpointStream> self_;

  core::Mutex mutex_;
  grpc::ByteBuffer outgoing_ GUARDED_BY(mutex_);
  std::optional<std::string> delayed_ GUARDED_BY(mutex_);
  bool handshake_written_ GUARDED_BY(mutex_) = false;
  bool closed_ GUARDED_BY(mutex_) = false;
};

}  // namespace

std::shared_ptr<EndpointStream> GrpcEndpointDialer::dial(
    const std::string& address, std::uint64_t epoch, std::shared_ptr<EndpointStreamEvents> events) {
  grpc::ChannelArguments arguments;
  // EndpointState decides when to dial again, so no connection, nor gRPC's memory of a failed one, is shared.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetMaxReceiveMessageSize(static_cast<int>(frame_bytes_max_));
  arguments.SetMaxSendMessageSize(-1);
  auto channel = grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
  auto stream = std::make_shared<GrpcEndpointStream>(std::move(channel), epoch, std::move(events));
  stream->start(handshake_);
  return stream;
}

}  // namespace nexus::remote
