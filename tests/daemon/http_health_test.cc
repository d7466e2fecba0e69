#include "daemon/http_health.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "daemon/grpc_server.h"
#include "tests/support/wait.h"

namespace nexus::daemon {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;
using testing::StartsWith;

constexpr const char* kHost = "127.0.0.1";
constexpr const char* kBody = R"({"id":"x"})";
constexpr const char* kRequest = "GET /_health HTTP/1.1\r\nHost: h\r\n\r\n";

sockaddr_in address_of(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  inet_pton(AF_INET, kHost, &address.sin_addr);
  return address;
}

// A connection that says what a test wants.
class Caller {
 public:
  explicit Caller(std::uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    const sockaddr_in address = address_of(port);
    connected_ = connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
    const timeval patience{.tv_sec = 60, .tv_usec = 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  }
  Caller(const Caller&) = delete;
  Caller& operator=(const Caller&) = delete;
  ~Caller() { close(fd_); }

  bool connected() const { return connected_; }
  void say(std::string_view text) const { (void)send(fd_, text.data(), text.size(), MSG_NOSIGNAL); }
  // Until `end` has come, or the connection ends.
  std::string hear(const std::string& end) const {
    std::string heard;
    char buffer[4096];
    while (heard.find(end) == std::string::npos) {
      const ssize_t count = recv(fd_, buffer, sizeof(buffer), 0);
      if (count <= 0) break;
      heard.append(buffer, static_cast<std::size_t>(count));
    }
    return heard;
  }
  bool has_ended() const { return hear("never said").empty(); }

 private:
  const int fd_;
  bool connected_ = false;
};

// Takes connections one after the other, says `text` to each, and ends it.
class Blurter {
 public:
  explicit Blurter(std::string text) : text_(std::move(text)) {
    fd_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address = address_of(0);
    socklen_t size = sizeof(address);
    (void)bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address));
    (void)listen(fd_, 8);
    getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] {
      for (int peer = accept(fd_, nullptr, nullptr); peer >= 0;
           peer = accept(fd_, nullptr, nullptr)) {
        (void)send(peer, text_.data(), text_.size(), MSG_NOSIGNAL);
        shutdown(peer, SHUT_WR);
        char buffer[4096];
        while (recv(peer, buffer, sizeof(buffer), 0) > 0) continue;
        close(peer);
      }
    });
  }
  ~Blurter() {
    shutdown(fd_, SHUT_RDWR);
    thread_.join();
    close(fd_);
  }

  HostPort host() const { return {kHost, port_}; }

 private:
  const std::string text_;
  int fd_;
  std::uint16_t port_;
  std::thread thread_;
};

using Round = std::vector<core::Result<std::string>>;

class HttpHealthTest : public testing::Test {
 protected:
  void start(HttpHealthServer::Options server = {}, HttpHealthPoller::Options poller = {}) {
    port_ = *find_free_port(kHost);
    server.listen = {kHost, port_};
    server.body = kBody;
    if (poller.hosts.empty()) poller.hosts = {server.listen};
    if (poller.refresh == core::Duration::zero()) poller.refresh = milliseconds(10);
    health_.emplace(std::move(server), std::move(poller),
                    [this](const Round& round) { rounds_.push(round); });
    const core::Status listening = health_->listen();
    ASSERT_TRUE(listening.ok()) << listening.error().detail;
    health_->start();
  }
  std::string ask(std::string_view request) const {
    const Caller caller(port_);
    caller.say(request);
    return caller.hear("\r\n\r\n");
  }

  std::uint16_t port_ = 0;
  test::Queue<Round> rounds_;
  std::optional<HttpHealth> health_;
};

TEST_F(HttpHealthTest, AnswersWithItsText) {
  start();
  const Caller caller(port_);
  for (int i = 0; i < 3; ++i) {
    caller.say(kRequest);
    const std::string answer = caller.hear(kBody);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(answer, HasSubstr("Content-Type: application/json; charset=UTF-8\r\n"));
    EXPECT_THAT(answer, HasSubstr("Content-Length: 10\r\n"));
  }
}

