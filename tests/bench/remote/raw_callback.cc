// Over gRPC's callback API.
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/support/client_callback.h>

#include <atomic>
#include <future>

#include "tests/bench/remote/peer_process.h"
#include "tests/bench/remote/raw_stream.h"
#include "tests/bench/report/sample.h"

namespace nexus::bench {
namespace {

class ServerSide final : public grpc::ServerGenericBidiReactor {
 public:
  ServerSide() { StartRead(&frame_); }
  void OnReadDone(bool ok) override {
    if (!ok) return Finish(grpc::Status::OK);
    if (kind_of(frame_) == RawKind::echo) return StartWrite(&frame_);
    StartRead(&frame_);
  }
  void OnWriteDone(bool) override { StartRead(&frame_); }
  void OnDone() override { delete this; }

 private:
  grpc::ByteBuffer frame_;
};

class Service final : public grpc::CallbackGenericService {
  grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext*) override {
    // Ends itself.
    return new ServerSide;
  }
};

// Sends the frame again and again, with one answer for each or for the last only.
class ClientSide final : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  ClientSide(const std::string& address, const RawFrames& frames)
      : stub_(grpc::CreateChannel(address, grpc::InsecureChannelCredentials())), source_(frames) {
    stub_.PrepareBidiStreamingCall(&context_, kRawMethod, {}, this);
  }

  RawOutcome run() {
    const core::Instant begin = clock_.now();
    last_ = begin;
    StartRead(&answer_);
    write();
    StartCall();
    const grpc::Status status = done_.get_future().get();
    if (!status.ok()) throw Broken("the raw stream broke: " + status.error_message());
    return {.took = last_ - begin, .times_ns = std::move(times_ns_)};
  }

  void OnWriteDone(bool ok) override {
    if (!ok) return;
    if (source_.each_answered()) {
      go_on_after_both();
    } else if (!source_.is_empty()) {
      write();
    }
  }
  void OnReadDone(bool ok) override {
    if (!ok) return;
    const core::Instant now = clock_.now();
    times_ns_.push_back(saturated_ns(now - last_));
    last_ = now;
    if (source_.each_answered()) {
      go_on_after_both();
    } else {
      StartWritesDone();
    }
  }
  void OnDone(const grpc::Status& status) override { done_.set_value(status); }

 private:
  // The answer can overtake the news that its frame was written.
  void go_on_after_both() {
    if (news_count_.fetch_add(1) % 2 == 0) return;
    if (source_.is_empty()) return StartWritesDone();
    StartRead(&answer_);
    write();
  }
  void write() { StartWrite(&source_.next()); }

  const core::SteadyClock clock_{};
  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  RawSource source_;
  grpc::ByteBuffer answer_;
  std::atomic<std::uint64_t> news_count_{0};
  core::Instant last_{};
  std::vector<std::uint32_t> times_ns_;
  std::promise<grpc::Status> done_;
};

}  // namespace

RawOutcome send_by_callbacks(const std::string& address, const RawFrames& frames) {
  return ClientSide(address, frames).run();
}

void serve_by_callbacks() {
  Service service;
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterCallbackGenericService(&service);
  const auto server = builder.BuildAndStart();
  if (server == nullptr) throw Broken("cannot serve");
  serve_parent("127.0.0.1:" + std::to_string(port));
  server->Shutdown(std::chrono::system_clock::now());
}

}  // namespace nexus::bench
