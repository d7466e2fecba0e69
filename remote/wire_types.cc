#include "remote/wire_types.h"

#include "core/actor/messages.h"
#include "core/actor/system_messages.h"
#include "nexus/internal/v1/notice.pb.h"
#include "nexus/v1/types.pb.h"
#include "protoactor/actor.pb.h"
#include "protoactor/remote.pb.h"
#include "remote/activation_messages.h"
#include "remote/protobuf_wire.h"

namespace nexus::remote {
namespace {

namespace wire = nexus::internal::v1;

void to_proto(const core::Pid& pid, actor::PID* out) {
  out->set_address(pid.address());
  out->set_id(pid.id());
  out->set_request_id(pid.request_id());
}

}  // namespace

template <typename Message, typename Proto, typename ToProto, typename FromProto>
void WireTypes::add_builtin(ToProto to, FromProto from) {
  static_assert(!core::HasWire<Message> && !core::ProtobufMessage<Message>);
  const std::string name = Proto::descriptor()->full_name();
  reserved_.insert(name);
  encoders_[&core::message_type<Message>()] = {
      name, [to](const core::Envelope& envelope, std::string* out) {
        Proto proto;
        to(*envelope.get<Message>(), proto);
        return proto.SerializeToString(out);
      }};
  decoders_[name].builtin_ = [from](std::string_view data) -> core::EnvelopePtr {
    Proto proto;
    if (!proto.ParseFromArray(data.data(), static_cast<int>(data.size()))) return nullptr;
    return core::make_envelope<Message>(from(proto));
  };
}

WireTypes::WireTypes(core::ProcessRegistry& registry) {
  const auto pid_of = [&registry](const actor::PID& pid) {
    if (pid.id().empty()) return core::Pid{};
    return registry.resolve(pid.address(), pid.id()).with_request_id(pid.request_id());
  };
  add_builtin<core::Watch, actor::Watch>(
      [](const core::Watch& m, actor::Watch& p) { to_proto(m.watcher, p.mutable_watcher()); },
      [=](const actor::Watch& p) { return core::Watch{pid_of(p.watcher())}; });
  add_builtin<core::Unwatch, actor::Unwatch>(
      [](const core::Unwatch& m, actor::Unwatch& p) { to_proto(m.watcher, p.mutable_watcher()); },
      [=](const actor::Unwatch& p) { return core::Unwatch{pid_of(p.watcher())}; });
  add_builtin<core::Terminated, actor::Terminated>(
      [](const core::Terminated& m, actor::Terminated& p) {
        to_proto(m.who, p.mutable_who());
        p.set_why(static_cast<actor::TerminatedReason>(m.why));
      },
      [=](const actor::Terminated& p) {
        const bool known = p.why() >= 0 && p.why() <= 2;
        return core::Terminated{pid_of(p.who()), known
                                                     ? static_cast<core::TerminatedReason>(p.why())
                                                     : core::TerminatedReason::stopped};
      });
  add_builtin<core::Stop, actor::Stop>([](const core::Stop&, actor::Stop&) {},
                                       [](const actor::Stop&) { return core::Stop{}; });
  add_builtin<core::PoisonPill, actor::PoisonPill>(
      [](const core::PoisonPill&, actor::PoisonPill&) {},
      [](const actor::PoisonPill&) { return core::PoisonPill{}; });
  add_builtin<core::Touch, actor::Touch>([](const core::Touch&, actor::Touch&) {},
                                         [](const actor::Touch&) { return core::Touch{}; });
  add_builtin<core::Touched, actor::Touched>(
      [](const core::Touched& m, actor::Touched& p) { to_proto(m.who, p.mutable_who()); },
      [=](const actor::Touched& p) { return core::Touched{pid_of(p.who())}; });
  add_builtin<core::DeadLetterResponse, actor::DeadLetterResponse>(
      [](const core::DeadLetterResponse& m, actor::DeadLetterResponse& p) {
        to_proto(m.target, p.mutable_target());
      },
      [=](const actor::DeadLetterResponse& p) {
        return core::DeadLetterResponse{pid_of(p.target())};
      });
  add_builtin<ActorPidRequest, ::remote::ActorPidRequest>(
      [](const ActorPidRequest& m, ::remote::ActorPidRequest& p) {
        p.set_name(m.name);
        p.set_kind(m.kind);
      },
      [](const ::remote::ActorPidRequest& p) {
        return ActorPidRequest{p.name(), p.kind()};
      });
  add_builtin<ActorPidResponse, ::remote::ActorPidResponse>(
      [](const ActorPidResponse& m, ::remote::ActorPidResponse& p) {
        if (m.pid) to_proto(m.pid, p.mutable_pid());
        p.set_status_code(static_cast<std::int32_t>(m.status));
      },
      [=](const ::remote::ActorPidResponse& p) {
        return ActorPidResponse{pid_of(p.pid()), static_cast<ActivationStatus>(p.status_code())};
      });
  add_builtin<core::Notice, wire::Notice>(
      [](const core::Notice& m, wire::Notice& p) {
        p.set_kind(static_cast<wire::Notice::Kind>(m.kind));
        p.set_detail(m.detail);
      },
      [](const wire::Notice& p) {
        return core::Notice{static_cast<core::Notice::Kind>(p.kind()), p.detail()};
      });
  reserved_.insert(v1::Payload::descriptor()->full_name());
}

void WireTypes::add(const core::MessageType& type) {
  decoders_[type.wire_name()].user_type_ = &type;
}

std::optional<WireTypes::Encoded> WireTypes::encode(const core::Envelope& envelope,
                                                    std::string& scratch) const {
  const core::MessageType& type = envelope.type();
  // The runtime's own messages are none of these, see add_builtin().
  if (type.remotable()) {
    if (!type.encode(envelope.message(), &scratch)) return std::nullopt;
    return Encoded{type.wire_name(), scratch};
  }
  if (const auto* payload = envelope.get<core::Payload>()) {
    if (payload->content_type == core::Payload::kProtobuf && !payload->type.empty() &&
        !reserved_.contains(payload->type)) {
      // A peer refuses the whole frame for it.
      if (!pb::is_utf8(payload->type)) return std::nullopt;
      return Encoded{payload->type, payload->data};
    }
    v1::Payload proto;
    proto.set_type(payload->type);
    proto.set_content_type(payload->content_type);
    proto.set_data(payload->data);
    if (!proto.SerializeToString(&scratch)) return std::nullopt;
    return Encoded{v1::Payload::descriptor()->full_name(), scratch};
  }
  const auto found = encoders_.find(&type);
  if (found == encoders_.end() || !found->second.encode(envelope, &scratch)) return std::nullopt;
  return Encoded{found->second.name, scratch};
}

const WireTypes::Decoder* WireTypes::find(std::string_view type_name) const {
  const auto found = decoders_.find(std::string(type_name));
  return found == decoders_.end() ? nullptr : &found->second;
}

core::EnvelopePtr WireTypes::decode(std::string_view type_name, std::string_view data) const {
  const std::string name(type_name);
  if (name == v1::Payload::descriptor()->full_name()) {
    v1::Payload proto;
    if (!proto.ParseFromArray(data.data(), static_cast<int>(data.size()))) return nullptr;
    return core::make_envelope(
        core::Payload{proto.type(), proto.content_type(), std::move(*proto.mutable_data())});
  }
  const auto found = decoders_.find(name);
  if (found != decoders_.end()) return found->second(data);
  return core::make_envelope(core::Payload{name, core::Payload::kProtobuf, std::string(data)});
}

bool WireTypes::is_system(const core::Envelope& envelope) {
  return envelope.is<core::Watch>() || envelope.is<core::Unwatch>() || envelope.is<core::Stop>();
}

}  // namespace nexus::remote
