// ContextDecorator: stands between an actor and its Context: sees what the actor gets, sends and spawns, and may change it, answer
// it or hold it back. Receive, send and spawn middleware are decorators of one method each.
//
//   all calls   the actor's turn
//
// CD1  The first in Props::decorators is the outermost: it sees what comes first, and what goes out last.
// CD2  Each actor has its own objects. They are made before the actor object and outlive its restarts.
// CD3  What a decorator does not hand on to `next` does not happen. What it throws is a failure of the actor.
// CD4  An actor without decorators pays one test of a flag for a message it sends.
//
//   props.decorators.push_back(on_receive([](Context& context, const ReceiveNext& next) {
//     if (context.headers().empty()) return context.respond(Refused{});
//     next(context);
//   }));
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "core/actor/envelope.h"
#include "core/base/result.h"

namespace nexus::core {

class ActorCell;
class Context;
class PropsPtr;

// The rest of the way of a message to the actor.
class ReceiveNext {
 public:
  ReceiveNext(ActorCell& cell, std::size_t index) : cell_(cell), index_(index) {}
  void operator()(Context& context) const;

 private:
  ActorCell& cell_;
  const std::size_t index_;
};

// The rest of the way of a message out of the actor, to the door.
class SendNext {
 public:
  SendNext(Context& context, std::size_t left) : context_(context), left_(left) {}
  void operator()(const Pid& target, EnvelopePtr envelope) const;

 private:
  Context& context_;
  const std::size_t left_;
};

class SpawnNext {
 public:
  SpawnNext(Context& context, std::size_t left) : context_(context), left_(left) {}
  Result<Pid> operator()(PropsPtr props, const std::string& id) const;

 private:
  Context& context_;
  const std::size_t left_;
};

class ContextDecorator {
 public:
  virtual ~ContextDecorator() = default;

  // Each message that the actor gets, its lifecycle included.
  virtual void receive(Context& context, const ReceiveNext& next);
  // Each message that it sends, asks, answers and forwards.
  virtual void send(Context& context, const Pid& target, EnvelopePtr envelope,
                    const SendNext& next);
  // Each child. `id` is empty for an unnamed one.
  virtual Result<Pid> spawn(Context& context, PropsPtr props, const std::string& id,
                            const SpawnNext& next);
};

using MakeContextDecorator = std::function<std::unique_ptr<ContextDecorator>()>;

// Middleware: decorators of one method, from a function that all actors of the Props share.
using ReceiveMiddleware = std::function<void(Context&, const ReceiveNext&)>;
using SendMiddleware = std::function<void(Context&, const Pid&, EnvelopePtr, const SendNext&)>;
using SpawnMiddleware =
    std::function<Result<Pid>(Context&, PropsPtr, const std::string&, const SpawnNext&)>;
MakeContextDecorator on_receive(ReceiveMiddleware middleware);
MakeContextDecorator on_send(SendMiddleware middleware);
MakeContextDecorator on_spawn(SpawnMiddleware middleware);

}  // namespace nexus::core
