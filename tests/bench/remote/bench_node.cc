#include "tests/bench/remote/bench_node.h"

#include <arpa/inet.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <vector>

#include "tests/bench/remote/messages.h"
#include "tests/bench/report/sample.h"

namespace nexus::bench {
namespace {

using core::Context;
using core::Pid;

// A node must know its own address before it serves, so the port is asked for ahead.
std::string free_address() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    close(fd);
    throw Broken("no free port");
  }
  close(fd);
  return "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
}

// What the counters of a node have counted together, and who wants to know.
struct Tally {
  std::atomic<std::uint64_t> got_count{0};
  std::atomic<std::uint64_t> wrong_count{0};
  std::atomic<std::uint64_t> wanted_count{UINT64_MAX};
  std::atomic<std::uint64_t> sender_count{1};
  Pid referee;

  static constexpr std::uint64_t kReportEvery = 5'000;
};

class Referee final : public core::Actor {
 public:
  explicit Referee(std::shared_ptr<Tally> tally) : tally_(std::move(tally)) {}
  void receive(Context& context) override {
    if (const auto* begin = context.message<Begin>()) {
      starter_ = context.sender();
      tally_->got_count = 0;
      tally_->wrong_count = 0;
      tally_->wanted_count = begin->ping_count;
      tally_->sender_count = begin->sender_count;
      context.send(starter_, Progress{0, 0});
    } else if (const auto* progress = context.message<Progress>()) {
      context.send(starter_, Progress{*progress});
    } else if (context.message<HowMany>() != nullptr) {
      context.respond(
          Count{tally_->got_count, tally_->wrong_count,
                context.system().dead_letters().count(core::DeadLetterReason::mailbox_full)});
    }
  }

 private:
  const std::shared_ptr<Tally> tally_;
  Pid starter_;
};

// Checks that each sender's pings come in order; whether any is missing, their number says.
class Counter final : public core::Actor {
 public:
  explicit Counter(std::shared_ptr<Tally> tally) : tally_(std::move(tally)) {}
  void receive(Context& context) override {
    if (const auto* ping = context.message<Ping>()) {
      if (ping->sender >= next_.size()) next_.resize(tally_->sender_count, 0);
      // A run begins from 0 again.
      if (ping->number == 0) next_.at(ping->sender) = 0;
      std::uint64_t& next = next_.at(ping->sender);
      if (ping->number < next) tally_->wrong_count.fetch_add(1);
      next = ping->number + 1;
    } else if (context.message<Blob>() == nullptr) {
      return;
    }
    const std::uint64_t count = tally_->got_count.fetch_add(1) + 1;
    if (count % Tally::kReportEvery == 0 || count == tally_->wanted_count) {
      context.send(tally_->referee, Progress{count, tally_->wrong_count});
    }
  }

 private:
  const std::shared_ptr<Tally> tally_;
  std::vector<std::uint64_t> next_;
};

class Echo final : public core::Actor {
 public:
  void receive(Context& context) override {
    if (const auto* ping = context.message<Ping>()) context.respond(Ping{*ping});
  }
};

}  // namespace

remote::Options BenchNode::flood_options() {
  remote::Options options;
  options.queue_count_max = 2'000'000;
  options.queue_bytes_max = std::size_t{1} << 30;
  return options;
}

BenchNode::BenchNode(std::uint32_t worker_count, const remote::Options& options)
    : address_(free_address()) {
  core::ActorSystem::Options system_options;
  system_options.address = address_;
  system_options.worker_count = worker_count;
  system_ = std::make_unique<core::ActorSystem>(system_options);
  remote_ = std::make_unique<remote::Remote>(options, *system_,
                                             "bench" + address_.substr(address_.find(':') + 1));
  remote_->types().add<Ping>();
  remote_->types().add<Begin>();
  remote_->types().add<Progress>();
  remote_->types().add<HowMany>();
  remote_->types().add<Count>();
  remote_->types().add<Blob>();
  grpc::ServerBuilder builder;
  builder.AddListeningPort(address_, grpc::InsecureServerCredentials());
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.SetMaxReceiveMessageSize(static_cast<int>(remote::frame_bytes_max(options)));
  remote_->add_to(builder);
  server_ = builder.BuildAndStart();
  if (server_ == nullptr) throw Broken("cannot serve at " + address_);
  remote_->start();
}

BenchNode::~BenchNode() {
  (void)system_->stop_actors(std::chrono::seconds(10));
  (void)remote_->close(std::chrono::seconds(1));
  server_->Shutdown(std::chrono::system_clock::now());
  remote_->end();
  server_.reset();
  (void)system_->shutdown(std::chrono::seconds(10));
}

void BenchNode::spawn_targets(std::uint32_t counter_count) {
  const auto tally = std::make_shared<Tally>();
  tally->referee = *system_->spawn_named(core::share(core::props<Referee>(tally)), "referee");
  (void)*system_->spawn_named(core::share(core::props<Echo>()), "echo");
  const auto counter = core::share(core::props<Counter>(tally));
  for (std::uint32_t i = 0; i < counter_count; ++i) {
    (void)*system_->spawn_named(counter, "c" + std::to_string(i));
  }
}

}  // namespace nexus::bench
