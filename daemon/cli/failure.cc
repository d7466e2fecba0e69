#include "daemon/cli/failure.h"

#include <string_view>

#include "daemon/cli/json_text.h"

namespace nexus::cli {
namespace {

std::string metadata_of(const Failure& failure, const std::string& key) {
  const auto found = failure.metadata.find(key);
  return found == failure.metadata.end() ? "" : found->second;
}

// Adds what the node's own words leave out.
std::string kind_hint(const Failure& failure) {
  const std::string nearest = metadata_of(failure, "nearest");
  const std::string known = metadata_of(failure, "known");
  const auto is_told = [&](const std::string& text) {
    return failure.message.find(text) != std::string::npos;
  };
  std::string text;
  if (!nearest.empty() && !is_told("did you mean")) text += "did you mean " + nearest + "? ";
  if (!known.empty() && !is_told(known)) text += "The node offers: " + known + ". ";
  return text + "`nexusctl kinds` shows what each kind is for";
}

std::string deadline_hint(const Failure& failure) {
  const std::string stage = metadata_of(failure, "stage");
  if (stage == "queued") {
    return "the actor had not begun with the message: it is busy or its mailbox is long; look with "
           "`nexusctl get PID`";
  }
  if (stage == "running") {
    return "the actor had begun with the message and may still finish: repeat it only if doing it "
           "twice does no harm, "
           "or allow more time with --timeout";
  }
  return "the message may or may not have been handled; allow more time with --timeout";
}

std::string reason_of(const Failure& failure) {
  return failure.reason.empty() ? code_name(failure.code) : failure.reason;
}

}  // namespace

Failure usage_failure(std::string message) {
  return Failure{
      .code = core::Errc::invalid_argument, .reason = kReasonUsage, .message = std::move(message)};
}

ExitCode exit_code(const Failure& failure) {
  if (failure.reason == kReasonUsage || failure.reason == kReasonNotJson) return kExitUsage;
  switch (failure.code) {
    case core::Errc::unavailable:
      return kExitUnavailable;
    case core::Errc::not_found:
      return kExitNotFound;
    case core::Errc::deadline_exceeded:
      return kExitDeadlineExceeded;
    default:
      return kExitError;
  }
}

std::string code_name(core::Errc code) {
  switch (code) {
    case core::Errc::cancelled:
      return "CANCELLED";
    case core::Errc::unknown:
      return "UNKNOWN";
    case core::Errc::invalid_argument:
      return "INVALID_ARGUMENT";
    case core::Errc::deadline_exceeded:
      return "DEADLINE_EXCEEDED";
    case core::Errc::not_found:
      return "NOT_FOUND";
    case core::Errc::already_exists:
      return "ALREADY_EXISTS";
    case core::Errc::permission_denied:
      return "PERMISSION_DENIED";
    case core::Errc::resource_exhausted:
      return "RESOURCE_EXHAUSTED";
    case core::Errc::failed_precondition:
      return "FAILED_PRECONDITION";
    case core::Errc::aborted:
      return "ABORTED";
    case core::Errc::out_of_range:
      return "OUT_OF_RANGE";
    case core::Errc::unimplemented:
      return "UNIMPLEMENTED";
    case core::Errc::internal:
      return "INTERNAL";
    case core::Errc::unavailable:
      return "UNAVAILABLE";
    case core::Errc::data_loss:
      return "DATA_LOSS";
    case core::Errc::unauthenticated:
      return "UNAUTHENTICATED";
  }
  return "UNKNOWN";
}

std::string hint(const Failure& failure) {
  const std::string& reason = failure.reason;
  if (reason == kReasonUsage) return "`nexusctl --help` and `nexusctl COMMAND --help` show how";
  if (reason == kReasonNotJson) {
    return "write JSON, for example '{\"add\":5}' or '\"a text\"'; --file sends bytes as they are";
  }
  if (reason == kReasonConnectFailed) {
    if (failure.message.find(" unix:") != std::string::npos) {
      return "node.admin_socket in the configuration of the node names its socket, which only the "
             "user that runs the node, and root, may use; name it with --admin PATH or NEXUS_ADMIN";
    }
    // Somebody listened there, and hung up.
    if (failure.message.ends_with("Socket closed")) {
      return "a node that speaks TLS needs --ca FILE (or NEXUS_CA), and --cert and --key when it "
             "asks "
             "for a certificate";
    }
    return "start a node there (nexusd --config FILE), or name one that runs with --node HOST:PORT "
           "or NEXUS_NODE";
  }
  if (reason == kReasonTlsFailed) {
    return "--ca names who signed the node's certificate, --server-name what it is made out to if "
           "that is not the host of "
           "--node; a node that asks for a certificate gets the one of --cert and --key";
  }
  if (reason == kReasonConnectionLost) {
    return "the node went away during the call, so the call may or may not have been done; try "
           "again or ask another "
           "node with --node";
  }
  if (reason == kReasonJoinPending) {
    return "the log of the node says how that goes, and `nexusctl members --watch` shows when it "
           "has come about";
  }
  if (reason == "VIEW_CHANGED")
    return "look at `nexusctl members` and at what force-view says without --yes again";
  if (reason == "ACTOR_NOT_FOUND") {
    return "`nexusctl list` shows the actors of a node; an actor of another node is named "
           "HOST:PORT/ID";
  }
  if (reason == "KIND_UNKNOWN") return kind_hint(failure);
  if (reason == "ACTOR_EXISTS") {
    return "choose another --id, or take the actor that is there with --if-exists return";
  }
  if (reason == "MAILBOX_FULL") {
    return "the actor gets more than it can handle: try again later, or send less at a time";
  }
  if (reason == "OVERLOADED") return "the node has more to do than it can: try again later";
  if (reason == "NODE_UNREACHABLE") {
    return "the node that was asked cannot reach the one that hosts the actor: check that it runs "
           "and that its address "
           "can be reached from there";
  }
  if (reason == "DRAINING") return "the node is shutting down: ask another one with --node";
  if (reason == "STOP_TIMEOUT") {
    return "it handles what is in its mailbox first, which --now leaves out, and its turn has to "
           "end; "
           "`nexusctl watch PID` tells when it has stopped";
  }
  if (reason == "ASK_TIMEOUT" || failure.code == core::Errc::deadline_exceeded) {
    return deadline_hint(failure);
  }
  if (reason == "ACTOR_FAILED")
    return "the actor failed while it handled the message; the log of its node says how";
  if (reason == "NOT_IN_CLUSTER") {
    return "a node finds its cluster through the nodes of cluster.seeds in its configuration: "
           "check "
           "that one of them runs, can be reached from there and has the same cluster.name; the "
           "log "
           "of the node says what keeps it out";
  }
  if (reason == "MEMBER_NOT_FOUND") {
    return "`nexusctl members` shows who is in the cluster; a member is named by its address, "
           "HOST:PORT, or its whole id";
  }
  if (reason == kReasonNodeTooOld) {
    return "run a newer nexusd there, or ask a newer node with --node; or what listens there is "
           "not "
           "a nexus node";
  }
  if (reason == "INVALID_PID")
    return "a Pid is HOST:PORT/ID, or only ID for an actor of the node that is asked";
  if (reason == "INVALID_ID")
    return "an id has at most 256 bytes and neither '/', '$' nor control characters";
  if (reason == "INVALID_PAYLOAD") return "`nexusctl kinds` says what each kind understands";
  if (reason == "MESSAGE_TOO_LARGE")
    return "send less at a time, or raise the limit in the configuration of the nodes";
  if (reason.empty() && failure.code == core::Errc::resource_exhausted) {
    return "the message is far larger than the node takes: send less at a time, or raise "
           "remote.message_bytes_max in its configuration";
  }
  if (failure.code == core::Errc::unimplemented) {
    return "what listens there is not a nexus node, or one of another version";
  }
  return "";
}

std::string failure_text(const Failure& failure) {
  std::string text = "nexusctl: " + reason_of(failure) + ": " + failure.message + '\n';
  for (const auto& [key, value] : failure.metadata) {
    // These two are part of the hint.
    if (failure.reason == "KIND_UNKNOWN" && (key == "known" || key == "nearest")) continue;
    text += "  " + key + ": " + value + '\n';
  }
  if (const std::string advice = hint(failure); !advice.empty()) text += "hint: " + advice + '\n';
  return text;
}

std::string failure_json(const Failure& failure) {
  JsonObject error;
  error.put("code", code_name(failure.code))
      .put("reason", reason_of(failure))
      .put("message", failure.message)
      .put("metadata", failure.metadata)
      .put("hint", hint(failure));
  return JsonObject().put_json("error", error.text()).text() + '\n';
}

}  // namespace nexus::cli
