#include "cluster/grpc_control_service.h"

#include <grpcpp/server_builder.h>
#include <grpcpp/support/server_callback.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <utility>
#include <vector>

#include "core/base/mutex.h"
#include "nexus/internal/v1/control.grpc.pb.h"
#include "remote/certified_names.h"
#include "remote/grpc_tls.h"
#include "remote/tls_identity.h"

namespace nexus::cluster {
namespace {

namespace pb = nexus::internal::v1;

// Of a peer's frame, between two.
constexpr std::size_t kFrameBytesKept = 64 * 1024;
// Of what a node says is its address: a name of DNS has at most 253, and a port follows.
constexpr std::size_t kAddressBytesMax = 300;
// Nodes that were asked for what was missed, since the last view.
constexpr std::size_t kAskedMax = 64;

class IncomingStream;

// What all streams of other nodes share.
class Incoming {
 public:
  Incoming(const GrpcControlLinks::Options& o, ControlLinkEvents& e, ControlLinkCounters& c,
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
  void expect_answer(const std::string& address);
  std::vector<std::shared_ptr<IncomingStream>> close();

  const GrpcControlLinks::Options& options;
  ControlLinkEvents& events;
  ControlLinkCounters& counters;
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
    if (from_.address.empty()) {
      return end(
          grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "the first frame must say who speaks"));
    }
    // Not the message's alone: fields that this node does not know were read, too.
    const std::size_t bytes = frame_.ByteSizeLong();
    const Incoming::Claim claim = shared_->claim(from_, bytes);
    if (claim == Incoming::Claim::refused) {
      shared_->counters.refused_message_count.add();
      return end(grpc::Status(
          grpc::StatusCode::RESOURCE_EXHAUSTED,
          "a control frame of " + std::to_string(bytes) +
              " bytes from a node that is no member and was not asked for it; at most " +
              std::to_string(shared_->options.limits.stranger_bytes_max) + " are read"));
    }
    // Of many that have sent something large once, nothing must be kept.
    const auto in_hand =
        claim == Incoming::Claim::taken_in_hand
            ? std::shared_ptr<void>(nullptr, [shared = shared_](void*) { shared->let_go(); })
            : nullptr;
    if (frame_.message().empty()) {
      if (bytes > kFrameBytesKept) frame_ = pb::Frame();
      return read();
    }
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
    if (hello.address().size() > kAddressBytesMax) {
      end(grpc::Status(grpc::StatusCode::INVALID_ARGUMENT,
                       "an address of " + std::to_string(hello.address().size()) +
                           " bytes; at most " + std::to_string(kAddressBytesMax) + " are taken"));
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

void Incoming::expect_answer(const std::string& address) {
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

}  // namespace

class GrpcControlService::Impl final : public pb::ControlService::CallbackService {
 public:
  explicit Impl(std::shared_ptr<Incoming> incoming) : incoming_(std::move(incoming)) {}

  Incoming& incoming() { return *incoming_; }

  grpc::ServerBidiReactor<pb::Frame, pb::Frame>* Connect(
      grpc::CallbackServerContext* context) override {
    return IncomingStream::make(incoming_, context);
  }

 private:
  const std::shared_ptr<Incoming> incoming_;
};

GrpcControlService::GrpcControlService(const GrpcControlLinks::Options& options,
                                       ControlLinkEvents& events, ControlLinkCounters& counters,
                                       std::shared_ptr<const remote::TlsIdentity> tls)
    : impl_(std::make_unique<Impl>(
          std::make_shared<Incoming>(options, events, counters, std::move(tls)))) {}
GrpcControlService::~GrpcControlService() = default;

void GrpcControlService::add_to(grpc::ServerBuilder& builder) {
  builder.RegisterService(impl_.get());
}
void GrpcControlService::set_view(const ViewPtr& view) { impl_->incoming().set_view(view); }
void GrpcControlService::expect_answer(const std::string& address) {
  impl_->incoming().expect_answer(address);
}
void GrpcControlService::close() {
  for (const auto& stream : impl_->incoming().close())
    stream->end(grpc::Status(grpc::StatusCode::UNAVAILABLE, "this node is stopping"));
}

}  // namespace nexus::cluster
