#include "daemon/cli/failure.h"

#include <gmock/gmock.h>
#include <grpcpp/support/status.h>
#include <gtest/gtest.h>

#include "daemon/cli/grpc_error.h"
#include "google/rpc/status.pb.h"

namespace nexus::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

// What a node sends: a google.rpc.Status with one ErrorInfo.
grpc::Status node_error(grpc::StatusCode code, const std::string& reason,
                        const std::string& message,
                        const std::map<std::string, std::string>& metadata = {}) {
  google::rpc::ErrorInfo info;
  info.set_reason(reason);
  info.set_domain("nexus");
  for (const auto& [key, value] : metadata) (*info.mutable_metadata())[key] = value;
  google::rpc::Status status;
  status.set_code(static_cast<int>(code));
  status.set_message(message);
  status.add_details()->PackFrom(info);
  return {code, message, status.SerializeAsString()};
}

TEST(FailureOf, TakesReasonMessageAndMetadataFromTheNode) {
  const Failure failure = failure_of(node_error(grpc::StatusCode::DEADLINE_EXCEEDED, "ASK_TIMEOUT",
                                                "no answer in 1s", {{"stage", "queued"}}),
                                     {.node = "127.0.0.1:7701", .connected = true});
  EXPECT_EQ(failure.code, core::Errc::deadline_exceeded);
  EXPECT_EQ(failure.reason, "ASK_TIMEOUT");
  EXPECT_EQ(failure.message, "no answer in 1s");
  EXPECT_EQ(failure.metadata.at("stage"), "queued");
}

TEST(FailureOf, NamesTheAddressThatRefusedTheConnection) {
  const grpc::Status refused(
      grpc::StatusCode::UNAVAILABLE,
      "failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:7701: "
      "Failed to connect to remote host: Connection refused");
  const Failure failure = failure_of(refused, {.node = "127.0.0.1:7701", .connected = false});
  EXPECT_EQ(failure.reason, kReasonConnectFailed);
  EXPECT_EQ(failure.message, "cannot connect to 127.0.0.1:7701: Connection refused");
  EXPECT_EQ(exit_code(failure), kExitUnavailable);
}

TEST(FailureOf, TellsAConnectionThatTlsEndedFromOneThatNobodyTook) {
  const auto of = [](const std::string& why, bool tls) {
    return failure_of(
        {grpc::StatusCode::UNAVAILABLE,
         "failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:1: " + why},
        {.node = "n:1", .tls = tls});
  };
  for (const std::string why : {"Ssl handshake failed: SSL_ERROR_SSL: certificate verify failed",
                                "Peer name n is not in peer certificate", "Socket closed", ""}) {
    EXPECT_EQ(of(why, true).reason, kReasonTlsFailed) << why;
    EXPECT_PRED_FORMAT2(testing::IsSubstring, "--ca", hint(of(why, true)));
  }
  EXPECT_EQ(of("Connection refused", true).reason, kReasonConnectFailed);
  EXPECT_EQ(of("Socket closed", false).reason, kReasonConnectFailed);
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "--ca", hint(of("Socket closed", false)));
}

TEST(FailureOf, ADeadlineWithoutAConnectionMeansThatTheNodeCannotBeReached) {
  const grpc::Status late(grpc::StatusCode::DEADLINE_EXCEEDED, "Deadline Exceeded");
  EXPECT_EQ(exit_code(failure_of(late, {.node = "10.0.0.1:1", .connected = false})),
            kExitUnavailable);
  EXPECT_EQ(exit_code(failure_of(late, {.node = "10.0.0.1:1", .connected = true})),
            kExitDeadlineExceeded);
}

TEST(FailureOf, ReadsPastDetailsThatAreNotOurs) {
  const grpc::Status garbage(grpc::StatusCode::INTERNAL, "boom", "\x01\x02not a status");
  const Failure failure = failure_of(garbage, {.node = "n:1", .connected = true});
  EXPECT_EQ(failure.reason, "");
  EXPECT_EQ(failure.message, "boom");
}

