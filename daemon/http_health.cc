#include "daemon/http_health.h"

#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <thread>

#include "core/base/thread_name.h"

namespace nexus::daemon {

class HttpHealth::Impl {
 public:
  Impl(HttpHealthServer::Options server, HttpHealthPoller::Options poller,
       HttpHealthPoller::OnRound on_round)
      : server_(loop_, std::move(server)), poller_(loop_, std::move(poller), std::move(on_round)) {}

  core::Status listen() { return server_.listen(); }

  void start() {
    boost::asio::post(loop_, [this] {
      server_.start();
      poller_.start();
    });
    thread_ = std::thread([this] {
      core::set_thread_name("nx-http");
      loop_.run();
    });
  }

  void stop() {
    if (!thread_.joinable()) return;
    boost::asio::post(loop_, [this] {
      server_.close();
      poller_.close();
      // A name that is being resolved would keep it.
      loop_.stop();
    });
    thread_.join();
  }

 private:
  boost::asio::io_context loop_{1};
  HttpHealthServer server_;
  HttpHealthPoller poller_;
  std::thread thread_;
};

HttpHealth::HttpHealth(HttpHealthServer::Options server, HttpHealthPoller::Options poller,
                       HttpHealthPoller::OnRound on_round)
    : impl_(std::make_unique<Impl>(std::move(server), std::move(poller), std::move(on_round))) {}

HttpHealth::~HttpHealth() { impl_->stop(); }

core::Status HttpHealth::listen() { return impl_->listen(); }
void HttpHealth::start() { impl_->start(); }
void HttpHealth::stop() { impl_->stop(); }

}  // namespace nexus::daemon
