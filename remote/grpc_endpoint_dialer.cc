#include "remote/grpc_endpoint_dialer.h"

#include <grpcpp/channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/channel_arguments.h>

#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/base/mutex.h"
#include "core/base/user_code.h"
#include "remote/grpc_bytes.h"
#include "remote/grpc_retired_channels.h"
#include "remote/grpc_tls.h"

namespace nexus::remote {
namespace {

constexpr int kKeepaliveMs = 5 * 60 * 1000;

}  // namespace

// The streams of which gRPC may still complete something.
class GrpcEndpointDialer::LiveStreams {
 public:
  // False after close().
  [[nodiscard]] bool add(std::shared_ptr<Stream> stream);
  // With the channel that it had for itself.
  void remove(Stream* stream, std::shared_ptr<grpc::Channel> channel);
  // Lets go the channels that were connecting when their stream ended.
  void prune() { retired_.prune(); }
  bool await_ends(core::Instant deadline);
  void close();

 private:
  core::Mutex mutex_{"dialer_streams"};
  core::CondVar ended_;
  std::unordered_map<Stream*, std::shared_ptr<Stream>> streams_ GUARDED_BY(mutex_);
  bool closed_ GUARDED_BY(mutex_) = false;
  RetiredChannels retired_;
};

// One call. Of each of its operations at most one is on its way at a time.
class GrpcEndpointDialer::Stream final : public EndpointStream {
 public:
  Stream(std::shared_ptr<LiveStreams> live, GrpcPoller& poller,
         std::shared_ptr<grpc::Channel> channel, bool with_tls, std::uint64_t epoch,
         std::shared_ptr<EndpointStreamEvents> events)
      : live_(std::move(live)),
        poller_(poller),
        with_tls_(with_tls),
        channel_(std::move(channel)),
        stub_(channel_),
        call_(stub_.PrepareCall(&context_, "/remote.Remoting/Receive", &poller.queue())),
        epoch_(epoch),
        events_(std::move(events)) {}

  void start(const std::string& handshake) {
    core::MutexLock lock(mutex_);
    outgoing_ = to_byte_buffer(handshake);
    poller_.about_to_start();
    call_->StartCall(&started_);
  }

  bool write(OutgoingFramePtr frame, std::uint64_t sequence) override {
    core::MutexLock lock(mutex_);
    if (read_ended_ || finishing_) return false;
    if (!handshake_written_) {
      // The answer to the handshake can overtake the news that it was written.
      delayed_ = to_byte_buffer(std::move(frame), sequence);
      return true;
    }
    begin_write(to_byte_buffer(std::move(frame), sequence));
    return true;
  }

  void finish() override {
    core::MutexLock lock(mutex_);
    if (std::exchange(finishing_, true)) return;
    half_close_if_idle();
  }

  void cancel() override { context_.TryCancel(); }

 private:
  template <void (Stream::*kDone)(bool)>
  struct Operation final : GrpcPoller::Operation {
    explicit Operation(Stream& own) : stream(own) {}
    void complete(bool ok) override { (stream.*kDone)(ok); }

    Stream& stream;
  };

  void on_started(bool ok) {
    core::MutexLock lock(mutex_);
    if (!ok) {
      write_pending_ = false;
      read_ended_ = true;
      return end_if_idle();
    }
    call_->Write(outgoing_, &written_);
    call_->Read(&incoming_, &read_);
  }

  void on_read(bool ok) {
    if (ok) {
      answered_ = true;
      // The border of exceptions: there is nobody below to catch them.
      const auto failure =
          core::failure_of([&] { events_->on_stream_frame(epoch_, to_string(incoming_)); });
      if (failure) cancel();
      call_->Read(&incoming_, &read_);
      return;
    }
    core::MutexLock lock(mutex_);
    read_ended_ = true;
    end_if_idle();
  }

  void on_written(bool ok) {
    bool of_handshake = false;
    bool delayed_lost = false;
    {
      core::MutexLock lock(mutex_);
      write_pending_ = false;
      of_handshake = !std::exchange(handshake_written_, true);
      if (delayed_) {
        delayed_lost = !ok || read_ended_;
        if (!delayed_lost) begin_write(*std::move(delayed_));
        delayed_.reset();
      }
      if (finishing_) half_close_if_idle();
    }
    if (!of_handshake || delayed_lost) events_->on_stream_written(epoch_, ok && !delayed_lost);
    core::MutexLock lock(mutex_);
    end_if_idle();
  }

  void on_half_closed(bool) {
    core::MutexLock lock(mutex_);
    half_close_pending_ = false;
    end_if_idle();
  }

  void on_ended(bool) {
    const std::string& detail = status_.error_message();
    events_->on_stream_closed(epoch_, answered_ ? detail : explained(detail, with_tls_));
    events_.reset();
    const std::shared_ptr<LiveStreams> live = live_;
    live->remove(this, channel_);
  }

