#include "daemon/grpc_error.h"

#include <grpcpp/support/status.h>
#include <gtest/gtest.h>

#include "google/rpc/status.pb.h"

namespace nexus::daemon {
namespace {

google::rpc::Status details_of(const grpc::Status& status) {
  google::rpc::Status details;
  EXPECT_TRUE(details.ParseFromString(status.error_details()));
  return details;
}

TEST(GrpcError, CarriesReasonDomainAndMetadata) {
  const auto status = to_grpc_status(
      {core::Errc::not_found, "there is no actor", "ACTOR_NOT_FOUND", {{"pid", "a:1/x"}}});
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(status.error_message(), "there is no actor");
  const auto details = details_of(status);
  EXPECT_EQ(details.code(), 5);
  google::rpc::ErrorInfo info;
  ASSERT_EQ(details.details_size(), 1);
  ASSERT_TRUE(details.details(0).UnpackTo(&info));
  EXPECT_EQ(info.reason(), "ACTOR_NOT_FOUND");
  EXPECT_EQ(info.domain(), "nexus");
  EXPECT_EQ(info.metadata().at("pid"), "a:1/x");
}

TEST(GrpcError, WhatMayPassByItselfSaysWhenToTryAgain) {
  const auto details =
      details_of(to_grpc_status({core::Errc::resource_exhausted, "full", "MAILBOX_FULL"}));
  google::rpc::RetryInfo retry;
  ASSERT_EQ(details.details_size(), 2);
  ASSERT_TRUE(details.details(1).UnpackTo(&retry));
  EXPECT_GT(retry.retry_delay().nanos(), 0);
}

TEST(GrpcError, NoErrorIsWithoutAReason) {
  google::rpc::ErrorInfo info;
  ASSERT_TRUE(details_of(to_grpc_status({core::Errc::internal, "odd"})).details(0).UnpackTo(&info));
  EXPECT_EQ(info.reason(), "INTERNAL");
}

TEST(GrpcError, EachCodeIsTheGrpcCodeOfTheSameName) {
  EXPECT_EQ(static_cast<int>(core::Errc::cancelled), grpc::StatusCode::CANCELLED);
  EXPECT_EQ(static_cast<int>(core::Errc::deadline_exceeded), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_EQ(static_cast<int>(core::Errc::unavailable), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(static_cast<int>(core::Errc::unauthenticated), grpc::StatusCode::UNAUTHENTICATED);
}

}  // namespace
}  // namespace nexus::daemon
