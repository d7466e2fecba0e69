#include "daemon/actor_door.h"

#include <algorithm>

#include "core/actor/context.h"
#include "core/actor/system_messages.h"
#include "core/base/escape.h"
#include "core/base/nearest.h"
#include "core/process/client_name.h"
#include "daemon/payload_codec.h"
#include "remote/remote_spawn.h"
#include "remote/wire_message.h"

namespace nexus::daemon {
namespace {

using core::Errc;
using core::Error;

constexpr std::size_t kIdBytesMax = 1024;

std::string join(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

std::int64_t milliseconds(core::Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

Error draining() {
  return {Errc::unavailable, "the node is shutting down; use another node", "DRAINING"};
}

}  // namespace

ActorDoor::ActorDoor(core::ActorSystem& system, const Kinds& kinds, const NodeConfig& config,
                     HasLink has_link)
    : system_(system), kinds_(kinds), config_(config), has_link_(std::move(has_link)) {
  for (const auto& [name, kind] : kinds.all()) {
    const auto configured = config.kinds.find(name);
    const KindConfig settings =
        configured == config.kinds.end() ? KindConfig{} : configured->second;
    if (settings.enabled) enabled_[name] = kind.make_props(settings.mailbox_user_count_max);
  }
}

core::Status ActorDoor::check_open() const {
  if (draining_.load()) return draining();
  return core::Nothing{};
}

core::Result<core::Pid> ActorDoor::parse(const std::string& text) const {
  const auto invalid = [&](const std::string& why) {
    return Error{Errc::invalid_argument,
                 "\"" + text.substr(0, 200) + "\" is no Pid: " + why +
                     "; write host:port/id, or the id alone for an actor of this node",
                 "INVALID_PID"};
  };
  if (text.empty()) return invalid("it is empty");
  if (text.size() > kIdBytesMax) return invalid("it is longer than 1024 bytes");
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (std::any_of(text.begin(), text.end(), is_control))
    return invalid("it holds a control character");
  if (text.find('/') == std::string::npos)
    return system_.registry().resolve(system_.address(), text);
  if (text.front() == '/') {
    if (text.size() == 1) return invalid("the id is missing");
    return system_.registry().resolve(system_.address(), text.substr(1));
  }
  const auto split = core::split_pid(text);
  if (!split) return invalid("the id is missing");
  const core::Result<HostPort> address = parse_host_port(split->address);
  if (!address.ok()) return invalid(address.error().detail);
  if (address->port == 0) return invalid("port 0 is no address");
  return system_.registry().resolve(split->address, split->id);
}

core::Result<ActorDoor::Spawned> ActorDoor::spawn(const std::string& kind, const std::string& id,
                                                  bool return_existing) {
  if (core::Status open = check_open(); !open.ok()) return open.error();
  const auto found = enabled_.find(kind);
  if (found == enabled_.end()) {
    std::vector<std::string> known;
    for (const auto& [name, props] : enabled_) known.push_back(name);
    const std::string near = core::nearest(kind, known);
    Error error{Errc::not_found,
                "this node offers no kind \"" + kind + "\"; it offers " + join(known),
                "KIND_UNKNOWN"};
    error.metadata["known"] = join(known);
    if (!near.empty()) {
      error.metadata["nearest"] = near;
      error.detail += "; did you mean \"" + near + "\"?";
    }
    return error;
  }
  core::Result<core::Pid> pid =
      id.empty() ? system_.spawn(found->second) : system_.spawn_named(found->second, id);
  if (pid.ok()) return Spawned{*pid, true};
  if (pid.error().code == Errc::already_exists && return_existing) {
    if (const core::Pid existing = system_.registry().find(id)) return Spawned{existing, false};
  }
  return pid.error();
}

namespace {

// What remote::spawn_at() said, with the reason that clients know.
core::Result<ActorDoor::Spawned> spawned_of(const core::Result<remote::SpawnedAt>& spawned,
                                            const std::string& address, const std::string& id,
                                            bool return_existing) {
  if (spawned.ok() && (spawned->created || return_existing))
    return ActorDoor::Spawned{spawned->pid, spawned->created};
  if (spawned.ok()) {
    return Error{Errc::already_exists,
                 "the node " + address + " has an actor " + core::quoted(id) + " already",
                 "ACTOR_EXISTS"};
  }
  Error error = spawned.error();
  switch (error.code) {
    case Errc::failed_precondition:
      error.reason = "SPAWN_REFUSED";
      break;
    case Errc::unavailable:
      error.reason = "NODE_UNREACHABLE";
      break;
    case Errc::deadline_exceeded:
      error.reason = "NODE_TIMEOUT";
      break;
    case Errc::resource_exhausted:
      error.reason = "OVERLOADED";
      break;
    default:
      error.reason = "NODE_FAILED";
  }
  return error;
}

}  // namespace

void ActorDoor::spawn_at(const std::string& address, const std::string& kind, const std::string& id,
                         bool return_existing, core::Duration budget, Callback<Spawned> done) {
  if (core::Status open = check_open(); !open.ok()) return done(open.error());
  if (core::Status name =
          id.empty() ? core::Status(core::Nothing{}) : core::ActorSystem::check_name(id);
      !name.ok()) {
    return done(name.error());
  }
  remote::spawn_at(system_, address, kind, id, budget,
                   [id, address, return_existing, done = std::move(done)](
                       const core::Result<remote::SpawnedAt>& spawned) mutable {
                     done(spawned_of(spawned, address, id, return_existing));
                   });
}

core::Duration ActorDoor::budget(std::optional<core::Duration> wanted) const {
  using std::chrono::milliseconds;
  if (!wanted) return config_.core.ask_timeout_default;
  // The answer, also "too late", must be back before the client's own clock gives up.
  const core::Duration way_back =
      std::clamp<core::Duration>(*wanted / 10, milliseconds(1), milliseconds(250));
  return std::clamp<core::Duration>(*wanted - way_back, milliseconds(1),
                                    config_.core.ask_timeout_max);
}

Error ActorDoor::not_found(const core::Pid& target) const {
  Error error{Errc::not_found, "there is no actor " + target.to_string(), "ACTOR_NOT_FOUND"};
  error.metadata["pid"] = target.to_string();
  return error;
}

bool ActorDoor::is_here(const core::Pid& pid) const {
  return !pid.is_record() || core::route_of(*pid.record(), system_.address()).empty();
}

bool ActorDoor::is_unreachable(const core::Pid& target) const {
  if (is_here(target)) return false;
  return !has_link_(std::string(core::route_of(*target.record(), system_.address())));
}

Error ActorDoor::unreachable(const core::Pid& target, const std::string& why) const {
  Error error{Errc::unavailable,
              "the node of " + target.to_string() + " cannot be reached (" + why + ")",
              "NODE_UNREACHABLE"};
  error.metadata["pid"] = target.to_string();
  return error;
}

// What can be said before a message is sent.
core::Status ActorDoor::check_target(const core::Pid& target) const {
  if (core::Status open = check_open(); !open.ok()) return open;
  if (!is_here(target)) return core::Nothing{};
  if (target.is_cell() && system_.cells().props(target) != nullptr &&
      target.cell()->generation() == target.generation()) {
    return core::Nothing{};
  }
  return not_found(target);
}

Error ActorDoor::too_large(std::string detail) const {
  const std::string limit = std::to_string(config_.remote.message_bytes_max);
  Error error{Errc::invalid_argument, detail + ", remote.message_bytes_max allows " + limit,
              "MESSAGE_TOO_LARGE"};
  error.metadata["limit"] = limit;
  return error;
}

core::Status ActorDoor::check_payload(const core::Payload& payload,
                                      const core::Headers& headers) const {
  const std::size_t names_max = remote::WireLimits::kNameBytesMax;
  if (payload.type.size() > names_max || payload.content_type.size() > names_max) {
    return Error{Errc::invalid_argument,
                 "the type and the content type of a message have at most " +
                     std::to_string(names_max) + " bytes each",
                 "INVALID_REQUEST"};
  }
  const std::size_t header_bytes = remote::headers_bytes(headers);
  if (payload.data.size() + header_bytes <= config_.remote.message_bytes_max) {
    return core::Nothing{};
  }
  std::string detail = "the message has " + std::to_string(payload.data.size()) + " bytes";
  if (header_bytes > 0) detail += " and its headers " + std::to_string(header_bytes);
  return too_large(std::move(detail));
}

// Each message of a tell gets the headers, so what they take together is limited, too.
core::Status ActorDoor::check_tell_headers(const core::Headers& headers,
                                           std::size_t message_count) const {
  const std::size_t header_bytes = remote::headers_bytes(headers);
  if (header_bytes * message_count <= config_.remote.message_bytes_max) return core::Nothing{};
  return too_large("headers of " + std::to_string(header_bytes) + " bytes in each of " +
                   std::to_string(message_count) + " messages are " +
                   std::to_string(header_bytes * message_count));
}

Error ActorDoor::error_of(const core::Answer& answer, const core::Pid& target,
                          core::Duration budget) const {
  using Outcome = core::Answer::Outcome;
  const std::string pid = target.to_string();
  Error error;
  switch (answer.outcome) {
    case Outcome::answered:
      error = {Errc::internal, "no error"};
      break;
    case Outcome::no_such_actor:
      if (draining_.load()) return draining();
      return not_found(target);
    case Outcome::mailbox_full:
      error = {Errc::resource_exhausted, "the mailbox of " + pid + " is full; try again later",
               "MAILBOX_FULL"};
      break;
    case Outcome::link_failed:
      return unreachable(target, answer.detail);
    case Outcome::too_large:
      error = too_large("the message is too large");
      break;
    case Outcome::not_remotable:
      error = {Errc::internal, "the message cannot leave the node", "NOT_REMOTABLE"};
      break;
    case Outcome::bad_payload:
      error = {Errc::invalid_argument, answer.detail, "INVALID_PAYLOAD"};
      break;
    case Outcome::failed:
      error = {Errc::internal, pid + " failed while it handled the message: " + answer.detail,
               "ACTOR_FAILED"};
      break;
    case Outcome::deadline: {
      // Nobody there can be busy with it, as far as is known.
      if (!answer.started && is_unreachable(target)) {
        return unreachable(target,
                           "no link within " + std::to_string(milliseconds(budget)) + " ms");
      }
      const std::string stage = answer.started ? "running" : "queued";
      error = {Errc::deadline_exceeded,
               "no answer from " + pid + " within " + std::to_string(milliseconds(budget)) +
                   " ms; the message was " + stage,
               "ASK_TIMEOUT"};
      error.metadata["stage"] = stage;
      break;
    }
    case Outcome::cancelled:
      if (draining_.load()) return draining();
      error = {Errc::cancelled, "the call was cancelled", "CANCELLED"};
      break;
    case Outcome::overloaded:
      error = {Errc::resource_exhausted, "too many requests wait for answers on this node",
               "OVERLOADED"};
      break;
  }
  error.metadata["pid"] = pid;
  return error;
}

core::Result<ActorDoor::Message> ActorDoor::message_of(core::Answer answer, bool as_json) const {
  Message message;
  message.headers = answer.message->headers();
  if (auto* payload = answer.message->get<core::Payload>()) {
    message.payload = std::move(*payload);
  } else {
    const core::MessageType& type = answer.message->type();
    if (!type.remotable() || !type.encode(answer.message->message(), &message.payload.data)) {
      return Error{Errc::internal,
                   "the actor answered with a " + type.cpp_name() + ", which no client can read",
                   "ANSWER_UNREADABLE"};
    }
    message.payload.type = type.wire_name();
    message.payload.content_type = core::Payload::kProtobuf;
  }
  // A peer that knows no JSON answers in protobuf; this node may know the type.
  if (as_json && message.payload.content_type == core::Payload::kProtobuf &&
      knows_protobuf(message.payload.type)) {
    core::Result<std::string> json = protobuf_to_json(message.payload.type, message.payload.data);
    if (json.ok()) {
      message.payload.data = std::move(*json);
      message.payload.content_type = core::Payload::kJson;
    }
  }
  return message;
}

ActorDoor::Cancel ActorDoor::ask(const core::Pid& target, Message message, core::Duration budget,
                                 Callback<Message> done) {
  core::Status checked = check_target(target);
  if (checked.ok()) checked = check_payload(message.payload, message.headers);
  if (!checked.ok()) {
    done(checked.error());
    return [] {};
  }
  const bool as_json = message.payload.content_type == core::Payload::kJson;
  const core::Pid sender = system_.futures().open(
      system_.clock().now() + budget,
      [this, target, budget, as_json, done = std::move(done)](core::Answer answer) mutable {
        if (answer.outcome != core::Answer::Outcome::answered) {
          done(error_of(answer, target, budget));
        } else {
          done(message_of(std::move(answer), as_json));
        }
      },
      false, target);
  if (sender.empty()) return [] {};
  auto envelope = core::make_envelope(std::move(message.payload));
  envelope->set_headers(std::move(message.headers));
  envelope->set_sender(sender);
  envelope->set_wants_notices(true);
  (void)system_.registry().send_user(target, std::move(envelope));
  return [this, sender] { system_.futures().cancel(sender); };
}

namespace {

// Collects what became of the messages of one tell.
struct TellProgress {
  core::Mutex mutex{"actor_door_tell"};
  std::uint32_t waiting_count GUARDED_BY(mutex) = 0;
  std::uint32_t enqueued_count GUARDED_BY(mutex) = 0;
  std::optional<Error> first_error GUARDED_BY(mutex);
  ActorDoor::Callback<std::uint32_t> done GUARDED_BY(mutex);
};

void finish_one(TellProgress& progress, std::optional<Error> error) {
  ActorDoor::Callback<std::uint32_t> done;
  std::optional<Error> first_error;
  std::uint32_t enqueued_count = 0;
  {
    core::MutexLock lock(progress.mutex);
    if (!error) ++progress.enqueued_count;
    if (error && !progress.first_error) progress.first_error = std::move(error);
    if (--progress.waiting_count > 0) return;
    done = std::move(progress.done);
    first_error = std::move(progress.first_error);
    enqueued_count = progress.enqueued_count;
  }
  if (!first_error) {
    done(enqueued_count);
    return;
  }
  first_error->metadata["accepted"] = std::to_string(enqueued_count);
  done(std::move(*first_error));
}

}  // namespace

void ActorDoor::tell(const core::Pid& target, std::vector<core::Payload> messages,
                     core::Headers headers, Ack ack, core::Duration budget,
                     Callback<std::uint32_t> done) {
  core::Status checked = check_target(target);
  if (checked.ok()) checked = check_tell_headers(headers, messages.size());
  std::vector<core::EnvelopePtr> envelopes;
  envelopes.reserve(messages.size());
  const core::PropsPtr props = system_.cells().props(target);
  for (core::Payload& payload : messages) {
    if (checked.ok()) checked = check_payload(payload, headers);
    if (!checked.ok()) break;
    // Nobody waits for the actor's turn, so what its kind cannot read is found now where that is possible.
    if (props != nullptr && props->read_payload) {
      core::Result<core::EnvelopePtr> read = props->read_payload(payload);
      if (read.ok()) {
        envelopes.push_back(std::move(*read));
      } else {
        checked = read.error();
      }
    } else {
      envelopes.push_back(core::make_envelope(std::move(payload)));
    }
  }
  if (!checked.ok()) {
    done(checked.error());
    return;
  }
  if (is_here(target) || ack == Ack::accepted) {
    send_told(target, std::move(envelopes), headers, budget, std::move(done));
  } else {
    send_told_and_wait(target, std::move(envelopes), std::move(headers), budget, std::move(done));
  }
}

// In order, up to the first that the door turns away.
void ActorDoor::send_told(const core::Pid& target, std::vector<core::EnvelopePtr> envelopes,
                          const core::Headers& headers, core::Duration budget,
                          Callback<std::uint32_t> done) {
  std::uint32_t accepted_count = 0;
  for (core::EnvelopePtr& envelope : envelopes) {
    envelope->set_headers(headers);
    using Outcome = core::Answer::Outcome;
    std::optional<Outcome> refused;
    switch (system_.registry().send_user(target, std::move(envelope))) {
      case core::Delivered::mailbox:
      case core::Delivered::process:
      case core::Delivered::foreign:
        break;
      case core::Delivered::mailbox_full:
        refused = Outcome::mailbox_full;
        break;
      case core::Delivered::dead_letter:
        refused = Outcome::no_such_actor;
        break;
    }
    if (refused) {
      Error error = error_of({.outcome = *refused}, target, budget);
      error.metadata["accepted"] = std::to_string(accepted_count);
      done(std::move(error));
      return;
    }
    ++accepted_count;
  }
  done(accepted_count);
}

// All at once; the node of the actor reports on each.
void ActorDoor::send_told_and_wait(const core::Pid& target,
                                   std::vector<core::EnvelopePtr> envelopes, core::Headers headers,
                                   core::Duration budget, Callback<std::uint32_t> done) {
  headers.emplace_back(remote::kNoticesHeader, remote::kEnqueuedNotice);
  auto progress = std::make_shared<TellProgress>();
  {
    core::MutexLock lock(progress->mutex);
    progress->waiting_count = static_cast<std::uint32_t>(envelopes.size());
    progress->done = std::move(done);
  }
  for (core::EnvelopePtr& envelope : envelopes) {
    const core::Pid teller = system_.futures().open(
        system_.clock().now() + budget,
        [this, target, budget, progress](core::Answer answer) {
          const bool ok = answer.outcome == core::Answer::Outcome::answered;
          finish_one(*progress,
                     ok ? std::nullopt : std::optional<Error>(error_of(answer, target, budget)));
        },
        true, target);
    if (teller.empty()) continue;
    envelope->set_headers(headers);
    envelope->set_sender(teller);
    (void)system_.registry().send_user(target, std::move(envelope));
  }
}

namespace {

// Watches one actor for somebody outside, stops it first if asked to, and reports its end.
class OutsideWatcher final : public core::Actor {
 public:
  enum class Also : std::uint8_t { nothing, stop, poison };

  OutsideWatcher(core::Pid target, Also also, std::function<void(core::TerminatedReason)> report)
      : target_(std::move(target)), also_(also), report_(std::move(report)) {}

  void receive(core::Context& context) override {
    if (context.message<core::Started>() != nullptr) {
      context.watch(target_);
      if (also_ == Also::stop) context.stop(target_);
      if (also_ == Also::poison) context.poison(target_);
    } else if (const auto* terminated = context.message<core::Terminated>()) {
      report_(terminated->why);
      context.stop(context.self());
    }
  }

 private:
  const core::Pid target_;
  const Also also_;
  const std::function<void(core::TerminatedReason)> report_;
};

core::PropsPtr outside_watcher(const core::Pid& target, OutsideWatcher::Also also,
                               std::function<void(core::TerminatedReason)> report) {
  core::Props props = core::props<OutsideWatcher>(target, also, std::move(report));
  props.system = true;
  return core::share(std::move(props));
}

}  // namespace

namespace {

// The actor that watches for a stop, known to whichever of its spawn and the end of the call comes second.
class WatcherSlot {
 public:
  // The call is over. The watcher, when it is known already.
  core::Pid end() {
    core::MutexLock lock(mutex_);
    ended_ = true;
    return watcher_;
  }
  // Whether the call was over before the watcher was known.
  bool has_ended_before(const core::Pid& watcher) {
    core::MutexLock lock(mutex_);
    watcher_ = watcher;
    return ended_;
  }

 private:
  core::Mutex mutex_{"actor_door_watch"};
  core::Pid watcher_ GUARDED_BY(mutex_);
  bool ended_ GUARDED_BY(mutex_) = false;
};

// Ids of actors and processes that every node of ours has; only unnamed actors have other ids with a '$'.
bool is_well_known(const std::string& id) {
  return id == "activator" || (id.starts_with('$') && !id.starts_with("$c"));
}

}  // namespace

void ActorDoor::stop(const core::Pid& target, StopOptions options, core::Duration budget,
                     Callback<core::Nothing> done) {
  if (core::Status checked = check_target(target); !checked.ok()) {
    done(checked.error());
    return;
  }
  const core::PropsPtr props = system_.cells().props(target);
  if ((props != nullptr && props->system) || (!is_here(target) && is_well_known(target.id()))) {
    done(Error{Errc::permission_denied, target.to_string() + " belongs to the node itself",
               "SYSTEM_ACTOR"});
    return;
  }
  if (!options.wait) {
    if (options.now) {
      system_.stop(target);
    } else {
      system_.poison(target);
    }
    done(core::Nothing{});
    return;
  }
  // The watcher's report is the answer to a request, so it has a deadline, and an end when the node drains or the link is lost.
  auto watcher = std::make_shared<WatcherSlot>();
  const core::Pid waiter = system_.futures().open(
      system_.clock().now() + budget,
      [this, target, budget, watcher, done = std::move(done)](core::Answer answer) mutable {
        if (const core::Pid pid = watcher->end()) system_.stop(pid);
        done(stop_result(answer, target, budget));
      },
      false, target);
  if (waiter.empty()) return;
  const auto also = options.now ? OutsideWatcher::Also::stop : OutsideWatcher::Also::poison;
  const core::Result<core::Pid> spawned =
      system_.spawn(outside_watcher(target, also, [this, waiter](core::TerminatedReason why) {
        (void)system_.send(waiter, core::Terminated{{}, why});
      }));
  if (!spawned.ok()) {
    system_.futures().cancel(waiter);
  } else if (watcher->has_ended_before(*spawned)) {
    system_.stop(*spawned);
  }
}

core::Result<core::Nothing> ActorDoor::stop_result(const core::Answer& answer,
                                                   const core::Pid& target,
                                                   core::Duration budget) const {
  if (answer.outcome == core::Answer::Outcome::deadline) {
    const std::string within = " within " + std::to_string(milliseconds(budget)) + " ms";
    if (is_unreachable(target)) return unreachable(target, "no link" + within);
    Error error{Errc::deadline_exceeded, target.to_string() + " has not stopped" + within,
                "STOP_TIMEOUT"};
    error.metadata["pid"] = target.to_string();
    return error;
  }
  if (answer.outcome != core::Answer::Outcome::answered) return error_of(answer, target, budget);
  switch (answer.message->get<core::Terminated>()->why) {
    case core::TerminatedReason::stopped:
      break;
    case core::TerminatedReason::not_found:
      return not_found(target);
    case core::TerminatedReason::address_terminated:
      return unreachable(target, "peer gone");
  }
  return core::Nothing{};
}

core::Result<core::Pid> ActorDoor::watch(
    const core::Pid& target, std::function<void(core::TerminatedReason)> on_terminated) {
  if (core::Status checked = check_target(target); !checked.ok()) return checked.error();
  core::Result<core::Pid> watcher = system_.spawn(
      outside_watcher(target, OutsideWatcher::Also::nothing, std::move(on_terminated)));
  // The watcher watches when it starts; this is for what the caller does next, which must not overtake it.
  if (watcher.ok()) {
    system_.registry().send_system(target, core::make_envelope(core::Watch{*watcher}));
  }
  return watcher;
}

namespace {

std::optional<ActorView> view_of(core::ActorSystem& system, const core::Pid& pid) {
  const core::ActorCell& cell = *pid.cell();
  const auto info = system.cells().info(cell, pid.generation());
  if (!info) return std::nullopt;
  ActorView view;
  view.pid = pid.to_string();
  view.kind = info->props->kind;
  view.parent = info->parent.is_cell() ? info->parent.to_string() : "";
  view.state = cell.state();
  view.started_at = info->started_at;
  view.processed_count = cell.processed_count();
  view.mailbox_count = cell.mailbox_count();
  view.restart_count = cell.restart_count();
  view.child_count = cell.child_count();
  view.watcher_count = cell.watcher_count();
  return view;
}

}  // namespace

core::Result<ActorView> ActorDoor::get(const core::Pid& pid) const {
  if (core::Status checked = check_target(pid); !checked.ok()) return checked.error();
  std::optional<ActorView> view = view_of(system_, pid);
  if (!view) return not_found(pid);
  return *view;
}

core::Result<ActorDoor::Listed> ActorDoor::list(const ListOptions& options) const {
  if (core::Status open = check_open(); !open.ok()) return open.error();
  // Ids in order, so that pages fit together while actors come and go.
  std::vector<std::pair<std::string, core::Pid>> found;
  constexpr std::size_t kCellsAtOnce = 4096;
  std::uint32_t next_index = 0;
  for (;;) {
    const auto pids = system_.cells().live(next_index, kCellsAtOnce);
    for (const core::Pid& pid : pids) {
      const core::PropsPtr props = system_.cells().props(pid);
      if (props == nullptr) continue;
      if (props->system && !options.include_system) continue;
      if (!options.kind.empty() && props->kind != options.kind) continue;
      std::string id = pid.id();
      if (!id.starts_with(options.id_prefix)) continue;
      if (!options.after_id.empty() && id <= options.after_id) continue;
      found.emplace_back(std::move(id), pid);
    }
    if (pids.size() < kCellsAtOnce) break;
    next_index = pids.back().cell()->index() + 1;
  }
  const bool more = found.size() > options.count_max;
  const auto end =
      found.begin() + static_cast<std::ptrdiff_t>(std::min(found.size(), options.count_max));
  const auto by_id = [](const auto& a, const auto& b) { return a.first < b.first; };
  std::partial_sort(found.begin(), end, found.end(), by_id);
  Listed listed;
  for (auto it = found.begin(); it != end; ++it) {
    if (auto view = view_of(system_, it->second)) listed.actors.push_back(std::move(*view));
    if (more) listed.last_id = it->first;
  }
  return listed;
}

core::Result<std::vector<KindView>> ActorDoor::kinds() const {
  if (core::Status open = check_open(); !open.ok()) return open.error();
  std::map<std::string, std::uint64_t> counts;
  for (const core::Pid& pid : system_.cells().live(0, SIZE_MAX)) {
    if (const core::PropsPtr props = system_.cells().props(pid)) ++counts[props->kind];
  }
  std::vector<KindView> views;
  for (const auto& [name, props] : enabled_) {
    views.push_back({name, kinds_.find(name)->description(), counts[name]});
  }
  return views;
}

}  // namespace nexus::daemon
