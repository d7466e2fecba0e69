#include "remote/grpc_endpoint_dialer.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>
#include <grpcpp/support/client_callback.h>

#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/base/mutex.h"
#include "core/base/user_code.h"
#include "remote/grpc_bytes.h"

namespace nexus::remote {
namespace {

constexpr int kKeepaliveMs = 5 * 60 * 1000;

}  // namespace

// The streams that gRPC may still call, from before their start until OnDone() has returned.
class GrpcEndpointDialer::LiveStreams {
 public:
  explicit LiveStreams(core::Timers& timers) : timers_(timers) {}

  // False after close().
  [[nodiscard]] bool add(std::shared_ptr<Stream> stream);
  void remove(Stream* stream);
  bool await_ends(core::Instant deadline);
  void close();

 private:
  core::Timers& timers_;

  core::Mutex mutex_{"dialer_streams"};
  core::CondVar ended_;
  // A null one is about to be removed.
  std::unordered_map<Stream*, std::shared_ptr<Stream>> streams_ GUARDED_BY(mutex_);
  // Those that ended after the timers; for close().
  std::vector<core::Timers::Task> left_ GUARDED_BY(mutex_);
  bool closed_ GUARDED_BY(mutex_) = false;
};

// One call.
class GrpcEndpointDialer::Stream final
    : public EndpointStream,
      public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  Stream(std::shared_ptr<LiveStreams> live, std::shared_ptr<grpc::Channel> channel,
         std::uint64_t epoch, std::shared_ptr<EndpointStreamEvents> events)
      : live_(std::move(live)),
        stub_(std::move(channel)),
        epoch_(epoch),
        events_(std::move(events)) {}

  void start(const std::string& handshake) {
    stub_.PrepareBidiStreamingCall(&context_, "/remote.Remoting/Receive", {}, this);
    // Writes start outside of reactions; the hold keeps OnDone() away until the read side has ended.
    AddHold();
    {
      core::MutexLock lock(mutex_);
      outgoing_ = to_byte_buffer(handshake);
      StartWrite(&outgoing_);
    }
    StartRead(&incoming_);
    StartCall();
  }

  bool write(OutgoingFramePtr frame, std::uint64_t sequence) override {
    core::MutexLock lock(mutex_);
    if (read_ended_ || finishing_) return false;
    if (!handshake_written_) {
      // The answer to the handshake can overtake the news that it was written.
      delayed_ = to_byte_buffer(std::move(frame), sequence);
      return true;
    }
    outgoing_ = to_byte_buffer(std::move(frame), sequence);
    write_pending_ = true;
    StartWrite(&outgoing_);
    return true;
  }

  void finish() override {
    core::MutexLock lock(mutex_);
    if (std::exchange(finishing_, true)) return;
    // Otherwise OnWriteDone() does it.
    if (!write_pending_ && !read_ended_) StartWritesDone();
  }

  void cancel() override { context_.TryCancel(); }

  void OnReadDone(bool ok) override {
    if (ok) {
      // The border of exceptions: gRPC would drop them, and the stream would wait for ever.
      const auto failure =
          core::failure_of([&] { events_->on_stream_frame(epoch_, to_string(incoming_)); });
      if (failure) cancel();
      StartRead(&incoming_);
      return;
    }
    {
      core::MutexLock lock(mutex_);
      read_ended_ = true;
    }
    RemoveHold();
  }

  void OnWriteDone(bool ok) override {
    bool of_handshake = false;
    bool delayed_lost = false;
    {
      core::MutexLock lock(mutex_);
      write_pending_ = false;
      of_handshake = !std::exchange(handshake_written_, true);
      if (delayed_) {
        if (ok && !read_ended_) {
          outgoing_ = *std::move(delayed_);
          write_pending_ = true;
          StartWrite(&outgoing_);
        } else {
          delayed_lost = true;
        }
        delayed_.reset();
      }
      if (finishing_ && !write_pending_ && !read_ended_) StartWritesDone();
    }
    if (!of_handshake || delayed_lost) events_->on_stream_written(epoch_, ok && !delayed_lost);
  }

