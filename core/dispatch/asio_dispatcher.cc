#include "core/dispatch/asio_dispatcher.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <cstdint>

#include "core/actor_system.h"
#include "core/dispatch/guest_workers.h"

namespace nexus::core {
namespace {

struct PostedTurn {
  void operator()() {
    if (guests->run(*cell, throughput) == GuestWorkers::Turn::more) {
      boost::asio::post(*context, std::move(*this));
    }
  }

  boost::asio::io_context* context;
  // May outlive the system, and the cell with it.
  std::shared_ptr<GuestWorkers> guests;
  ActorCell* cell;
  std::uint32_t throughput;
};

class AsioTurns final : public Dispatcher {
 public:
  AsioTurns(boost::asio::io_context& context, ActorSystem& system)
      : context_(context),
        guests_(system.guest_workers()),
        throughput_(system.options().throughput) {}

  void schedule(ActorCell& cell) override {
    boost::asio::post(context_, PostedTurn{&context_, guests_, &cell, throughput_});
  }
  bool stop(Instant deadline) override { return guests_->close(deadline); }

 private:
  boost::asio::io_context& context_;
  const std::shared_ptr<GuestWorkers> guests_;
  const std::uint32_t throughput_;
};

}  // namespace

std::unique_ptr<Dispatcher> AsioDispatcher::make(ActorSystem& system, Scope) {
  return std::make_unique<AsioTurns>(context_, system);
}

}  // namespace nexus::core
