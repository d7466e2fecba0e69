#include "daemon/dns_lookup.h"

#include <ares.h>
#include <arpa/inet.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>

#include "core/base/check.h"
#include "core/base/escape.h"

namespace nexus::daemon {
namespace {

// For each name server, and how often each is asked.
constexpr int kTimeoutMs = 2'000;
constexpr int kTries = 2;

struct Answer {
  std::optional<int> status;
  std::vector<std::string> addresses;
};

void on_answer(void* answer, int status, int, ares_addrinfo* found) {
  auto& out = *static_cast<Answer*>(answer);
  out.status = status;
  if (found == nullptr) return;
  for (const ares_addrinfo_node* node = found->nodes; node != nullptr; node = node->ai_next) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    const void* address = nullptr;
    if (node->ai_family == AF_INET)
      address = &reinterpret_cast<const sockaddr_in*>(node->ai_addr)->sin_addr;
    if (node->ai_family == AF_INET6)
      address = &reinterpret_cast<const sockaddr_in6*>(node->ai_addr)->sin6_addr;
    if (address != nullptr && inet_ntop(node->ai_family, address, text.data(), text.size()))
      out.addresses.emplace_back(text.data());
  }
  ares_freeaddrinfo(found);
}

class Channel {
 public:
  Channel() {
    ares_options options{};
    options.timeout = kTimeoutMs;
    options.tries = kTries;
    status_ = ares_init_options(&channel_, &options, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES);
  }
  ~Channel() {
    if (status_ == ARES_SUCCESS) ares_destroy(channel_);
  }
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  int status() const { return status_; }
  ares_channel get() const { return channel_; }

  // Waits for something to happen; false when that is `cancelled`.
  bool step(int cancelled) {
    std::array<ares_socket_t, ARES_GETSOCK_MAXNUM> sockets{};
    const int wanted = ares_getsock(channel_, sockets.data(), ARES_GETSOCK_MAXNUM);
    std::vector<pollfd> polled{{.fd = cancelled, .events = POLLIN, .revents = 0}};
    for (int i = 0; i < ARES_GETSOCK_MAXNUM; ++i) {
      short events = 0;
      if (ARES_GETSOCK_READABLE(wanted, i)) events |= POLLIN;
      if (ARES_GETSOCK_WRITABLE(wanted, i)) events |= POLLOUT;
      if (events != 0)
        polled.push_back(
            {.fd = sockets[static_cast<std::size_t>(i)], .events = events, .revents = 0});
    }
    timeval longest{.tv_sec = kTimeoutMs / 1'000, .tv_usec = 0};
    timeval left{};
    const timeval* const wait = ares_timeout(channel_, &longest, &left);
    poll(polled.data(), polled.size(),
         static_cast<int>(wait->tv_sec * 1'000 + wait->tv_usec / 1'000 + 1));
    if (polled.front().revents != 0) return false;
    bool ready = false;
    for (std::size_t i = 1; i < polled.size(); ++i) {
      if (polled[i].revents == 0) continue;
      ready = true;
      const bool reads = (polled[i].revents & (POLLIN | POLLERR | POLLHUP)) != 0;
      const bool writes = (polled[i].revents & POLLOUT) != 0;
      ares_process_fd(channel_, reads ? polled[i].fd : ARES_SOCKET_BAD,
                      writes ? polled[i].fd : ARES_SOCKET_BAD);
    }
    // Timeouts.
    if (!ready) ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    return true;
  }

 private:
  ares_channel channel_ = nullptr;
  int status_;
};

}  // namespace

DnsLookup::DnsLookup() : cancelled_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  CHECK(cancelled_ >= 0);
}

DnsLookup::~DnsLookup() { close(cancelled_); }

void DnsLookup::cancel() { (void)eventfd_write(cancelled_, 1); }

core::Result<std::vector<std::string>> DnsLookup::addresses_of(const std::string& name) const {
  const auto failed = [&name](int status) {
    return core::Error{core::Errc::unavailable,
                       core::quoted(name) + " does not resolve (" + ares_strerror(status) + ")"};
  };
  Channel channel;
  if (channel.status() != ARES_SUCCESS) return failed(channel.status());
  Answer answer;
  ares_addrinfo_hints hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_flags = ARES_AI_NOSORT;
  ares_getaddrinfo(channel.get(), name.c_str(), nullptr, &hints, &on_answer, &answer);
  while (!answer.status) {
    if (!channel.step(cancelled_)) ares_cancel(channel.get());
  }
  if (*answer.status != ARES_SUCCESS) return failed(*answer.status);
  std::vector<std::string>& addresses = answer.addresses;
  std::sort(addresses.begin(), addresses.end());
  addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
  if (addresses.empty()) return failed(ARES_ENODATA);
  return std::move(addresses);
}

}  // namespace nexus::daemon