TEST_F(HttpHealthTest, AHeadHasTheLengthAndNoBody) {
  start();
  const Caller caller(port_);
  caller.say("HEAD /_health HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  const std::string answer = caller.hear("never said");
  EXPECT_THAT(answer, HasSubstr("Content-Length: 10\r\n"));
  EXPECT_THAT(answer, testing::EndsWith("\r\n\r\n"));
}

TEST_F(HttpHealthTest, HS3_OtherRequestsAreRefused) {
  start();
  EXPECT_THAT(ask("GET / HTTP/1.1\r\nHost: h\r\n\r\n"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(ask("DELETE /_health HTTP/1.1\r\nHost: h\r\n\r\n"), StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(ask("POST /_health HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"),
              StartsWith("HTTP/1.1 400 "));
}

TEST_F(HttpHealthTest, HS3_GarbageIsAnswered400AndTheConnectionEnds) {
  start();
  const std::string texts[] = {
      "\x16\x03\x01\x02\x00\x01\x00\x01 of TLS\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
      std::string(100'000, 'a'),
      "GET /_health HTTP/1.1\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n",
      "\r\n\r\n\r\n \r\n\r\n"};
  for (const std::string& text : texts) {
    const Caller caller(port_);
    caller.say(text);
    (void)caller.hear("never said");
    EXPECT_TRUE(caller.has_ended());
  }
  EXPECT_THAT(ask(texts[0]), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(ask(kRequest), StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST_F(HttpHealthTest, HS1_IdleConnectionsKeepNobodyOut) {
  start({.listen = {}, .body = "", .connection_count_max = 4});
  std::vector<std::unique_ptr<Caller>> idle;
  for (int i = 0; i < 50; ++i) {
    idle.push_back(std::make_unique<Caller>(port_));
    idle.back()->say("GET /_he");
  }
  EXPECT_THAT(ask(kRequest), StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_TRUE(idle.front()->has_ended()) << "the quietest went first";
}

TEST_F(HttpHealthTest, HS2_AQuietConnectionEnds) {
  start({.listen = {}, .body = "", .patience = milliseconds(50)});
  const Caller caller(port_);
  caller.say("GET /_he");
  EXPECT_TRUE(caller.has_ended());
}

TEST_F(HttpHealthTest, ATakenPortIsAnErrorThatNamesTheKey) {
  start();
  HttpHealth second({.listen = {kHost, port_}, .body = kBody},
                    {.hosts = {{kHost, port_}}, .refresh = seconds(1)}, [](const Round&) {});
  const core::Status listening = second.listen();
  ASSERT_FALSE(listening.ok());
  EXPECT_EQ(listening.error().code, core::Errc::unavailable);
  EXPECT_THAT(listening.error().detail, HasSubstr("cluster.compat.protoactor.listen"));
}

TEST_F(HttpHealthTest, AfterStopNobodyIsAnsweredAndNobodyAsked) {
  start();
  const Caller open(port_);
  open.say("GET /_he");
  ASSERT_TRUE(rounds_.pop().has_value());
  health_->stop();
  const std::size_t rounds = rounds_.size();
  EXPECT_TRUE(open.has_ended());
  EXPECT_FALSE(Caller(port_).connected());
  EXPECT_EQ(rounds_.size(), rounds);
}

TEST_F(HttpHealthTest, HP1_ARoundHasTheAnswerOfEachHostInTheirOrder) {
  const Blurter no_http("SSH-2.0-OpenSSH\r\n\r\n");
  const Blurter other_status("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
  const Blurter other_text("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
  const Blurter silent("");
  const HostPort nobody{kHost, *find_free_port(kHost)};
  start({}, {.hosts = {no_http.host(),
                       other_status.host(),
                       other_text.host(),
                       silent.host(),
                       nobody,
                       {"no.such.host.invalid", 80}},
             .refresh = milliseconds(10),
             .timeout = seconds(20)});
  const auto round = rounds_.pop();
  ASSERT_TRUE(round.has_value());
  ASSERT_EQ(round->size(), 6u);
  const auto code = [&](std::size_t i) { return round->at(i).error().code; };
  EXPECT_EQ(code(0), core::Errc::invalid_argument);
  EXPECT_EQ(code(1), core::Errc::invalid_argument);
  EXPECT_EQ(round->at(1).error().detail, "HTTP status 503");
  EXPECT_EQ(*round->at(2), "hello");
  EXPECT_EQ(code(3), core::Errc::unavailable);
  EXPECT_EQ(code(4), core::Errc::unavailable);
  EXPECT_EQ(code(5), core::Errc::unavailable);
}

TEST_F(HttpHealthTest, HP1_AHostThatDoesNotAnswerHasItsTimeAndNoMore) {
  // Connections wait in the queue of a socket that nobody takes them from.
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = address_of(0);
  socklen_t size = sizeof(address);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(listen(fd, 8), 0);
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  start({}, {.hosts = {{kHost, ntohs(address.sin_port)}},
             .refresh = milliseconds(10),
             .timeout = milliseconds(50)});
  for (int i = 0; i < 3; ++i) {
    const auto round = rounds_.pop();
    ASSERT_TRUE(round.has_value());
    EXPECT_EQ(round->at(0).error().detail, "no answer in time");
  }
  health_->stop();
  close(fd);
}

TEST_F(HttpHealthTest, HP2_AnAnswerHasALimit) {
  const Blurter large("HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + std::string(2000, 'x'));
  const Blurter endless("HTTP/1.1 200 OK\r\n\r\n" + std::string(200'000, 'x'));
  start({}, {.hosts = {large.host(), endless.host()},
             .refresh = milliseconds(10),
             .timeout = seconds(20),
             .body_bytes_max = 1000});
  const auto round = rounds_.pop();
  ASSERT_TRUE(round.has_value());
  for (const core::Result<std::string>& answer : *round) {
    ASSERT_FALSE(answer.ok()) << answer->size() << " bytes";
    EXPECT_EQ(answer.error().code, core::Errc::invalid_argument) << answer.error().detail;
  }
}

TEST_F(HttpHealthTest, ItsOwnAnswerIsOne) {
  start();
  const auto round = rounds_.pop();
  ASSERT_TRUE(round.has_value());
  EXPECT_EQ(*round->at(0), kBody);
}

}  // namespace
}  // namespace nexus::daemon
