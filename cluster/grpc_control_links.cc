#include "cluster/grpc_control_links.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/support/channel_arguments.h>
#include <grpcpp/support/client_callback.h>
#include <grpcpp/support/server_callback.h>

#include <deque>
#include <map>
#include <set>
#include <utility>

#include "core/base/mutex.h"
#include "nexus/internal/v1/control.grpc.pb.h"
#include "remote/certified_names.h"
#include "remote/grpc_tls.h"
#include "remote/tls_identity.h"

namespace nexus::cluster {
namespace {

namespace pb = nexus::internal::v1;

constexpr int kKeepaliveMs = 10'000;

// Streams that run, so that the last one is waited for, and those that have ended. The last hold on a channel must not be let go
// on a thread of gRPC's: with the process's last channel gRPC 1.51 ends those threads, and one that waits for itself frees twice.
class Running {
 public:
  void add() {
    core::MutexLock lock(mutex_);
    ++count_;
  }
  // A thread of gRPC's: what it held is kept for clear().
  void retire(std::shared_ptr<void> ended) {
    core::MutexLock lock(mutex_);
    retired_.push_back(std::move(ended));
    if (--count_ == 0) ended_.notify_all();
  }
  // No thread of gRPC's.
  void clear() {
    std::vector<std::shared_ptr<void>> retired;
    core::MutexLock lock(mutex_);
    retired.swap(retired_);
  }
  // False when some still run at the deadline.
  bool wait_until(core::Instant deadline) {
    core::MutexLock lock(mutex_);
    while (count_ > 0) {
      if (core::SteadyClock().now() >= deadline) return false;
      ended_.wait_until(mutex_, deadline);
    }
    return true;
  }
  void wait() {
    core::MutexLock lock(mutex_);
    while (count_ > 0) ended_.wait(mutex_);
  }

 private:
  core::Mutex mutex_{"control_running"};
  core::CondVar ended_;
  std::size_t count_ GUARDED_BY(mutex_) = 0;
  std::vector<std::shared_ptr<void>> retired_ GUARDED_BY(mutex_);
};

// A stream that this node has opened. Keeps itself until gRPC has done with it.
class OutgoingStream final : public grpc::ClientBidiReactor<pb::Frame, pb::Frame> {
 public:
  OutgoingStream(std::string address, std::shared_ptr<grpc::Channel> channel, bool with_tls,
                 ControlLinkEvents& events, std::shared_ptr<Running> running)
      : address_(std::move(address)),
        with_tls_(with_tls),
        events_(events),
        running_(std::move(running)),
        stub_(pb::ControlService::NewStub(std::move(channel))) {}

  void start(const std::shared_ptr<OutgoingStream>& self, const Peer& from) {
    running_->add();
    self_ = self;
    pb::Frame hello;
    hello.mutable_hello()->mutable_id()->set_high(from.id.high());
    hello.mutable_hello()->mutable_id()->set_low(from.id.low());
    hello.mutable_hello()->set_address(from.address);
    stub_->async()->Connect(&context_, this);
    {
      core::MutexLock lock(mutex_);
      queue_.push_back(std::move(hello));
      write_next();
    }
    // One read is always open, so that the end of the stream is noticed.
    StartRead(&nothing_);
    StartCall();
  }

  // False when it has ended. One whose peer reads too little ends with this.
  bool send(std::string message, std::size_t queue_bytes_max) {
    {
      core::MutexLock lock(mutex_);
      if (ended_) return false;
      if (queued_bytes_ + message.size() <= queue_bytes_max) {
        queued_bytes_ += message.size();
        pb::Frame frame;
        frame.set_message(std::move(message));
        queue_.push_back(std::move(frame));
        if (!writing_) write_next();
        return true;
      }
    }
    cancel();
    return true;
  }

  bool is_ended() const {
    core::MutexLock lock(mutex_);
    return ended_;
  }

  // Ends it when all has been written; or at once.
  void finish() {
    core::MutexLock lock(mutex_);
    finishing_ = true;
    if (!ended_ && !writing_) StartWritesDone();
  }
  void cancel() { context_.TryCancel(); }

  void OnWriteDone(bool ok) override {
    core::MutexLock lock(mutex_);
    writing_ = false;
    if (!ok || ended_) return;
    queued_bytes_ -= queue_.front().message().size();
    queue_.pop_front();
    if (!queue_.empty()) {
      write_next();
    } else if (finishing_) {
      StartWritesDone();
    }
  }

  void OnReadDone(bool ok) override {
    if (ok) return StartRead(&nothing_);
    core::MutexLock lock(mutex_);
    ended_ = true;
  }

  void OnDone(const grpc::Status& status) override {
    const bool refused = status.error_message().find("Connection refused") != std::string::npos;
    if (status.ok()) {
      // This node has ended it.
    } else if (refused) {
      events_.on_refused(address_);
    } else {
      events_.on_lost(address_, remote::explained(status.error_message(), with_tls_));
    }
    const std::shared_ptr<Running> running = running_;
    running->retire(std::move(self_));
  }

