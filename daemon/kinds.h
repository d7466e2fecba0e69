// Kinds: the sorts of actors that this binary can host, by name, and how clients' payloads become their messages.
//
//   add(), Kind's setters   before the node starts; not thread-safe
//   everything else         any thread
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/actor/props.h"
#include "core/base/result.h"

namespace nexus::daemon {

class Kind {
 public:
  Kind(std::string name, core::Props props, std::string description)
      : name_(std::move(name)), description_(std::move(description)), props_(std::move(props)) {}

  // Actors of the kind take messages of this type from clients and peers: a protobuf message, or a type with core::Wire. A
  // client's JSON (protobuf messages only) is read as the type it names, or as the first accepted one when it names none;
  // the answer goes back in the client's format. A kind that accepts nothing gets each payload as a core::Payload.
  template <typename T>
  Kind& accepts() {
    return accepts(core::message_type<T>());
  }
  Kind& accepts(const core::MessageType& type);

  const std::string& name() const { return name_; }
  const std::string& description() const { return description_; }
  const std::vector<const core::MessageType*>& accepted() const { return accepted_; }

  // Props for the node; `mailbox_user_count_max` 0 keeps the kind's own.
  core::PropsPtr make_props(std::uint32_t mailbox_user_count_max) const;

 private:
  std::string name_;
  std::string description_;
  core::Props props_;
  std::vector<const core::MessageType*> accepted_;
};

class Kinds {
 public:
  // Replaces a kind of the same name, so that a user's binary may bring its own `echo`.
  Kind& add(std::string name, core::Props props, std::string description);

  // Null when there is none.
  const Kind* find(const std::string& name) const;
  std::vector<std::string> names() const;
  const std::map<std::string, Kind>& all() const { return kinds_; }

 private:
  std::map<std::string, Kind> kinds_;
};

}  // namespace nexus::daemon
