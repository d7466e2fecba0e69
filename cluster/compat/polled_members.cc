#include "cluster/compat/polled_members.h"

#include <algorithm>
#include <utility>

#include "core/base/check.h"
#include "core/base/escape.h"

namespace nexus::cluster {

PolledMembers::PolledMembers(Options options, std::vector<std::string> hosts)
    : options_(std::move(options)) {
  CHECK(options_.misses_max >= 1);
  for (std::string& name : hosts) hosts_.push_back({.name = std::move(name)});
}

std::vector<PolledMembers::Event> PolledMembers::on_round(
    const std::vector<core::Result<NodeHealth>>& answers) {
  CHECK(answers.size() == hosts_.size());
  std::vector<Event> events;
  for (std::size_t i = 0; i < hosts_.size(); ++i) {
    const core::Result<NodeHealth>& answer = answers[i];
    if (!answer.ok()) {
      const bool is_bad = answer.error().code == core::Errc::invalid_argument;
      on_miss(hosts_[i], is_bad ? Trouble::bad_answer : Trouble::no_answer, answer.error().detail,
              events);
    } else if (answer->cluster != options_.cluster) {
      on_miss(hosts_[i], Trouble::other_cluster,
              "its cluster is called " + core::quoted(answer->cluster), events);
    } else {
      on_good(hosts_[i], *answer, events);
    }
  }
  return events;
}

void PolledMembers::on_good(Host& host, const NodeHealth& health, std::vector<Event>& events) {
  host.miss_count = 0;
  host.trouble = Trouble::none;
  if (host.left_id != health.id) host.left_id.clear();
  FamilyMember member{.id = health.id,
                      .address = health.host + ":" + std::to_string(health.port),
                      .kinds = health.kinds};
  if (host.member == member) return;
  // PM1.
  if (host.member) drop(host, WhyGone::replaced, events);
  // PM3, PM4.
  const bool is_one = health.id != options_.self_id && health.id != host.left_id;
  if (!is_one || contains(health.id)) return;
  events.emplace_back(Joined{member});
  host.member = std::move(member);
}

void PolledMembers::on_miss(Host& host, Trouble trouble, const std::string& detail,
                            std::vector<Event>& events) {
  // PM5.
  if (std::exchange(host.trouble, trouble) != trouble) {
    events.emplace_back(HostTrouble{host.name, trouble, detail});
  }
  // PM2.
  if (++host.miss_count < options_.misses_max) return;
  host.left_id.clear();
  if (host.member) drop(host, WhyGone::silent, events);
}

void PolledMembers::drop(Host& host, WhyGone why, std::vector<Event>& events) {
  events.emplace_back(Gone{std::move(*host.member), why});
  host.member.reset();
}

std::vector<PolledMembers::Event> PolledMembers::on_left(const std::string& id) {
  std::vector<Event> events;
  for (Host& host : hosts_) {
    if (!host.member || host.member->id != id) continue;
    host.left_id = id;
    drop(host, WhyGone::left, events);
  }
  return events;
}

std::vector<FamilyMember> PolledMembers::members() const {
  std::vector<FamilyMember> members;
  for (const Host& host : hosts_) {
    if (host.member) members.push_back(*host.member);
  }
  return members;
}

bool PolledMembers::contains(const std::string& id) const {
  return std::any_of(hosts_.begin(), hosts_.end(),
                     [&](const Host& host) { return host.member && host.member->id == id; });
}

}  // namespace nexus::cluster
