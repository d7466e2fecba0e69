// AsioDispatcher: runs actors as handlers of a Boost.Asio io_context, on the threads that run it.
//
//   make()   any thread; by systems
//
// L6  An actor runs on one thread at a time, however many run the io_context; each turn is one handler.
// L7  The io_context outlives the systems that use it. A handler that is left over when its system has ended does nothing.
// L8  An actor runs only while somebody runs the io_context; a thread that does so must not wait for such an actor.
#pragma once

#include <memory>

#include "core/dispatch/dispatcher.h"

namespace boost::asio {
class io_context;
}

namespace nexus::core {

class AsioDispatcher final : public DispatcherFactory {
 public:
  explicit AsioDispatcher(boost::asio::io_context& context) : context_(context) {}

  std::unique_ptr<Dispatcher> make(ActorSystem& system, Scope scope) override;

 private:
  boost::asio::io_context& context_;
};

}  // namespace nexus::core
