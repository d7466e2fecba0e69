// RawPeer: a stream to a node's remote.Remoting/Receive that carries whatever bytes the test wants.
//
//   all calls   the test's thread
#pragma once

#include <grpcpp/completion_queue.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/byte_buffer.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "remote/batch_codec.h"
#include "remote/grpc_bytes.h"
#include "remote/tls_identity.h"
#include "tests/support/wait.h"
#include "tests/support/wire_message.h"

namespace nexus::remote {

class RawPeer {
 public:
  explicit RawPeer(const std::string& address)
      : RawPeer(address, grpc::InsecureChannelCredentials()) {
    EXPECT_TRUE(started_);
  }
  // Over TLS, showing this certificate if it is one. The node may refuse the connection.
  RawPeer(const std::string& address, const TlsMaterial& shown)
      : RawPeer(address, grpc::SslCredentials({.pem_root_certs = shown.authorities,
                                               .pem_private_key = shown.key,
                                               .pem_cert_chain = shown.certificate})) {}
  ~RawPeer() {
    if (!finished_) {
      context_.TryCancel();
      (void)finish();
    }
    queue_.Shutdown();
    void* ignored = nullptr;
    bool ok = false;
    while (queue_.Next(&ignored, &ok)) {
    }
  }

  bool write(const std::string& frame) {
    stream_->Write(to_byte_buffer(frame), tag());
    return done();
  }
  void end_writes() {
    stream_->WritesDone(tag());
    (void)done();
  }
  // The next frame from the node; nothing when the stream has ended.
  std::optional<std::string> read() {
    grpc::ByteBuffer buffer;
    stream_->Read(&buffer, tag());
    if (!done()) return std::nullopt;
    return to_string(buffer);
  }
  // How the node ended the stream. What it wrote before is skipped.
  grpc::Status status() {
    while (read()) {
    }
    return finish();
  }
  void connect() {
    EXPECT_TRUE(write(encode(ConnectRequest{"rawpeer", "127.0.0.1:1", false})));
    const auto answer = read();
    ASSERT_TRUE(answer.has_value());
    const auto frame = decode_frame(*answer);
    ASSERT_TRUE(frame.ok() && std::holds_alternative<ConnectResponse>(*frame));
  }

 private:
  RawPeer(const std::string& address, const std::shared_ptr<grpc::ChannelCredentials>& credentials)
      : stub_(grpc::CreateCustomChannel(address, credentials, arguments())) {
    context_.set_deadline(std::chrono::system_clock::now() + test::kPatience);
    stream_ = stub_.PrepareCall(&context_, "/remote.Remoting/Receive", &queue_);
    stream_->StartCall(tag());
    started_ = done();
  }

  static grpc::ChannelArguments arguments() {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    return arguments;
  }
  void* tag() { return this; }
  bool done() {
    void* ignored = nullptr;
    bool ok = false;
    return queue_.Next(&ignored, &ok) && ok;
  }
  grpc::Status finish() {
    finished_ = true;
    grpc::Status status;
    stream_->Finish(&status, tag());
    (void)done();
    return status;
  }

  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> stream_;
  bool started_ = false;
  bool finished_ = false;
};

}  // namespace nexus::remote
