#include "daemon/cli/cluster_output.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "daemon/cli/base64.h"
#include "daemon/cli/json_text.h"
#include "daemon/cli/table.h"
#include "daemon/cli/time_text.h"

namespace nexus::cli {
namespace {

std::string count_text(std::uint64_t count) {
  return std::to_string(count) + (count == 1 ? " member" : " members");
}

void append(std::string& list, std::string_view item) {
  if (!list.empty()) list += ", ";
  list += item;
}

std::string node_status_text(const ClusterInfo& cluster) {
  const std::string node = printable(cluster.node_address);
  if (cluster.node_status == "frozen") {
    return node + " is frozen\nFROZEN: " + node +
           " hears too few of the members for the cluster to change; nobody can join or be taken "
           "out until it hears more of them; when they are lost for good, `nexusctl force-view` "
           "goes "
           "on without them\n";
  }
  if (cluster.node_status == "unknown") return "the status of " + node + " is unknown\n";
  if (cluster.node_status == "left") return node + " has left the cluster and is stopping\n";
  return node +
         (cluster.node_status == "member" ? " is a member\n" : " is " + cluster.node_status + "\n");
}

JsonObject& put_member(JsonObject& object, const MemberInfo& member) {
  std::string kinds;
  for (const std::string& kind : member.kinds) {
    if (!kinds.empty()) kinds += ',';
    kinds += quote_json(kind);
  }
  std::map<std::string, std::string> state;
  for (const auto& [name, bytes] : member.state) state[name] = base64(bytes);
  return object.put("address", member.address)
      .put("id", member.id)
      .put("status", member.status)
      .put("self", member.self)
      .put("since_epoch", member.since_epoch)
      .put("version", member.version)
      .put("zone", member.zone)
      .put_json("kinds", '[' + kinds + ']')
      .put("labels", member.labels)
      .put("state_base64", state);
}

// What the lines of one event have in common.
JsonObject event_object(std::string_view name, const ClusterEvent& event) {
  JsonObject object;
  object.put("event", name)
      .put("time", event.at_unix_s == 0 ? "" : utc_text(event.at_unix_s))
      .put("epoch", event.view.epoch)
      .put("view_id", event.view.id);
  return object;
}

}  // namespace

std::string members_text(const ClusterInfo& cluster, const MemberList& list) {
  const bool has_zones = std::any_of(list.members.begin(), list.members.end(),
                                     [](const MemberInfo& member) { return !member.zone.empty(); });
  std::vector<Table::Column> columns = {
      {"ADDRESS"}, {"STATUS"}, {"SELF"}, {"SINCE", Table::Align::right}, {"VERSION"}};
  if (has_zones) columns.push_back({"ZONE"});
  columns.push_back({"ID"});
  Table table(std::move(columns));
  for (const MemberInfo& member : list.members) {
    std::vector<std::string> cells = {member.address, member.status, member.self ? "*" : "",
                                      std::to_string(member.since_epoch), member.version};
    if (has_zones) cells.push_back(member.zone);
    cells.push_back(member.id);
    table.add(std::move(cells));
  }
  return "cluster " + printable(cluster.name) + ": epoch " + std::to_string(list.view.epoch) +
         ", " + count_text(list.view.member_count) + "; " + node_status_text(cluster) +
         table.text();
}

std::string members_json(const ClusterInfo& cluster, const MemberList& list) {
  std::string lines = JsonObject()
                          .put("cluster", cluster.name)
                          .put("epoch", list.view.epoch)
                          .put("view_id", list.view.id)
                          .put("member_count", list.view.member_count)
                          .put("node", cluster.node_address)
                          .put("node_id", cluster.node_id)
                          .put("node_status", cluster.node_status)
                          .text() +
                      '\n';
  for (const MemberInfo& member : list.members) lines += member_json(member);
  return lines;
}

std::string member_text(const MemberInfo& member) {
  std::string kinds;
  for (const std::string& kind : member.kinds) append(kinds, kind);
  std::string labels;
  for (const auto& [name, value] : member.labels) append(labels, name + '=' + value);
  std::string state;
  for (const auto& [name, bytes] : member.state) append(state, name);

  Table table({{"FIELD"}, {"VALUE"}});
  table.add({"address", member.address});
  table.add({"id", member.id});
  table.add({"status", member.status});
  table.add({"self", member.self ? "yes" : "no"});
  table.add({"since epoch", std::to_string(member.since_epoch)});
  table.add({"version", member.version});
  table.add({"zone", member.zone});
  table.add({"kinds", kinds});
  table.add({"labels", labels});
  table.add({"state", state});
  return table.text();
}

std::string member_json(const MemberInfo& member) {
  JsonObject object;
  return put_member(object, member).text() + '\n';
}

std::string joined_text(const ViewInfo& view) {
  return "joined: epoch " + std::to_string(view.epoch) + ", " + count_text(view.member_count) +
         '\n';
}

std::string joined_json(const ViewInfo& view) {
  return JsonObject()
             .put("joined", true)
             .put("epoch", view.epoch)
             .put("view_id", view.id)
             .put("member_count", view.member_count)
             .text() +
         '\n';
}

std::string forced_text(const ForcedView& forced) {
  Table table({{"ADDRESS"}, {forced.done ? "NOW" : "WOULD BE"}, {"ID"}});
  for (const MemberInfo& member : forced.kept) table.add({member.address, "kept", member.id});
  for (const MemberInfo& member : forced.removed) table.add({member.address, "removed", member.id});
  const std::string epoch = std::to_string(forced.view.epoch);
  if (forced.done)
    return "forced: epoch " + epoch + ", " + count_text(forced.view.member_count) + '\n' +
           table.text();
  return table.text() +
         "Nothing is changed yet. If those that would be removed still run, there are two clusters "
         "then: end them first.\nTo do it: the same with --epoch " +
         epoch + " --yes\n";
}

std::string forced_json(const ForcedView& forced) {
  const auto addresses = [](const std::vector<MemberInfo>& members) {
    std::string list;
    for (const MemberInfo& member : members) {
      if (!list.empty()) list += ',';
      list += quote_json(member.address);
    }
    return '[' + list + ']';
  };
  return JsonObject()
             .put("forced", forced.done)
             .put("epoch", forced.view.epoch)
             .put("view_id", forced.view.id)
             .put_json("kept", addresses(forced.kept))
             .put_json("removed", addresses(forced.removed))
             .text() +
         '\n';
}

std::string cluster_event_text(const ClusterEvent& event) {
  const std::string epoch = " epoch " + std::to_string(event.view.epoch);
  std::string lines;
  if (event.what == ClusterEvent::What::snapshot) {
    lines += "snapshot " + count_text(event.view.member_count) + epoch + '\n';
  }
  for (const MemberInfo& member : event.members) {
    lines += "member " + printable(member.address) + ' ' + member.status + " since epoch " +
             std::to_string(member.since_epoch) + '\n';
  }
  for (const DepartureInfo& departure : event.departed) {
    lines +=
        "departed " + printable(departure.member.address) + ' ' + departure.reason + epoch + '\n';
  }
  for (const MemberInfo& member : event.joined) {
    lines += "joined " + printable(member.address) + epoch + '\n';
  }
  return lines;
}

std::string cluster_event_json(const ClusterEvent& event) {
  std::string lines;
  if (event.what == ClusterEvent::What::snapshot) {
    lines += event_object("snapshot", event).put("member_count", event.view.member_count).text();
    lines += '\n';
  }
  for (const MemberInfo& member : event.members) {
    JsonObject object = event_object("member", event);
    lines += put_member(object, member).text() + '\n';
  }
  for (const DepartureInfo& departure : event.departed) {
    JsonObject object = event_object("departed", event);
    object.put("reason", departure.reason);
    lines += put_member(object, departure.member).text() + '\n';
  }
  for (const MemberInfo& member : event.joined) {
    JsonObject object = event_object("joined", event);
    lines += put_member(object, member).text() + '\n';
  }
  return lines;
}

}  // namespace nexus::cli
