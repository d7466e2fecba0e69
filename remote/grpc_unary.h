// Unary calls on a GrpcPoller: each answered once, at any time, by any thread.
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/async_unary_call.h>

#include <atomic>
#include <functional>
#include <memory>
#include <utility>

#include "core/base/mutex.h"
#include "remote/grpc_poller.h"

namespace nexus::remote {

// Whether operations may still be started. Outlives the queue wherever somebody may answer late.
class GrpcGate {
 public:
  void close() {
    core::MutexLock lock(mutex_);
    closed_ = true;
  }
  // One after the other, and told whether it is open.
  template <typename Start>
  void pass(Start start) {
    core::MutexLock lock(mutex_);
    start(!closed_);
  }

 private:
  core::Mutex mutex_{"grpc_gate"};
  bool closed_ GUARDED_BY(mutex_) = false;
};

// One call of a method. Holds itself until it is over.
template <typename Service, typename Request, typename Response>
class GrpcUnaryCall final
    : public std::enable_shared_from_this<GrpcUnaryCall<Service, Request, Response>> {
 public:
  using Writer = grpc::ServerAsyncResponseWriter<Response>;
  using Await = void (Service::*)(grpc::ServerContext*, Request*, Writer*, grpc::CompletionQueue*,
                                  grpc::ServerCompletionQueue*, void*);
  using Handle = std::function<void(const std::shared_ptr<GrpcUnaryCall>&)>;
  // What all calls of the method share; the service and the poller outlive what is on its way.
  struct Method {
    Service& service;
    GrpcPoller& poller;
    std::shared_ptr<GrpcGate> gate;
    Await await;
    Handle handle;
  };

  // From now on the next call of the method is handled, and all that come later.
  static void await(std::shared_ptr<const Method> method) {
    auto call = std::make_shared<GrpcUnaryCall>(std::move(method));
    call->self_ = call;
    auto& queue = call->method_->poller.queue();
    call->context_.AsyncNotifyWhenDone(&call->over_);
    call->method_->gate->pass([&](bool is_open) {
      if (!is_open) return call->self_.reset();
      (call->method_->service.*call->method_->await)(
          &call->context_, &call->request_, &call->writer_, &queue, &queue, &call->accepted_);
    });
  }
  explicit GrpcUnaryCall(std::shared_ptr<const Method> method) : method_(std::move(method)) {}

  const Request& request() const { return request_; }
  Response& response() { return response_; }
  grpc::ServerContext& context() { return context_; }
  // Any thread: the client still waits.
  bool is_wanted() const { return !is_over_.load(); }
  // Any thread, once: sends the response when the status is OK. One that nobody waits for any more is dropped.
  void answer(const grpc::Status& status) {
    method_->gate->pass([&](bool is_open) {
      if (!is_open || is_over_.load()) return;
      is_answering_ = true;
      if (status.ok()) {
        writer_.Finish(response_, status, &answered_);
      } else {
        writer_.FinishWithError(status, &answered_);
      }
    });
  }

 private:
  template <void (GrpcUnaryCall::*kDone)(bool)>
  struct Operation final : GrpcPoller::Operation {
    explicit Operation(GrpcUnaryCall& own) : call(own) {}
    void complete(bool ok) override { (call.*kDone)(ok); }

    GrpcUnaryCall& call;
  };

  void on_accepted(bool ok) {
    // The server is shutting down; nothing else will come.
    if (!ok) return self_.reset();
    await(method_);
    method_->handle(self_);
  }
  void on_answered(bool) {
    is_answering_ = false;
    if (is_over_.load()) self_.reset();
  }
  void on_over(bool) {
    bool is_idle = false;
    method_->gate->pass([&](bool) {
      is_over_.store(true);
      is_idle = !is_answering_;
    });
    if (is_idle) self_.reset();
  }

  const std::shared_ptr<const Method> method_;
  grpc::ServerContext context_;
  Request request_;
  Response response_;
  Writer writer_{&context_};
  Operation<&GrpcUnaryCall::on_accepted> accepted_{*this};
  Operation<&GrpcUnaryCall::on_answered> answered_{*this};
  Operation<&GrpcUnaryCall::on_over> over_{*this};
  std::atomic<bool> is_over_{false};

  // Completions.
  std::shared_ptr<GrpcUnaryCall> self_;
  // The answer is on its way. Set in the gate, while the call is not over.
  bool is_answering_ = false;
};

}  // namespace nexus::remote