 private:
  void write_next() REQUIRES(mutex_) {
    writing_ = true;
    StartWrite(&queue_.front());
  }

  const std::string address_;
  const bool with_tls_;
  ControlLinkEvents& events_;
  const std::shared_ptr<Running> running_;
  const std::unique_ptr<pb::ControlService::Stub> stub_;
  grpc::ClientContext context_;
  pb::Frame nothing_;
  std::shared_ptr<OutgoingStream> self_;

  // Held while gRPC starts an operation: nothing is started after the end.
  mutable core::Mutex mutex_{"control_stream"};
  // Its first one is being written.
  std::deque<pb::Frame> queue_ GUARDED_BY(mutex_);
  std::size_t queued_bytes_ GUARDED_BY(mutex_) = 0;
  bool writing_ GUARDED_BY(mutex_) = false;
  bool finishing_ GUARDED_BY(mutex_) = false;
  bool ended_ GUARDED_BY(mutex_) = false;
};

// What all streams of other nodes share.
struct Incoming {
  Incoming(const GrpcControlLinks::Options& o, ControlLinkEvents& e,
           std::shared_ptr<const remote::TlsIdentity> t)
      : options(o), events(e), tls(std::move(t)) {}

  const GrpcControlLinks::Options& options;
  ControlLinkEvents& events;
  const std::shared_ptr<const remote::TlsIdentity> tls;

  core::Mutex mutex{"control_incoming"};
  bool closed GUARDED_BY(mutex) = false;
  std::set<class IncomingStream*> streams GUARDED_BY(mutex);
};

// A stream that another node has opened. Owned by itself until gRPC has done with it.
class IncomingStream final : public grpc::ServerBidiReactor<pb::Frame, pb::Frame>,
                             public std::enable_shared_from_this<IncomingStream> {
 public:
  static IncomingStream* make(const std::shared_ptr<Incoming>& shared,
                              grpc::CallbackServerContext* context) {
    auto stream = std::make_shared<IncomingStream>(shared, context);
    stream->self_ = stream;
    bool closed = false;
    {
      core::MutexLock lock(shared->mutex);
      closed = shared->closed;
      if (!closed) shared->streams.insert(stream.get());
    }
    if (closed) {
      stream->end(grpc::Status(grpc::StatusCode::UNAVAILABLE, "this node is stopping"));
    } else {
      stream->StartRead(&stream->frame_);
    }
    return stream.get();
  }

  IncomingStream(std::shared_ptr<Incoming> shared, grpc::CallbackServerContext* context)
      : shared_(std::move(shared)), context_(context) {}

  void end(const grpc::Status& status) {
    core::MutexLock lock(mutex_);
    if (std::exchange(ended_, true)) return;
    Finish(status);
  }

  void OnReadDone(bool ok) override {
    if (!ok) return end(grpc::Status::OK);
    if (frame_.has_hello() && !take_hello()) return;
    if (frame_.message().empty()) return read();
    if (from_.address.empty()) {
      return end(
          grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "the first frame must say who speaks"));
    }
    auto message = decode(frame_.message(), shared_->options.rings, shared_->options.limits);
    if (!message.ok())
      return end(grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, message.error().detail));
    shared_->events.on_message(from_, std::move(*message), [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->read();
    });
  }

  void OnCancel() override { end(grpc::Status::CANCELLED); }

  void OnDone() override {
    {
      core::MutexLock lock(shared_->mutex);
      shared_->streams.erase(this);
    }
    const std::shared_ptr<IncomingStream> self = std::move(self_);
  }

 private:
  void read() {
    core::MutexLock lock(mutex_);
    if (!ended_) StartRead(&frame_);
  }

  // G2.
  bool take_hello() {
    const pb::Hello& hello = frame_.hello();
    const MemberId id(hello.id().high(), hello.id().low());
    if (id == MemberId() || hello.address().empty()) {
      end(grpc::Status(grpc::StatusCode::INVALID_ARGUMENT,
                       "a node must say its id and its address"));
      return false;
    }
    if (shared_->tls != nullptr && shared_->tls->options().mutual) {
      const std::string& name = shared_->tls->options().peer_name;
      const std::string_view wanted =
          name.empty() ? remote::host_of(hello.address()) : std::string_view(name);
      if (!remote::certifies(remote::certified_names_of(*context_->auth_context()), wanted)) {
        end(grpc::Status(grpc::StatusCode::PERMISSION_DENIED,
                         "the certificate of " + hello.address() + " is not made out to " +
                             std::string(wanted)));
        return false;
      }
    }
    from_ = {.id = id, .address = hello.address()};
    return true;
  }

  const std::shared_ptr<Incoming> shared_;
  grpc::CallbackServerContext* const context_;
  std::shared_ptr<IncomingStream> self_;
  // Of the read that is open, or the message that is being dealt with.
  pb::Frame frame_;
  Peer from_;

  core::Mutex mutex_{"control_incoming_stream"};
  bool ended_ GUARDED_BY(mutex_) = false;
};

