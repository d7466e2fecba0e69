#include "cluster/grpc_control_dialer.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/channel_arguments.h>
#include <grpcpp/support/client_callback.h>

#include <deque>
#include <map>
#include <utility>
#include <vector>

#include "core/base/mutex.h"
#include "nexus/internal/v1/control.grpc.pb.h"
#include "remote/grpc_retired_channels.h"
#include "remote/grpc_tls.h"
#include "remote/tls_identity.h"

namespace nexus::cluster {
namespace {

namespace pb = nexus::internal::v1;

constexpr int kKeepaliveMs = 10'000;

// Streams that run, so that the last one is waited for, and those that have ended, with their channels.
class Running {
 public:
  void add() {
    core::MutexLock lock(mutex_);
    ++count_;
  }
  // A thread of gRPC's: what it held is kept for clear().
  void retire(std::shared_ptr<void> ended, std::shared_ptr<grpc::Channel> channel) {
    channels_.add(std::move(channel));
    core::MutexLock lock(mutex_);
    retired_.push_back(std::move(ended));
    if (--count_ == 0) ended_.notify_all();
  }
  // No thread of gRPC's.
  void clear() {
    drop_streams();
    channels_.prune();
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
  // The last call.
  void wait() {
    {
      core::MutexLock lock(mutex_);
      while (count_ > 0) ended_.wait(mutex_);
    }
    drop_streams();
    channels_.clear();
  }

 private:
  void drop_streams() {
    std::vector<std::shared_ptr<void>> retired;
    core::MutexLock lock(mutex_);
    retired.swap(retired_);
  }

  remote::RetiredChannels channels_;
  core::Mutex mutex_{"control_running"};
  core::CondVar ended_;
  std::size_t count_ GUARDED_BY(mutex_) = 0;
  std::vector<std::shared_ptr<void>> retired_ GUARDED_BY(mutex_);
};

// A stream that this node has opened. Keeps itself until gRPC has done with it.
class OutgoingStream final : public grpc::ClientBidiReactor<pb::Frame, pb::Frame> {
 public:
  // `options` and `counters` must outlive it.
  OutgoingStream(std::string address, std::shared_ptr<grpc::Channel> channel, bool with_tls,
                 const GrpcControlLinks::Options& options, ControlLinkEvents& events,
                 ControlLinkCounters& counters, std::shared_ptr<Running> running)
      : address_(std::move(address)),
        with_tls_(with_tls),
        options_(options),
        events_(events),
        counters_(counters),
        running_(std::move(running)),
        channel_(std::move(channel)),
        stub_(pb::ControlService::NewStub(channel_)) {}

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
  bool send(std::string message) {
    {
      core::MutexLock lock(mutex_);
      if (ended_) return false;
      if (queued_bytes_ + message.size() <= options_.queue_bytes_max &&
          queue_.size() < options_.queue_count_max) {
        queued_bytes_ += message.size();
        pb::Frame frame;
        frame.set_message(std::move(message));
        queue_.push_back(std::move(frame));
        if (!writing_) write_next();
        return true;
      }
      ended_ = true;
      counters_.dropped_message_count.add();
      counters_.overrun_count.add();
      overrun_ = "the node does not read: " + std::to_string(queue_.size()) + " messages of " +
                 std::to_string(queued_bytes_) + " bytes wait for it, and one of " +
                 std::to_string(message.size()) + " would be too much";
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
    if (!ok) return;
    const std::size_t bytes = queue_.front().message().size();
    if (bytes > 0) counters_.sent_message_count.add();
    counters_.sent_bytes.add(bytes);
    queued_bytes_ -= bytes;
    queue_.pop_front();
    if (ended_) return;
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
    std::string overrun;
    {
      core::MutexLock lock(mutex_);
      for (const pb::Frame& frame : queue_)
        if (!frame.message().empty()) counters_.dropped_message_count.add();
      overrun = std::move(overrun_);
    }
    const bool refused = status.error_message().find("Connection refused") != std::string::npos;
    // The other node has its limits, too.
    const bool refused_message = status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED ||
                                 status.error_code() == grpc::StatusCode::INVALID_ARGUMENT;
    if (!overrun.empty()) {
      events_.on_dropped(address_, overrun);
    } else if (refused_message) {
      events_.on_dropped(address_, "the node does not take what this one says: " +
                                       remote::explained(status.error_message(), with_tls_));
    }
    if (status.ok()) {
      // This node has ended it.
    } else if (refused) {
      events_.on_refused(address_);
    } else {
      events_.on_lost(address_, remote::explained(status.error_message(), with_tls_));
    }
    const std::shared_ptr<Running> running = running_;
    running->retire(std::move(self_), channel_);
  }

 private:
  void write_next() REQUIRES(mutex_) {
    writing_ = true;
    StartWrite(&queue_.front());
  }

  const std::string address_;
  const bool with_tls_;
  const GrpcControlLinks::Options& options_;
  ControlLinkEvents& events_;
  ControlLinkCounters& counters_;
  const std::shared_ptr<Running> running_;
  const std::shared_ptr<grpc::Channel> channel_;
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
  // Why this node has ended it; empty otherwise.
  std::string overrun_ GUARDED_BY(mutex_);
};

}  // namespace

class GrpcControlDialer::Impl {
 public:
  Impl(const GrpcControlLinks::Options& options, ControlLinkEvents& events,
       ControlLinkCounters& counters, std::shared_ptr<const remote::TlsIdentity> tls)
      : options_(options),
        events_(events),
        counters_(counters),
        tls_(std::move(tls)),
        running_(std::make_shared<Running>()) {}

