#include "cluster/grpc_control_links.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/support/channel_arguments.h>
#include <grpcpp/support/client_callback.h>
#include <grpcpp/support/server_callback.h>

#include <algorithm>
#include <deque>
#include <map>
#include <utility>

#include "core/base/mutex.h"
#include "core/base/sharded_counter.h"
#include "nexus/internal/v1/control.grpc.pb.h"
#include "remote/certified_names.h"
#include "remote/grpc_tls.h"
#include "remote/tls_identity.h"

namespace nexus::cluster {
namespace {

namespace pb = nexus::internal::v1;

constexpr int kKeepaliveMs = 10'000;
// Of a peer's frame, between two.
constexpr std::size_t kFrameBytesKept = 64 * 1024;
// Nodes that were asked for what was missed, since the last view.
constexpr std::size_t kAskedMax = 64;

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

struct Counters {
  core::ShardedCounter sent_message_count;
  core::ShardedCounter sent_bytes;
  core::ShardedCounter dropped_message_count;
  core::ShardedCounter overrun_count;
  core::ShardedCounter oversized_message_count;
  core::ShardedCounter received_message_count;
  core::ShardedCounter refused_message_count;
  core::ShardedCounter refused_link_count;
};

// A stream that this node has opened. Keeps itself until gRPC has done with it.
class OutgoingStream final : public grpc::ClientBidiReactor<pb::Frame, pb::Frame> {
 public:
  // `options` and `counters` must outlive it.
  OutgoingStream(std::string address, std::shared_ptr<grpc::Channel> channel, bool with_tls,
                 const GrpcControlLinks::Options& options, ControlLinkEvents& events,
                 Counters& counters, std::shared_ptr<Running> running)
      : address_(std::move(address)),
        with_tls_(with_tls),
        options_(options),
        events_(events),
        counters_(counters),
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
    running->retire(std::move(self_));
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
  Counters& counters_;
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
  // Why this node has ended it; empty otherwise.
  std::string overrun_ GUARDED_BY(mutex_);
};

class IncomingStream;

// What all streams of other nodes share.
class Incoming {
 public:
  Incoming(const GrpcControlLinks::Options& o, ControlLinkEvents& e, Counters& c,
           std::shared_ptr<const remote::TlsIdentity> t)
      : options(o), events(e), counters(c), tls(std::move(t)) {}

  enum class Claim : std::uint8_t { taken, taken_in_hand, refused };

  // False when this node is stopping. `ended`: the one that gives way, or the one that came (G5); else null.
  bool add(IncomingStream* stream, std::shared_ptr<IncomingStream>& ended);
  void remove(IncomingStream* stream);
  void introduce(IncomingStream* stream, const Peer& peer);
  // G4. What is `taken_in_hand` is let go with let_go().
  Claim claim(const Peer& from, std::size_t bytes);
  void let_go();

  // The gossip thread.
  void set_view(const ViewPtr& view);
  void set_asked(const std::string& address);
  std::vector<std::shared_ptr<IncomingStream>> close();

  const GrpcControlLinks::Options& options;
  ControlLinkEvents& events;
  Counters& counters;
  const std::shared_ptr<const remote::TlsIdentity> tls;

 private:
  bool is_member(const Peer& peer) const REQUIRES(mutex_);

  core::Mutex mutex_{"control_incoming"};
  bool closed_ GUARDED_BY(mutex_) = false;
  // In the order in which they came, with who is there; nobody before it has said so.
  std::map<std::uint64_t, std::pair<IncomingStream*, Peer>> streams_ GUARDED_BY(mutex_);
  std::uint64_t last_number_ GUARDED_BY(mutex_) = 0;
  ViewPtr view_ GUARDED_BY(mutex_);
  // Who has not answered yet: the latest, at most kAskedMax.
  std::deque<std::string> asked_ GUARDED_BY(mutex_);
  std::size_t in_hand_count_ GUARDED_BY(mutex_) = 0;
};

// A stream that another node has opened. Owned by itself until gRPC has done with it.
class IncomingStream final : public grpc::ServerBidiReactor<pb::Frame, pb::Frame>,
                             public std::enable_shared_from_this<IncomingStream> {
 public:
  static IncomingStream* make(const std::shared_ptr<Incoming>& shared,
                              grpc::CallbackServerContext* context) {
    auto stream = std::make_shared<IncomingStream>(shared, context);
    stream->self_ = stream;
    std::shared_ptr<IncomingStream> ended;
    if (!shared->add(stream.get(), ended)) {
      stream->end(grpc::Status(grpc::StatusCode::UNAVAILABLE, "this node is stopping"));
    } else if (ended != stream) {
      stream->read();
    }
    if (ended != nullptr) {
      shared->counters.refused_link_count.add();
      ended->end(grpc::Status(grpc::StatusCode::UNAVAILABLE,
                              "too many nodes speak to this one: at most " +
                                  std::to_string(shared->options.inbound_count_max) +
                                  ", and its members come first"));
    }
    return stream.get();
  }

  // Set once, before the first read.
  std::uint64_t number = 0;

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
    const std::size_t bytes = frame_.message().size();
    const Incoming::Claim claim = shared_->claim(from_, bytes);
    if (claim == Incoming::Claim::refused) {
      shared_->counters.refused_message_count.add();
      return end(grpc::Status(
          grpc::StatusCode::RESOURCE_EXHAUSTED,
          "a control message of " + std::to_string(bytes) +
              " bytes from a node that is no member and was not asked for it; at most " +
              std::to_string(shared_->options.limits.stranger_bytes_max) + " are read"));
    }
    // Of many that have sent something large once, nothing must be kept.
    const auto in_hand =
        claim == Incoming::Claim::taken_in_hand
            ? std::shared_ptr<void>(nullptr, [shared = shared_](void*) { shared->let_go(); })
            : nullptr;
    auto message = decode(frame_.message(), shared_->options.rings, shared_->options.limits);
    if (bytes > kFrameBytesKept) frame_ = pb::Frame();
    if (!message.ok()) {
      shared_->counters.refused_message_count.add();
      return end(grpc::Status(message.error().code == core::Errc::resource_exhausted
                                  ? grpc::StatusCode::RESOURCE_EXHAUSTED
                                  : grpc::StatusCode::INVALID_ARGUMENT,
                              message.error().detail));
    }
    shared_->counters.received_message_count.add();
    shared_->events.on_message(from_, std::move(*message), [weak = weak_from_this(), in_hand] {
      if (const auto self = weak.lock()) self->read();
    });
  }

