#include "daemon/http_health_server.h"

#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include <list>
#include <optional>

namespace nexus::daemon {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;

constexpr std::size_t kHeaderBytesMax = 8 * 1024;
constexpr std::chrono::milliseconds kAcceptPause{100};

}  // namespace

class HttpHealthServer::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::io_context& loop, Options options)
      : options_(std::move(options)), loop_(loop), acceptor_(loop), pause_(loop) {}

  core::Status listen() {
    boost::system::error_code error;
    tcp::resolver resolver(loop_);
    const auto found = resolver.resolve(options_.listen.host, std::to_string(options_.listen.port),
                                        tcp::resolver::passive, error);
    if (!error) acceptor_.open(found.begin()->endpoint().protocol(), error);
    if (!error) acceptor_.set_option(asio::socket_base::reuse_address(true), error);
    if (!error) acceptor_.bind(found.begin()->endpoint(), error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (!error) return core::Nothing{};
    return core::Error{core::Errc::unavailable,
                       "cannot answer /_health at " + options_.listen.to_string() + ": " +
                           error.message() +
                           "; change cluster.compat.protoactor.listen, or free the port"};
  }

  void accept() {
    acceptor_.async_accept(
        [self = shared_from_this()](const boost::system::error_code& error, tcp::socket socket) {
          if (!self->acceptor_.is_open()) return;
          if (error) return self->accept_later();
          self->admit(std::move(socket));
          self->accept();
        });
  }

  void close() {
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    pause_.cancel();
    while (!by_age_.empty()) by_age_.front()->end();
  }

 private:
  struct Connection : std::enable_shared_from_this<Connection> {
    Connection(std::shared_ptr<Impl> owner, tcp::socket socket)
        : server(std::move(owner)), stream(std::move(socket)) {}

    void read() {
      server->touch(*this);
      parser.emplace();
      parser->header_limit(kHeaderBytesMax);
      stream.expires_after(server->options_.patience);
      http::async_read(stream, buffer, *parser,
                       [self = shared_from_this()](const beast::error_code& error, std::size_t) {
                         self->on_read(error);
                       });
    }

    void on_read(const beast::error_code& error) {
      if (ended) return;
      if (!error) return answer(parser->get());
      const bool is_http_error =
          error.category() == make_error_code(http::error::bad_method).category();
      if (!is_http_error || error == http::error::end_of_stream) return end();
      response = {http::status::bad_request, 11};
      write(false);
    }

    void answer(const http::request<http::empty_body>& request) {
      const bool is_read =
          request.method() == http::verb::get || request.method() == http::verb::head;
      response = {http::status::ok, request.version()};
      if (!is_read) {
        response.result(http::status::method_not_allowed);
        response.set(http::field::allow, "GET, HEAD");
      } else if (request.target() != "/_health") {
        response.result(http::status::not_found);
      } else {
        response.set(http::field::content_type, "application/json; charset=UTF-8");
        response.body() = server->options_.body;
      }
      write(request.keep_alive(), request.method() == http::verb::head);
    }

    void write(bool keep_alive, bool head_only = false) {
      response.keep_alive(keep_alive);
      response.prepare_payload();
      // Its length stays.
      if (head_only) response.body().clear();
      http::async_write(
          stream, response,
          [self = shared_from_this(), keep_alive](const beast::error_code& error, std::size_t) {
            if (self->ended) return;
            if (error || !keep_alive) return self->end();
            self->read();
          });
    }

    void end() {
      if (std::exchange(ended, true)) return;
      const auto self = shared_from_this();
      boost::system::error_code ignored;
      stream.socket().shutdown(tcp::socket::shutdown_both, ignored);
      stream.close();
      server->forget(*this);
    }

    const std::shared_ptr<Impl> server;
    beast::tcp_stream stream;
    beast::flat_buffer buffer{kHeaderBytesMax};
    std::optional<http::request_parser<http::empty_body>> parser;
    http::response<http::string_body> response;
    std::list<std::shared_ptr<Connection>>::iterator place;
    bool ended = false;
  };

  void accept_later() {
    pause_.expires_after(kAcceptPause);
    pause_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
      if (!error && self->acceptor_.is_open()) self->accept();
    });
  }

  void admit(tcp::socket socket) {
    // HS1.
    if (by_age_.size() >= options_.connection_count_max) by_age_.front()->end();
    const auto connection = std::make_shared<Connection>(shared_from_this(), std::move(socket));
    connection->place = by_age_.insert(by_age_.end(), connection);
    connection->read();
  }

  void touch(Connection& connection) { by_age_.splice(by_age_.end(), by_age_, connection.place); }
  void forget(Connection& connection) { by_age_.erase(connection.place); }

  const Options options_;
  asio::io_context& loop_;
  tcp::acceptor acceptor_;
  asio::steady_timer pause_;
  // Quiet for longest first.
  std::list<std::shared_ptr<Connection>> by_age_;
};

HttpHealthServer::HttpHealthServer(asio::io_context& loop, Options options)
    : impl_(std::make_shared<Impl>(loop, std::move(options))) {}
HttpHealthServer::~HttpHealthServer() = default;

core::Status HttpHealthServer::listen() { return impl_->listen(); }
void HttpHealthServer::start() { impl_->accept(); }
void HttpHealthServer::close() { impl_->close(); }

}  // namespace nexus::daemon
