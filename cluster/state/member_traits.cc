#include "cluster/state/member_traits.h"

#include "nexus/internal/v1/control.pb.h"

namespace nexus::cluster {

namespace pb = nexus::internal::v1;

std::string encode_kinds(const std::vector<std::string>& kinds) {
  pb::MemberKinds message;
  for (const std::string& kind : kinds) message.add_kinds(kind);
  return message.SerializeAsString();
}

std::string encode_labels(const std::map<std::string, std::string>& labels) {
  pb::MemberLabels message;
  for (const auto& [name, value] : labels) (*message.mutable_labels())[name] = value;
  return message.SerializeAsString();
}

MemberTraits traits_of(const Member& member, const std::vector<StateEntry>& state) {
  MemberTraits traits{.kinds = member.kinds, .labels = member.labels};
  for (const StateEntry& entry : state) {
    pb::MemberKinds kinds;
    pb::MemberLabels labels;
    if (entry.key == kKindsKey && kinds.ParseFromString(entry.value)) {
      traits.kinds.assign(kinds.kinds().begin(), kinds.kinds().end());
    } else if (entry.key == kLabelsKey && labels.ParseFromString(entry.value)) {
      traits.labels = {labels.labels().begin(), labels.labels().end()};
    }
  }
  return traits;
}

}  // namespace nexus::cluster
