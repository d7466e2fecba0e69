// Over gRPC's completion queue: one thread in each process waits in it, and does all that is to be done.
#include <grpcpp/completion_queue.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <memory>
#include <thread>
#include <utility>

#include "tests/bench/remote/peer_process.h"
#include "tests/bench/remote/raw_stream.h"
#include "tests/bench/report/sample.h"

namespace nexus::bench {
namespace {

// What an operation is started with.
class Operation {
 public:
  virtual void complete(bool ok) = 0;

 protected:
  ~Operation() = default;
};

template <typename Stream, void (Stream::*kDone)(bool)>
class OperationOf final : public Operation {
 public:
  explicit OperationOf(Stream& stream) : stream_(stream) {}
  void complete(bool ok) override { (stream_.*kDone)(ok); }

 private:
  Stream& stream_;
};

void complete_all(grpc::CompletionQueue& queue) {
  void* tag = nullptr;
  bool ok = false;
  while (queue.Next(&tag, &ok)) static_cast<Operation*>(tag)->complete(ok);
}

// One call. It is always being read, and at most one frame is being written.
class ServerSide final {
 public:
  // From now on the next call is taken, and all that come later. Each holds itself until it is over.
  static void await(grpc::AsyncGenericService& service, grpc::ServerCompletionQueue& queue) {
    auto call = std::make_unique<ServerSide>(service, queue);
    service.RequestCall(&call->context_, &call->stream_, &queue, &queue, &call->accepted_);
    call->self_ = std::move(call);
  }
  ServerSide(grpc::AsyncGenericService& service, grpc::ServerCompletionQueue& queue)
      : service_(service), queue_(queue) {}

 private:
  void on_accepted(bool ok) {
    // The server ends.
    if (!ok) return self_.reset();
    await(service_, queue_);
    stream_.Read(&frame_, &read_);
  }
  void on_read(bool ok) {
    if (!ok) return stream_.Finish(grpc::Status::OK, &finished_);
    if (kind_of(frame_) == RawKind::swallow) return stream_.Read(&frame_, &read_);
    if (is_writing_) {
      must_answer_ = true;
    } else {
      answer();
    }
  }
  void answer() {
    is_writing_ = true;
    stream_.Write(frame_, &written_);
    stream_.Read(&frame_, &read_);
  }
  void on_written(bool) {
    is_writing_ = false;
    if (std::exchange(must_answer_, false)) answer();
  }
  void on_finished(bool) { self_.reset(); }

  grpc::AsyncGenericService& service_;
  grpc::ServerCompletionQueue& queue_;
  grpc::GenericServerContext context_;
  grpc::GenericServerAsyncReaderWriter stream_{&context_};
  grpc::ByteBuffer frame_;
  bool is_writing_ = false;
  // frame_ is to be answered when the one before is written.
  bool must_answer_ = false;
  OperationOf<ServerSide, &ServerSide::on_accepted> accepted_{*this};
  OperationOf<ServerSide, &ServerSide::on_read> read_{*this};
  OperationOf<ServerSide, &ServerSide::on_written> written_{*this};
  OperationOf<ServerSide, &ServerSide::on_finished> finished_{*this};
  std::unique_ptr<ServerSide> self_;
};

class ClientSide final {
 public:
  ClientSide(const std::string& address, const RawFrames& frames)
      : stub_(grpc::CreateChannel(address, grpc::InsecureChannelCredentials())), source_(frames) {}

  RawOutcome run() {
    stream_ = stub_.PrepareCall(&context_, kRawMethod, &queue_);
    stream_->StartCall(&started_);
    complete_all(queue_);
    if (!status_.ok()) throw Broken("the raw stream broke: " + status_.error_message());
    return {.took = last_ - begin_, .times_ns = std::move(times_ns_)};
  }

 private:
  void on_started(bool) {
    begin_ = clock_.now();
    last_ = begin_;
    stream_->Read(&answer_, &read_);
    write();
  }
  void on_written(bool ok) {
    is_writing_ = false;
    if (ok && (source_.each_answered() ? std::exchange(must_write_, false) : !source_.is_empty()))
      write();
  }
  void on_read(bool ok) {
    if (!ok) return stream_->Finish(&status_, &finished_);
    const core::Instant now = clock_.now();
    times_ns_.push_back(saturated_ns(now - last_));
    last_ = now;
    stream_->Read(&answer_, &read_);
    if (source_.is_empty()) {
      stream_->WritesDone(&ended_);
    } else if (is_writing_) {
      must_write_ = true;
    } else {
      write();
    }
  }
  void on_ended(bool) {}
  void on_finished(bool) { queue_.Shutdown(); }

  void write() {
    is_writing_ = true;
    stream_->Write(source_.next(), &written_);
  }

  const core::SteadyClock clock_{};
  grpc::CompletionQueue queue_;
  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> stream_;
  RawSource source_;
  grpc::ByteBuffer answer_;
  grpc::Status status_;
  bool is_writing_ = false;
  // The answer came before the news that its frame was written.
  bool must_write_ = false;
  core::Instant begin_{};
  core::Instant last_{};
  std::vector<std::uint32_t> times_ns_;
  OperationOf<ClientSide, &ClientSide::on_started> started_{*this};
  OperationOf<ClientSide, &ClientSide::on_written> written_{*this};
  OperationOf<ClientSide, &ClientSide::on_read> read_{*this};
  OperationOf<ClientSide, &ClientSide::on_ended> ended_{*this};
  OperationOf<ClientSide, &ClientSide::on_finished> finished_{*this};
};

}  // namespace

RawOutcome send_by_queue(const std::string& address, const RawFrames& frames) {
  return ClientSide(address, frames).run();
}

void serve_by_queue() {
  grpc::AsyncGenericService service;
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterAsyncGenericService(&service);
  const auto queue = builder.AddCompletionQueue();
  const auto server = builder.BuildAndStart();
  if (server == nullptr) throw Broken("cannot serve");
  ServerSide::await(service, *queue);
  std::thread poller([&queue] { complete_all(*queue); });
  serve_parent("127.0.0.1:" + std::to_string(port));
  server->Shutdown(std::chrono::system_clock::now());
  queue->Shutdown();
  poller.join();
}

}  // namespace nexus::bench
