// The floor: frames of the same size over a bare stream of gRPC's callback API, without actors, tables or queues.
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

#include "tests/bench/remote/workload.h"

namespace nexus::bench {
namespace {

// The first byte of a frame says what the peer does with it.
enum class Kind : char { swallow = 's', echo = 'e' };

grpc::ByteBuffer frame_of(Kind kind, std::size_t bytes) {
  const grpc::Slice slice(std::string(bytes, static_cast<char>(kind)));
  return grpc::ByteBuffer(&slice, 1);
}

Kind kind_of(const grpc::ByteBuffer& frame) {
  grpc::Slice slice;
  if (!frame.TrySingleSlice(&slice).ok() && !frame.DumpToSingleSlice(&slice).ok()) {
    throw Broken("an unreadable frame");
  }
  return static_cast<Kind>(*slice.begin());
}

class ServerSide final : public grpc::ServerGenericBidiReactor {
 public:
  ServerSide() { StartRead(&frame_); }
  void OnReadDone(bool ok) override {
    if (!ok) return Finish(grpc::Status::OK);
    if (kind_of(frame_) == Kind::echo) return StartWrite(&frame_);
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
  ClientSide(const std::string& address, std::size_t frame_bytes, std::uint64_t frame_count,
             bool each_answered)
      : stub_(grpc::CreateChannel(address, grpc::InsecureChannelCredentials())),
        frame_(frame_of(each_answered ? Kind::echo : Kind::swallow, frame_bytes)),
        last_frame_(frame_of(Kind::echo, frame_bytes)),
        left_(frame_count),
        each_answered_(each_answered) {
    stub_.PrepareBidiStreamingCall(&context_, "/nexus.bench.Raw/Frames", {}, this);
  }

  // Each answer's time after the one before.
  std::vector<std::uint32_t> run(core::Duration& took) {
    const core::Instant begin = clock_.now();
    last_ = begin;
    StartRead(&answer_);
    write();
    StartCall();
    const grpc::Status status = done_.get_future().get();
    if (!status.ok()) throw Broken("the raw stream broke: " + status.error_message());
    took = last_ - begin;
    return std::move(times_ns_);
  }

  void OnWriteDone(bool ok) override {
    if (!ok) return;
    if (each_answered_) {
      go_on_after_both();
    } else if (left_ > 0) {
      write();
    }
  }
  void OnReadDone(bool ok) override {
    if (!ok) return;
    const core::Instant now = clock_.now();
    times_ns_.push_back(saturated_ns(now - last_));
    last_ = now;
    if (each_answered_) {
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
    if (left_ == 0) return StartWritesDone();
    StartRead(&answer_);
    write();
  }
  void write() { StartWrite(--left_ == 0 ? &last_frame_ : &frame_); }

  const core::SteadyClock clock_{};
  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  grpc::ByteBuffer frame_;
  grpc::ByteBuffer last_frame_;
  grpc::ByteBuffer answer_;
  std::uint64_t left_;
  const bool each_answered_;
  std::atomic<std::uint64_t> news_count_{0};
  core::Instant last_{};
  std::vector<std::uint32_t> times_ns_;
  std::promise<grpc::Status> done_;
};

Sample run_oneway(const std::string& address, double scale) {
  constexpr std::uint64_t kBatch = 1000;
  // What a message of 16 bytes comes to in a batch.
  constexpr std::size_t kMessageBytes = 24;
  const auto batch_count = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(5'000 * scale));
  ClientSide client(address, kBatch * kMessageBytes, batch_count, false);
  core::Duration took{};
  (void)client.run(took);
  return {.value = per_second(took, batch_count * kBatch)};
}

Sample run_pingpong(const std::string& address, double scale) {
  const auto count = std::max<std::uint64_t>(2, static_cast<std::uint64_t>(20'000 * scale));
  ClientSide client(address, 64, count, true);
  core::Duration took{};
  std::vector<std::uint32_t> times_ns = client.run(took);
  return {.value = ns_per(took, count), .latency = percentiles_of(times_ns)};
}

}  // namespace

std::vector<RawWorkload> raw_workloads() {
  return {
      {"oneway", "msg/s", "frames of 1,000 messages of 16 bytes, prepared once", run_oneway},
      {"pingpong", "ns/round_trip", "one small frame under way", run_pingpong},
  };
}

void serve_raw() {
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