  void begin_write(grpc::ByteBuffer frame) REQUIRES(mutex_) {
    outgoing_ = std::move(frame);
    write_pending_ = true;
    poller_.about_to_start();
    call_->Write(outgoing_, &written_);
  }
  void half_close_if_idle() REQUIRES(mutex_) {
    if (write_pending_ || read_ended_ || half_closed_) return;
    half_closed_ = true;
    half_close_pending_ = true;
    poller_.about_to_start();
    call_->WritesDone(&half_close_);
  }
  // Once nothing else is on its way.
  void end_if_idle() REQUIRES(mutex_) {
    if (!read_ended_ || write_pending_ || half_close_pending_) return;
    if (std::exchange(end_begun_, true)) return;
    call_->Finish(&status_, &ended_);
  }

  const std::shared_ptr<LiveStreams> live_;
  GrpcPoller& poller_;
  const bool with_tls_;
  const std::shared_ptr<grpc::Channel> channel_;
  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  const std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call_;
  const std::uint64_t epoch_;
  Operation<&Stream::on_started> started_{*this};
  Operation<&Stream::on_read> read_{*this};
  Operation<&Stream::on_written> written_{*this};
  Operation<&Stream::on_half_closed> half_close_{*this};
  Operation<&Stream::on_ended> ended_{*this};

  // Completions of reads and of the end.
  std::shared_ptr<EndpointStreamEvents> events_;
  grpc::ByteBuffer incoming_;
  grpc::Status status_;
  bool answered_ = false;

  core::Mutex mutex_{"dialer_stream"};
  grpc::ByteBuffer outgoing_ GUARDED_BY(mutex_);
  // The handshake is the first write.
  bool write_pending_ GUARDED_BY(mutex_) = true;
  bool handshake_written_ GUARDED_BY(mutex_) = false;
  std::optional<grpc::ByteBuffer> delayed_ GUARDED_BY(mutex_);
  bool finishing_ GUARDED_BY(mutex_) = false;
  bool half_closed_ GUARDED_BY(mutex_) = false;
  bool half_close_pending_ GUARDED_BY(mutex_) = false;
  bool read_ended_ GUARDED_BY(mutex_) = false;
  bool end_begun_ GUARDED_BY(mutex_) = false;
};

bool GrpcEndpointDialer::LiveStreams::add(std::shared_ptr<Stream> stream) {
  core::MutexLock lock(mutex_);
  if (closed_) return false;
  Stream* key = stream.get();
  streams_.emplace(key, std::move(stream));
  return true;
}

void GrpcEndpointDialer::LiveStreams::remove(Stream* stream,
                                             std::shared_ptr<grpc::Channel> channel) {
  retired_.add(std::move(channel));
  {
    std::shared_ptr<Stream> last;
    core::MutexLock lock(mutex_);
    const auto found = streams_.find(stream);
    last = std::move(found->second);
    streams_.erase(found);
    ended_.notify_all();
  }
  retired_.prune();
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
    for (const auto& [key, stream] : streams_) streams.push_back(stream);
  }
  for (const auto& stream : streams) stream->cancel();
  streams.clear();
  {
    core::MutexLock lock(mutex_);
    while (!streams_.empty()) ended_.wait(mutex_);
  }
  retired_.clear();
}

GrpcEndpointDialer::GrpcEndpointDialer(std::size_t frame_bytes_max,
                                       std::shared_ptr<const TlsIdentity> tls)
    : frame_bytes_max_(frame_bytes_max),
      tls_(std::move(tls)),
      live_(std::make_shared<LiveStreams>()) {}

std::shared_ptr<EndpointStream> GrpcEndpointDialer::dial(
    const Call& call, std::shared_ptr<EndpointStreamEvents> events) {
  GrpcPoller* const poller = poller_.load();
  if (poller == nullptr) return nullptr;
  live_->prune();
  grpc::ChannelArguments arguments;
  // EndpointState decides when to dial again, so no connection, nor gRPC's memory of a failed one, is shared.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  // Nodes of Go end a connection that asks more often. Between nodes of ours the endpoint has its own pings.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetMaxReceiveMessageSize(static_cast<int>(frame_bytes_max_));
  arguments.SetMaxSendMessageSize(-1);
  auto channel = open_channel(call.address, std::move(arguments), tls_.get());
  auto stream = std::make_shared<Stream>(live_, *poller, std::move(channel), tls_ != nullptr,
                                         call.epoch, std::move(events));
  if (!live_->add(stream)) return nullptr;
  stream->start(call.handshake);
  return stream;
}

bool GrpcEndpointDialer::await_ends(core::Instant deadline) { return live_->await_ends(deadline); }

void GrpcEndpointDialer::close() { live_->close(); }

}  // namespace nexus::remote
