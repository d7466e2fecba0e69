#include "daemon/cli/output.h"

#include <chrono>

#include "daemon/cli/json_text.h"
#include "daemon/cli/table.h"
#include "daemon/cli/time_text.h"

namespace nexus::cli {
namespace {

using Align = Table::Align;

std::string upper_case(std::string text) {
  for (char& c : text) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return text;
}

std::string started_text(const ActorInfo& actor) {
  return actor.started_at_unix_s == 0 ? "" : utc_text(actor.started_at_unix_s);
}

}  // namespace

std::string actors_text(const std::vector<ActorInfo>& actors, std::int64_t now_unix_s) {
  Table table({{"PID"},
               {"KIND"},
               {"STATE"},
               {"AGE", Align::right},
               {"PROCESSED", Align::right},
               {"MAILBOX", Align::right},
               {"RESTARTS", Align::right}});
  for (const ActorInfo& actor : actors) {
    const std::chrono::seconds age(now_unix_s - actor.started_at_unix_s);
    table.add({actor.pid, actor.kind, actor.state,
               actor.started_at_unix_s == 0 ? "" : age_text(age),
               std::to_string(actor.processed_count), std::to_string(actor.mailbox_count),
               std::to_string(actor.restart_count)});
  }
  return table.text();
}

std::string actor_text(const ActorInfo& actor) {
  Table table({{"FIELD"}, {"VALUE"}});
  table.add({"pid", actor.pid});
  table.add({"kind", actor.kind});
  table.add({"parent", actor.parent});
  table.add({"state", actor.state});
  table.add({"started at", started_text(actor)});
  table.add({"processed", std::to_string(actor.processed_count)});
  table.add({"in mailbox", std::to_string(actor.mailbox_count)});
  table.add({"restarts", std::to_string(actor.restart_count)});
  table.add({"children", std::to_string(actor.child_count)});
  table.add({"watchers", std::to_string(actor.watcher_count)});
  return table.text();
}

std::string actor_json(const ActorInfo& actor) {
  return JsonObject()
             .put("pid", actor.pid)
             .put("kind", actor.kind)
             .put("parent", actor.parent)
             .put("state", actor.state)
             .put("started_at", started_text(actor))
             .put("processed_count", actor.processed_count)
             .put("mailbox_count", actor.mailbox_count)
             .put("restart_count", actor.restart_count)
             .put("child_count", actor.child_count)
             .put("watcher_count", actor.watcher_count)
             .text() +
         '\n';
}

std::string kinds_text(const std::vector<KindInfo>& kinds) {
  Table table({{"KIND"}, {"ACTORS", Align::right}, {"DESCRIPTION"}});
  for (const KindInfo& kind : kinds)
    table.add({kind.name, std::to_string(kind.actor_count), kind.description});
  return table.text();
}

std::string kind_json(const KindInfo& kind) {
  return JsonObject()
             .put("name", kind.name)
             .put("description", kind.description)
             .put("actor_count", kind.actor_count)
             .text() +
         '\n';
}

std::string event_text(const WatchEvent& event) {
  if (event.what == WatchEvent::What::watching) return "watching " + event.pid + '\n';
  return "terminated " + event.pid + ' ' + upper_case(event.reason) + '\n';
}

std::string event_json(const WatchEvent& event) {
  JsonObject object;
  const bool watching = event.what == WatchEvent::What::watching;
  object.put("event", watching ? "watching" : "terminated").put("pid", event.pid);
  if (!watching) object.put("reason", event.reason);
  return object.text() + '\n';
}

}  // namespace nexus::cli
