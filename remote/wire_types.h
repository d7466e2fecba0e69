// WireTypes: which messages can leave and enter the node, by C++ type and by name on the wire.
//
//   add()                before the first connection; not thread-safe
//   encode(), decode()   any thread
//
// Only types that are added here are ever constructed from bytes; everything else arrives as a core::Payload. A Payload that
// calls itself one of the runtime's messages, such as actor.Stop, stays a Payload on the other side too.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "core/actor/envelope.h"
#include "core/base/user_code.h"
#include "core/process/process_registry.h"
#include "remote/wire_message.h"

namespace nexus::remote {

// What the family calls those messages of the runtime that links look at.
namespace wire_name {
inline constexpr std::string_view kActorPrefix = "actor.";
inline constexpr std::string_view kStop = "actor.Stop";
inline constexpr std::string_view kPoisonPill = "actor.PoisonPill";
inline constexpr std::string_view kWatch = "actor.Watch";
inline constexpr std::string_view kUnwatch = "actor.Unwatch";
inline constexpr std::string_view kTerminated = "actor.Terminated";
}  // namespace wire_name

class WireTypes {
 public:
  // Knows the messages of the runtime (actor.*, remote.*, nexus.*). Pids in them are resolved through `registry`.
  explicit WireTypes(core::ProcessRegistry& registry);

  // A type of the user's: a protobuf message, or one with core::Wire.
  template <typename T>
  void add() {
    static_assert(core::HasWire<T> || core::ProtobufMessage<T>);
    add(core::message_type<T>());
  }
  void add(const core::MessageType& type);

  struct Encoded {
    std::string_view type_name;
    std::string_view data;
  };
  // Nothing when the message cannot leave the process. The views are valid for as long as the envelope and `scratch` are, and
  // nothing is written to either.
  std::optional<Encoded> encode(const core::Envelope& envelope, std::string& scratch) const;
  // Reads the messages of one name.
  class Decoder {
   public:
    // Null when the bytes are not what the name says, or the user's codec threw.
    core::EnvelopePtr operator()(std::string_view data) const {
      if (user_type_ == nullptr) return builtin_(data);
      core::EnvelopePtr read;
      if (core::failure_of([&] { read = user_type_->decode(data); })) return nullptr;
      return read;
    }
    // A type that was given to add(): nothing that the runtime looks at.
    bool is_users() const { return user_type_ != nullptr; }

   private:
    friend class WireTypes;

    const core::MessageType* user_type_ = nullptr;
    std::function<core::EnvelopePtr(std::string_view)> builtin_{};
  };
  // What decode() uses for that name, as long as this lives; null when it depends on more than the name.
  const Decoder* find(std::string_view type_name) const;
  // Null when the bytes are not what the name says, or the user's codec threw.
  core::EnvelopePtr decode(std::string_view type_name, std::string_view data) const;
  // Takes part in the system lane on arrival.
  static bool is_system(const core::Envelope& envelope);

 private:
  using Encode = std::function<bool(const core::Envelope&, std::string*)>;
  struct Encoder {
    std::string name;
    Encode encode;
  };
  template <typename Message, typename Proto, typename ToProto, typename FromProto>
  void add_builtin(ToProto to_proto, FromProto from_proto);

  std::unordered_map<const core::MessageType*, Encoder> encoders_;
  std::unordered_map<std::string, Decoder> decoders_;
  // Names that mean something to the runtime: no Payload may take them on.
  std::unordered_set<std::string> reserved_;
};

}  // namespace nexus::remote