  void OnCancel() override { end(grpc::Status::CANCELLED); }

  void OnDone() override {
    shared_->remove(this);
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
    shared_->introduce(this, from_);
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

bool Incoming::add(IncomingStream* stream, std::shared_ptr<IncomingStream>& ended) {
  core::MutexLock lock(mutex_);
  if (closed_) return false;
  if (streams_.size() >= options.inbound_count_max) {
    auto stranger = streams_.begin();
    while (stranger != streams_.end() && is_member(stranger->second.second)) ++stranger;
    if (stranger == streams_.end()) {
      ended = stream->shared_from_this();
      return true;
    }
    ended = stranger->second.first->shared_from_this();
    streams_.erase(stranger);
  }
  stream->number = ++last_number_;
  streams_.emplace(stream->number, std::pair(stream, Peer{}));
  return true;
}

void Incoming::remove(IncomingStream* stream) {
  core::MutexLock lock(mutex_);
  streams_.erase(stream->number);
}

void Incoming::introduce(IncomingStream* stream, const Peer& peer) {
  core::MutexLock lock(mutex_);
  const auto entry = streams_.find(stream->number);
  if (entry != streams_.end()) entry->second.second = peer;
}

bool Incoming::is_member(const Peer& peer) const {
  if (view_ == nullptr) return false;
  const auto index = view_->index_of(peer.id);
  return index && view_->member(*index).address == peer.address;
}

Incoming::Claim Incoming::claim(const Peer& from, std::size_t bytes) {
  if (bytes <= options.limits.stranger_bytes_max) return Claim::taken;
  core::MutexLock lock(mutex_);
  if (is_member(from)) return Claim::taken;
  // One answer each: whoever says that it knows a later view is asked.
  if (std::erase(asked_, from.address) > 0) return Claim::taken;
  if (view_ != nullptr || in_hand_count_ >= options.limits.stranger_large_count_max)
    return Claim::refused;
  ++in_hand_count_;
  return Claim::taken_in_hand;
}

void Incoming::let_go() {
  core::MutexLock lock(mutex_);
  --in_hand_count_;
}

void Incoming::set_view(const ViewPtr& view) {
  core::MutexLock lock(mutex_);
  view_ = view;
  asked_.clear();
}

void Incoming::set_asked(const std::string& address) {
  core::MutexLock lock(mutex_);
  std::erase(asked_, address);
  asked_.push_back(address);
  if (asked_.size() > kAskedMax) asked_.pop_front();
}

std::vector<std::shared_ptr<IncomingStream>> Incoming::close() {
  std::vector<std::shared_ptr<IncomingStream>> streams;
  core::MutexLock lock(mutex_);
  closed_ = true;
  for (const auto& [number, entry] : streams_) streams.push_back(entry.first->shared_from_this());
  return streams;
}

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
        incoming_(std::make_shared<Incoming>(options_, events_, counters_, tls_)),
        service_(incoming_) {}

  grpc::Service& service() { return service_; }

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
    if (std::holds_alternative<CatchUp>(message->body)) incoming_->set_asked(address);
    Link& link = links_[address];
    link.used = core::SteadyClock().now();
    if (link.stream != nullptr && link.stream->send(encoded_)) return;
    link.stream = dial(address);
    link.stream->send(encoded_);
  }

  void set_self(const Peer& self) {
    self_ = self;
    for (auto& [address, link] : links_) link.stream->finish();
    links_.clear();
  }

  void set_view(const ViewPtr& view) { incoming_->set_view(view); }

  ControlLinkCounts counts() const {
    return {.sent_message_count = counters_.sent_message_count.sum(),
            .sent_bytes = counters_.sent_bytes.sum(),
            .dropped_message_count = counters_.dropped_message_count.sum(),
            .overrun_count = counters_.overrun_count.sum(),
            .oversized_message_count = counters_.oversized_message_count.sum(),
            .received_message_count = counters_.received_message_count.sum(),
            .refused_message_count = counters_.refused_message_count.sum(),
            .refused_link_count = counters_.refused_link_count.sum()};
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
    for (const auto& stream : incoming_->close())
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
                                                   options_, events_, counters_, running_);
    stream->start(stream, self_);
    all_.push_back(stream);
    return stream;
  }

  const Options options_;
  ControlLinkEvents& events_;
  const std::shared_ptr<const remote::TlsIdentity> tls_;
  Counters counters_;
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
void GrpcControlLinks::set_view(const ViewPtr& view) { impl_->set_view(view); }
ControlLinkCounts GrpcControlLinks::counts() const { return impl_->counts(); }
void GrpcControlLinks::prune(core::Instant now) { impl_->prune(now); }
void GrpcControlLinks::close(core::Duration patience) { impl_->close(patience); }

}  // namespace nexus::cluster
