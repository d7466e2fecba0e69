#include "remote/remote.h"

#include <algorithm>

#include "core/actor/system_messages.h"
#include "core/base/escape.h"
#include "remote/activator.h"
#include "remote/grpc_endpoint_dialer.h"

namespace nexus::remote {

namespace {

// Peers refuse a whole frame for one text in it that is not UTF-8.
bool are_utf8(const core::Headers& headers) {
  for (const auto& [key, value] : headers) {
    for (std::string_view text : {std::string_view(key), std::string_view(value)}) {
      while (!text.empty()) {
        const std::size_t bytes = core::utf8_sequence_bytes(text);
        if (bytes == 0) return false;
        text.remove_prefix(bytes);
      }
    }
  }
  return true;
}

}  // namespace

std::size_t frame_bytes_max(const Options& options) {
  // Table entries and tags come on top of what the limits count.
  constexpr std::size_t kSlack = 64 * 1024;
  return std::max(options.batch_bytes_max, options.message_bytes_max) * 2 + kSlack;
}

Remote::Remote(Options options, core::ActorSystem& system, std::string member_id)
    : system_(system),
      shared_(std::make_shared<Endpoint::Shared>(
          options, system,
          std::make_unique<GrpcEndpointDialer>(
              system.timers(),
              encode(ConnectRequest{
                  .member_id = member_id, .address = system.address(), .client = false}),
              frame_bytes_max(options)))),
      endpoints_(shared_),
      reader_(system, shared_->types, endpoints_),
      service_(reader_, endpoints_, Peer{.address = system.address(), .member_id = member_id},
               system.log()) {
  system_.registry().set_foreign_route(this);
}

Remote::~Remote() {
  system_.registry().set_foreign_route(nullptr);
  (void)endpoints_.close(system_.clock().now());
  shared_->dialer->close();
}

core::Status Remote::start_activator(SpawnKind spawn) {
  core::Result<core::Pid> activator =
      system_.spawn_system(activator_props(std::move(spawn)), "activator");
  if (!activator.ok()) return activator.error();
  CHECK(system_.registry().add("$activator", *activator));
  return core::Nothing{};
}

void Remote::deliver_foreign(const core::Pid& target, core::EnvelopePtr envelope, core::Lane lane) {
  const auto endpoint = endpoints_.endpoint(target.address());
  if (endpoint == nullptr) {
    system_.dead_letters().take(target, std::move(envelope), lane,
                                core::DeadLetterReason::link_down);
    return;
  }
  if (lane == core::Lane::system) {
    if (const auto* watch = envelope->get<core::Watch>()) {
      endpoint->add_watched(watch->watcher, target);
      return;
    }
    if (const auto* unwatch = envelope->get<core::Unwatch>()) {
      endpoint->remove_watched(unwatch->watcher, target);
      return;
    }
  }
  WireMessage message;
  if (const auto* terminated = envelope->get<core::Terminated>()) {
    endpoint->forget_inbound_watch(target, terminated->who);
    message.exempt = true;
  }
  if (envelope->is<core::PoisonPill>()) message.exempt = true;
  message.target = target;
  message.lane = lane;
  if (!shared_->types.encode(*envelope, message) || !are_utf8(envelope->headers())) {
    system_.dead_letters().take(target, std::move(envelope), lane,
                                core::DeadLetterReason::not_remotable);
    return;
  }
  message.sender = envelope->sender();
  message.headers = envelope->headers();
  if (envelope->deadline() != core::Instant::max()) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(envelope->deadline() - system_.clock().now());
    if (left <= std::chrono::milliseconds::zero()) {
      system_.dead_letters().take(target, std::move(envelope), lane,
                                  core::DeadLetterReason::expired);
      return;
    }
    message.headers.emplace_back(kTimeoutHeader, std::to_string(left.count()));
  }
  message.wants_notices = envelope->wants_notices();
  endpoint->send(std::move(message));
}

bool Remote::close(core::Duration patience) {
  const core::Instant deadline = core::deadline_after(system_.clock().now(), patience);
  const bool flushed = endpoints_.close(deadline);
  // A goodbye travels on another connection and would overtake what is still on its way.
  const bool read = shared_->dialer->await_ends(deadline);
  service_.say_goodbye();
  return flushed && read;
}

}  // namespace nexus::remote