class Service final : public pb::ControlService::CallbackService {
 public:
  explicit Service(std::shared_ptr<Incoming> shared) : shared_(std::move(shared)) {}

  grpc::ServerBidiReactor<pb::Frame, pb::Frame>* Connect(
      grpc::CallbackServerContext* context) override {
    return IncomingStream::make(shared_, context);
  }

 private:
  const std::shared_ptr<Incoming> shared_;
};

}  // namespace

class GrpcControlLinks::Impl {
 public:
  Impl(Options options, ControlLinkEvents& events, std::shared_ptr<const remote::TlsIdentity> tls)
      : options_(options),
        events_(events),
        tls_(std::move(tls)),
        running_(std::make_shared<Running>()),
        incoming_(std::make_shared<Incoming>(options_, events_, tls_)),
        service_(incoming_) {}

  grpc::Service& service() { return service_; }

  void send(const std::string& address, const ControlMessagePtr& message) {
    Link& link = links_[address];
    link.used = core::SteadyClock().now();
    // The same message goes to many.
    if (message != encoded_message_) {
      encoded_message_ = message;
      encoded_ = encode(*message);
    }
    if (link.stream != nullptr && link.stream->send(encoded_, options_.queue_bytes_max)) return;
    link.stream = dial(address);
    link.stream->send(encoded_, options_.queue_bytes_max);
  }

  void set_self(const Peer& self) {
    self_ = self;
    for (auto& [address, link] : links_) link.stream->finish();
    links_.clear();
  }

  void prune(core::Instant now) {
    running_->clear();
    std::erase_if(all_,
                  [](const std::weak_ptr<OutgoingStream>& stream) { return stream.expired(); });
    std::erase_if(links_, [&](auto& entry) {
      if (entry.second.stream->is_ended()) return true;
      if (now - entry.second.used < options_.idle_max) return false;
      entry.second.stream->finish();
      return true;
    });
  }

  void close(core::Duration patience) {
    for (auto& [address, link] : links_) link.stream->finish();
    links_.clear();
    std::vector<std::shared_ptr<IncomingStream>> streams;
    {
      core::MutexLock lock(incoming_->mutex);
      incoming_->closed = true;
      for (IncomingStream* const stream : incoming_->streams)
        streams.push_back(stream->shared_from_this());
    }
    for (const auto& stream : streams)
      stream->end(grpc::Status(grpc::StatusCode::UNAVAILABLE, "this node is stopping"));
    if (!running_->wait_until(core::SteadyClock().now() + patience)) {
      for (const std::weak_ptr<OutgoingStream>& weak : all_) {
        if (const auto stream = weak.lock()) stream->cancel();
      }
      running_->wait();
    }
    running_->clear();
  }

 private:
  struct Link {
    std::shared_ptr<OutgoingStream> stream;
    core::Instant used;
  };

  std::shared_ptr<OutgoingStream> dial(const std::string& address) {
    const auto ms = [](core::Duration d) {
      return static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(d).count());
    };
    grpc::ChannelArguments arguments;
    // A connection of its own, for each dial.
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, ms(options_.connect_timeout));
    // gRPC makes the keepalive's timeout the socket's TCP_USER_TIMEOUT.
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, ms(options_.user_timeout));
    arguments.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
    arguments.SetMaxReceiveMessageSize(1024);
    arguments.SetMaxSendMessageSize(-1);
    auto channel = remote::open_channel(address, std::move(arguments), tls_.get());
    auto stream = std::make_shared<OutgoingStream>(address, std::move(channel), tls_ != nullptr,
                                                   events_, running_);
    stream->start(stream, self_);
    all_.push_back(stream);
    return stream;
  }

  const Options options_;
  ControlLinkEvents& events_;
  const std::shared_ptr<const remote::TlsIdentity> tls_;
  const std::shared_ptr<Running> running_;
  const std::shared_ptr<Incoming> incoming_;
  Service service_;

  // The gossip thread's.
  Peer self_;
  std::map<std::string, Link> links_;
  // Those too that are ending.
  std::vector<std::weak_ptr<OutgoingStream>> all_;
  ControlMessagePtr encoded_message_;
  std::string encoded_;
};

GrpcControlLinks::GrpcControlLinks(Options options, ControlLinkEvents& events,
                                   std::shared_ptr<const remote::TlsIdentity> tls)
    : impl_(std::make_unique<Impl>(options, events, std::move(tls))) {}
GrpcControlLinks::~GrpcControlLinks() = default;

void GrpcControlLinks::add_to(grpc::ServerBuilder& builder) {
  builder.RegisterService(&impl_->service());
}
void GrpcControlLinks::send(const std::string& address, const ControlMessagePtr& message) {
  impl_->send(address, message);
}
void GrpcControlLinks::set_self(const Peer& self) { impl_->set_self(self); }
void GrpcControlLinks::prune(core::Instant now) { impl_->prune(now); }
void GrpcControlLinks::close(core::Duration patience) { impl_->close(patience); }

}  // namespace nexus::cluster