  void OnDone(const grpc::Status& status) override {
    events_->on_stream_closed(epoch_, status.error_message());
    events_.reset();
    const std::shared_ptr<LiveStreams> live = live_;
    live->remove(this);
  }

 private:
  const std::shared_ptr<LiveStreams> live_;
  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  const std::uint64_t epoch_;

  // gRPC's reactions.
  std::shared_ptr<EndpointStreamEvents> events_;
  grpc::ByteBuffer incoming_;

  core::Mutex mutex_{"dialer_stream"};
  grpc::ByteBuffer outgoing_ GUARDED_BY(mutex_);
  // The handshake is the first write.
  bool write_pending_ GUARDED_BY(mutex_) = true;
  bool handshake_written_ GUARDED_BY(mutex_) = false;
  std::optional<grpc::ByteBuffer> delayed_ GUARDED_BY(mutex_);
  bool finishing_ GUARDED_BY(mutex_) = false;
  // The hold is gone, or about to go: no operation may be started from outside.
  bool read_ended_ GUARDED_BY(mutex_) = false;
};

bool GrpcEndpointDialer::LiveStreams::add(std::shared_ptr<Stream> stream) {
  core::MutexLock lock(mutex_);
  if (closed_) return false;
  Stream* key = stream.get();
  streams_.emplace(key, std::move(stream));
  return true;
}

void GrpcEndpointDialer::LiveStreams::remove(Stream* stream) {
  std::shared_ptr<Stream> last;
  {
    core::MutexLock lock(mutex_);
    last = std::move(streams_[stream]);
  }
  // With the process's last channel or server, gRPC joins the threads that call OnDone(); so this one must not drop it.
  core::Timers::Task drop = [last = std::move(last)] {};
  const bool others_drop =
      timers_.schedule(core::SteadyClock().now(), std::move(drop)) != core::Timers::Id{};
  core::MutexLock lock(mutex_);
  if (!others_drop) left_.push_back(std::move(drop));
  streams_.erase(stream);
  ended_.notify_all();
}

bool GrpcEndpointDialer::LiveStreams::await_ends(core::Instant deadline) {
  core::MutexLock lock(mutex_);
  while (!streams_.empty()) {
    if (core::SteadyClock().now() >= deadline) return false;
    ended_.wait_until(mutex_, deadline);
  }
  return true;
}

void GrpcEndpointDialer::LiveStreams::close() {
  std::vector<std::shared_ptr<Stream>> streams;
  {
    core::MutexLock lock(mutex_);
    closed_ = true;
    for (const auto& [key, stream] : streams_) {
      if (stream != nullptr) streams.push_back(stream);
    }
  }
  for (const auto& stream : streams) stream->cancel();
  streams.clear();
  std::vector<core::Timers::Task> left;
  core::MutexLock lock(mutex_);
  while (!streams_.empty()) ended_.wait(mutex_);
  left.swap(left_);
}

GrpcEndpointDialer::GrpcEndpointDialer(core::Timers& timers, std::size_t frame_bytes_max)
    : frame_bytes_max_(frame_bytes_max), live_(std::make_shared<LiveStreams>(timers)) {}

std::shared_ptr<EndpointStream> GrpcEndpointDialer::dial(
    const Call& call, std::shared_ptr<EndpointStreamEvents> events) {
  grpc::ChannelArguments arguments;
  // EndpointState decides when to dial again, so no connection, nor gRPC's memory of a failed one, is shared.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  // Nodes of Go end a connection that asks more often. Between nodes of ours the endpoint has its own pings.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetMaxReceiveMessageSize(static_cast<int>(frame_bytes_max_));
  arguments.SetMaxSendMessageSize(-1);
  auto channel =
      grpc::CreateCustomChannel(call.address, grpc::InsecureChannelCredentials(), arguments);
  auto stream = std::make_shared<Stream>(live_, std::move(channel), call.epoch, std::move(events));
  if (!live_->add(stream)) return nullptr;
  stream->start(call.handshake);
  return stream;
}

bool GrpcEndpointDialer::await_ends(core::Instant deadline) { return live_->await_ends(deadline); }

void GrpcEndpointDialer::close() { live_->close(); }

}  // namespace nexus::remote
