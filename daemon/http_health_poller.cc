#include "daemon/http_health_poller.h"

#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

namespace nexus::daemon {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;

constexpr std::size_t kHeaderBytesMax = 8 * 1024;

core::Error no_answer(std::string why) {
  return core::Error{core::Errc::unavailable, std::move(why)};
}
core::Error bad_answer(std::string why) {
  return core::Error{core::Errc::invalid_argument, std::move(why)};
}

// One question to one host. `on_done` is called once.
class Probe : public std::enable_shared_from_this<Probe> {
 public:
  using OnDone = std::function<void(core::Result<std::string>)>;

  Probe(asio::io_context& loop, const HostPort& host, std::size_t body_bytes_max, OnDone on_done)
      : on_done_(std::move(on_done)), resolver_(loop), stream_(loop), timer_(loop) {
    request_ = {http::verb::get, "/_health", 11};
    request_.set(http::field::host, host.to_string());
    request_.set(http::field::user_agent, "nexusd");
    request_.keep_alive(false);
    parser_.header_limit(kHeaderBytesMax);
    parser_.body_limit(body_bytes_max);
  }

  void ask(const HostPort& host, core::Duration timeout) {
    timer_.expires_after(timeout);
    timer_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
      if (!error) self->finish(no_answer("no answer in time"));
    });
    boost::system::error_code no_number;
    const auto number = asio::ip::make_address(host.host, no_number);
    if (!no_number) {
      stream_.async_connect(tcp::endpoint(number, host.port),
                            [self = shared_from_this()](const beast::error_code& error) {
                              self->on_connected(error);
                            });
      return;
    }
    resolver_.async_resolve(host.host, std::to_string(host.port),
                            [self = shared_from_this()](const boost::system::error_code& error,
                                                        const tcp::resolver::results_type& found) {
                              if (self->is_done()) return;
                              if (error) return self->finish(no_answer(error.message()));
                              self->stream_.async_connect(
                                  found,
                                  [self](const beast::error_code& failed, const tcp::endpoint&) {
                                    self->on_connected(failed);
                                  });
                            });
  }

  void cancel() { finish(no_answer("cancelled")); }

 private:
  bool is_done() const { return on_done_ == nullptr; }

  void on_connected(const beast::error_code& error) {
    if (is_done()) return;
    if (error) return finish(no_answer(error.message()));
    http::async_write(stream_, request_,
                      [self = shared_from_this()](const beast::error_code& failed, std::size_t) {
                        if (self->is_done()) return;
                        if (failed) return self->finish(no_answer(failed.message()));
                        self->read();
                      });
  }

  // The header by itself first: with a body in the same buffer Beast 1.74 forgets that the length which it names is over the limit.
  void read() {
    http::async_read_header(
        stream_, buffer_, parser_,
        [self = shared_from_this()](const beast::error_code& error, std::size_t) {
          if (self->is_done()) return;
          if (error) return self->on_read(error);
          http::async_read(self->stream_, self->buffer_, self->parser_,
                           [self](const beast::error_code& failed, std::size_t) {
                             if (!self->is_done()) self->on_read(failed);
                           });
        });
  }

  void on_read(const beast::error_code& error) {
    if (error) {
      const bool is_http_error =
          error.category() == make_error_code(http::error::bad_method).category();
      const bool is_silent = !is_http_error || error == http::error::end_of_stream ||
                             error == http::error::partial_message;
      return finish(is_silent ? no_answer(error.message()) : bad_answer(error.message()));
    }
    const unsigned status = parser_.get().result_int();
    if (status != 200) return finish(bad_answer("HTTP status " + std::to_string(status)));
    finish(std::move(parser_.get().body()));
  }

  void finish(core::Result<std::string> result) {
    if (is_done()) return;
    const OnDone on_done = std::exchange(on_done_, nullptr);
    timer_.cancel();
    resolver_.cancel();
    stream_.close();
    on_done(std::move(result));
  }

  // Null when it was called.
  OnDone on_done_;
  tcp::resolver resolver_;
  beast::tcp_stream stream_;
  asio::steady_timer timer_;
  http::request<http::empty_body> request_;
  beast::flat_buffer buffer_;
  http::response_parser<http::string_body> parser_;
};

}  // namespace

class HttpHealthPoller::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::io_context& loop, Options options, OnRound on_round)
      : options_(std::move(options)),
        loop_(loop),
        on_round_(std::move(on_round)),
        next_round_(loop) {}

  void ask() {
    answers_.assign(options_.hosts.size(), no_answer("not asked"));
    open_count_ = options_.hosts.size();
    probes_.clear();
    for (std::size_t i = 0; i < options_.hosts.size(); ++i) {
      probes_.push_back(
          std::make_shared<Probe>(loop_, options_.hosts[i], options_.body_bytes_max,
                                  [self = shared_from_this(), i](core::Result<std::string> answer) {
                                    self->answers_[i] = std::move(answer);
                                    if (--self->open_count_ == 0) self->end_round();
                                  }));
    }
    for (std::size_t i = 0; i < probes_.size(); ++i) {
      probes_[i]->ask(options_.hosts[i], options_.timeout);
    }
  }

  void close() {
    if (std::exchange(closed_, true)) return;
    next_round_.cancel();
    for (const auto& probe : probes_) probe->cancel();
    probes_.clear();
  }

 private:
  void end_round() {
    if (closed_) return;
    on_round_(answers_);
    next_round_.expires_after(options_.refresh);
    next_round_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
      if (!error && !self->closed_) self->ask();
    });
  }

  const Options options_;
  asio::io_context& loop_;
  const OnRound on_round_;
  asio::steady_timer next_round_;
  // Of the present round.
  std::vector<std::shared_ptr<Probe>> probes_;
  std::vector<core::Result<std::string>> answers_;
  std::size_t open_count_ = 0;
  bool closed_ = false;
};

HttpHealthPoller::HttpHealthPoller(asio::io_context& loop, Options options, OnRound on_round)
    : impl_(std::make_shared<Impl>(loop, std::move(options), std::move(on_round))) {}
HttpHealthPoller::~HttpHealthPoller() = default;

void HttpHealthPoller::start() { impl_->ask(); }
void HttpHealthPoller::close() { impl_->close(); }

}  // namespace nexus::daemon