TEST(FailureOf, ANodeWithoutANewerServiceIsOlder) {
  const Connection connection{.node = "n:1", .connected = true};
  const Failure failure =
      failure_of_newer({grpc::StatusCode::UNIMPLEMENTED, ""}, connection, "nexus.v1.New");
  EXPECT_EQ(failure.reason, kReasonNodeTooOld);
  EXPECT_EQ(failure.message, "the node at n:1 is older than this nexusctl: it has no nexus.v1.New");
  EXPECT_EQ(exit_code(failure), kExitError);
  EXPECT_EQ(failure_of_newer(node_error(grpc::StatusCode::UNIMPLEMENTED, "OTHER", "m"), connection,
                             "nexus.v1.New")
                .reason,
            "OTHER");
}

TEST(FailureText, LeadsWithReasonThenMetadataThenAdvice) {
  const Failure failure{.code = core::Errc::deadline_exceeded,
                        .reason = "ASK_TIMEOUT",
                        .message = "no answer in 1s",
                        .metadata = {{"stage", "running"}}};
  EXPECT_THAT(
      failure_text(failure),
      testing::StartsWith("nexusctl: ASK_TIMEOUT: no answer in 1s\n  stage: running\nhint: "));
}

TEST(FailureText, FallsBackToTheNameOfTheCode) {
  EXPECT_THAT(failure_text({.code = core::Errc::aborted, .message = "m"}),
              HasSubstr("nexusctl: ABORTED: m\n"));
}

TEST(FailureText, AnUnknownKindNamesTheNearestAndTheKnownOnes) {
  const Failure failure{.code = core::Errc::not_found,
                        .reason = "KIND_UNKNOWN",
                        .message = "no kind 'conter'",
                        .metadata = {{"known", "counter, echo"}, {"nearest", "counter"}}};
  EXPECT_THAT(
      failure_text(failure),
      HasSubstr("hint: did you mean counter? The node offers: counter, echo. `nexusctl kinds`"));
  EXPECT_THAT(failure_text(failure), Not(HasSubstr("  known:")));
}

TEST(FailureText, AHintDoesNotRepeatWhatTheNodeSaid) {
  const Failure failure{.code = core::Errc::not_found,
                        .reason = "KIND_UNKNOWN",
                        .message = "it offers counter, echo; did you mean \"counter\"?",
                        .metadata = {{"known", "counter, echo"}, {"nearest", "counter"}}};
  EXPECT_EQ(hint(failure), "`nexusctl kinds` shows what each kind is for");
}

TEST(FailureJson, IsOneLineWithStableKeys) {
  const Failure failure{.code = core::Errc::internal,
                        .reason = "ACTOR_FAILED",
                        .message = "a\nb",
                        .metadata = {{"k", "v"}}};
  const std::string json = failure_json(failure);
  EXPECT_THAT(
      json,
      testing::StartsWith(
          R"({"error":{"code":"INTERNAL","reason":"ACTOR_FAILED","message":"a\nb","metadata":{"k":"v"},"hint":")"));
  EXPECT_EQ(json.find('\n'), json.size() - 1);
}

TEST(Hint, EveryReasonOfTheNodeHasOne) {
  for (const char* reason :
       {"INVALID_PID", "INVALID_ID", "INVALID_PAYLOAD", "MESSAGE_TOO_LARGE", "ACTOR_NOT_FOUND",
        "KIND_UNKNOWN", "ACTOR_EXISTS", "MAILBOX_FULL", "OVERLOADED", "NODE_UNREACHABLE",
        "DRAINING", "ASK_TIMEOUT", "STOP_TIMEOUT", "ACTOR_FAILED", "NOT_IN_CLUSTER",
        "MEMBER_NOT_FOUND", "VIEW_CHANGED", "JOIN_PENDING"}) {
    EXPECT_NE(hint({.code = core::Errc::unknown, .reason = reason}), "") << reason;
  }
}

TEST(ExitCode, TellsScriptsWhatKindOfFailureItIs) {
  EXPECT_EQ(exit_code({.code = core::Errc::not_found}), 4);
  EXPECT_EQ(exit_code({.code = core::Errc::unavailable}), 3);
  EXPECT_EQ(exit_code({.code = core::Errc::deadline_exceeded}), 5);
  EXPECT_EQ(exit_code({.code = core::Errc::already_exists}), 1);
  EXPECT_EQ(exit_code({.code = core::Errc::invalid_argument}), 1);
  EXPECT_EQ(exit_code(usage_failure("x")), 2);
}

}  // namespace
}  // namespace nexus::cli
