#include "core/actor/context_decorator.h"

#include "core/actor/context.h"
#include "core/actor/context_extras.h"

namespace nexus::core {

void ReceiveNext::operator()(Context& context) const {
  const auto& decorators = cell_.extras_->decorators;
  if (index_ == decorators.size()) {
    cell_.call_undecorated(context);
  } else {
    decorators[index_]->receive(context, ReceiveNext(cell_, index_ + 1));
  }
}

void SendNext::operator()(const Pid& target, EnvelopePtr envelope) const {
  if (left_ == 0) {
    context_.deliver_now(target, std::move(envelope));
  } else {
    context_.cell_.extras_->decorators[left_ - 1]->send(context_, target, std::move(envelope),
                                                        SendNext(context_, left_ - 1));
  }
}

Result<Pid> SpawnNext::operator()(PropsPtr props, const std::string& id) const {
  if (left_ == 0) return context_.spawn_now(std::move(props), id);
  return context_.cell_.extras_->decorators[left_ - 1]->spawn(context_, std::move(props), id,
                                                              SpawnNext(context_, left_ - 1));
}

void ContextDecorator::receive(Context& context, const ReceiveNext& next) { next(context); }

void ContextDecorator::send(Context&, const Pid& target, EnvelopePtr envelope,
                            const SendNext& next) {
  next(target, std::move(envelope));
}

Result<Pid> ContextDecorator::spawn(Context&, PropsPtr props, const std::string& id,
                                    const SpawnNext& next) {
  return next(std::move(props), id);
}

MakeContextDecorator on_receive(ReceiveMiddleware middleware) {
  class Decorator final : public ContextDecorator {
   public:
    explicit Decorator(ReceiveMiddleware middleware) : middleware_(std::move(middleware)) {}
    void receive(Context& context, const ReceiveNext& next) override { middleware_(context, next); }

   private:
    const ReceiveMiddleware middleware_;
  };
  return [middleware = std::move(middleware)] { return std::make_unique<Decorator>(middleware); };
}

MakeContextDecorator on_send(SendMiddleware middleware) {
  class Decorator final : public ContextDecorator {
   public:
    explicit Decorator(SendMiddleware middleware) : middleware_(std::move(middleware)) {}
    void send(Context& context, const Pid& target, EnvelopePtr envelope,
              const SendNext& next) override {
      middleware_(context, target, std::move(envelope), next);
    }

   private:
    const SendMiddleware middleware_;
  };
  return [middleware = std::move(middleware)] { return std::make_unique<Decorator>(middleware); };
}

MakeContextDecorator on_spawn(SpawnMiddleware middleware) {
  class Decorator final : public ContextDecorator {
   public:
    explicit Decorator(SpawnMiddleware middleware) : middleware_(std::move(middleware)) {}
    Result<Pid> spawn(Context& context, PropsPtr props, const std::string& id,
                      const SpawnNext& next) override {
      return middleware_(context, std::move(props), id, next);
    }

   private:
    const SpawnMiddleware middleware_;
  };
  return [middleware = std::move(middleware)] { return std::make_unique<Decorator>(middleware); };
}

}  // namespace nexus::core