  void send(const std::string& address, const ControlMessagePtr& message) {
    // The same message goes to many.
    if (message != encoded_message_) {
      encoded_message_ = message;
      encoded_ = encode(*message);
    }
    if (encoded_.size() > options_.limits.bytes_max) {
      counters_.oversized_message_count.add();
      events_.on_dropped(address, "a control message of " + std::to_string(encoded_.size()) +
                                      " bytes is not sent; at most " +
                                      std::to_string(options_.limits.bytes_max) + " are read");
      return;
    }
    Link& link = links_[address];
    link.used = core::SteadyClock().now();
    if (link.stream != nullptr && link.stream->send(encoded_)) return;
    link.stream = dial(address);
    link.stream->send(encoded_);
  }

  void set_self(const Peer& self) {
    self_ = self;
    finish();
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

  void finish() {
    for (auto& [address, link] : links_) link.stream->finish();
    links_.clear();
  }

  void wait(core::Duration patience) {
    if (!running_->wait_until(core::SteadyClock().now() + patience)) {
      for (const std::weak_ptr<OutgoingStream>& weak : all_) {
        if (const auto stream = weak.lock()) stream->cancel();
      }
    }
    running_->wait();
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
                                                   options_, events_, counters_, running_);
    stream->start(stream, self_);
    all_.push_back(stream);
    return stream;
  }

  const GrpcControlLinks::Options& options_;
  ControlLinkEvents& events_;
  ControlLinkCounters& counters_;
  const std::shared_ptr<const remote::TlsIdentity> tls_;
  const std::shared_ptr<Running> running_;

  Peer self_;
  std::map<std::string, Link> links_;
  // Those too that are ending.
  std::vector<std::weak_ptr<OutgoingStream>> all_;
  ControlMessagePtr encoded_message_;
  std::string encoded_;
};

GrpcControlDialer::GrpcControlDialer(const GrpcControlLinks::Options& options,
                                     ControlLinkEvents& events, ControlLinkCounters& counters,
                                     std::shared_ptr<const remote::TlsIdentity> tls)
    : impl_(std::make_unique<Impl>(options, events, counters, std::move(tls))) {}
GrpcControlDialer::~GrpcControlDialer() = default;

void GrpcControlDialer::send(const std::string& address, const ControlMessagePtr& message) {
  impl_->send(address, message);
}
void GrpcControlDialer::set_self(const Peer& self) { impl_->set_self(self); }
void GrpcControlDialer::prune(core::Instant now) { impl_->prune(now); }
void GrpcControlDialer::finish() { impl_->finish(); }
void GrpcControlDialer::wait(core::Duration patience) { impl_->wait(patience); }

}  // namespace nexus::cluster
