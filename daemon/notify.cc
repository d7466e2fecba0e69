#include "daemon/notify.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <system_error>

#include "core/base/escape.h"

namespace nexus::daemon {

namespace {

constexpr std::size_t kStatusBytesMax = 1024;

core::Error failure(core::Errc code, std::string_view address, std::string_view what) {
  std::string detail = "NOTIFY_SOCKET ";
  detail += core::quoted(address, 128);
  detail += ": ";
  detail += what;
  return core::Error{code, detail};
}

// A line break would begin another assignment, so none survives; nor does half a character at the
// cut.
std::string one_line(std::string_view text) {
  std::string line;
  while (!text.empty()) {
    const std::size_t bytes = core::utf8_sequence_bytes(text);
    const std::size_t taken = bytes == 0 ? 1 : bytes;
    if (line.size() + taken > kStatusBytesMax) break;
    const auto first = static_cast<unsigned char>(text.front());
    if (bytes == 0)
      line += '?';
    else if (first < 0x20 || first == 0x7F)
      line += ' ';
    else
      line += text.substr(0, bytes);
    text.remove_prefix(taken);
  }
  return line;
}

class Socket {
 public:
  Socket() : descriptor_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {}
  ~Socket() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int descriptor() const { return descriptor_; }

 private:
  const int descriptor_;
};

}  // namespace

Notifier Notifier::from_environment() {
  const char* address = std::getenv("NOTIFY_SOCKET");
  return Notifier(address ? address : "");
}

core::Status Notifier::ready(std::string_view status) const {
  return send("READY=1\nSTATUS=" + one_line(status));
}

core::Status Notifier::stopping() const { return send("STOPPING=1"); }

core::Status Notifier::status(std::string_view text) const {
  return send("STATUS=" + one_line(text));
}

core::Status Notifier::send(std::string_view message) const {
  if (!enabled()) return core::Nothing{};
  const bool abstract = address_.front() == '@';
  if ((!abstract && address_.front() != '/') || address_.size() < 2)
    return failure(core::Errc::invalid_argument, address_,
                   "is neither an absolute path nor '@' and a name");

  sockaddr_un target{};
  target.sun_family = AF_UNIX;
  // A path is followed by a zero byte; an abstract name is exactly as long as the address says.
  const std::size_t bytes_max = sizeof(target.sun_path) - (abstract ? 0 : 1);
  if (address_.size() > bytes_max)
    return failure(
        core::Errc::invalid_argument, address_,
        "is longer than the " + std::to_string(bytes_max) + " bytes of a socket address");
  std::memcpy(target.sun_path, address_.data(), address_.size());
  if (abstract) target.sun_path[0] = '\0';
  const auto target_bytes = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) +
                                                   address_.size() + (abstract ? 0 : 1));

  const Socket socket;
  if (socket.descriptor() < 0)
    return failure(core::Errc::resource_exhausted, address_,
                   std::generic_category().message(errno));
  // A manager that does not read must not hang the start or the stop of the node.
  const timeval timeout{.tv_sec = 1, .tv_usec = 0};
  (void)::setsockopt(socket.descriptor(), SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));

  ssize_t sent = -1;
  do {
    sent = ::sendto(socket.descriptor(), message.data(), message.size(), MSG_NOSIGNAL,
                    reinterpret_cast<const sockaddr*>(&target), target_bytes);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) {
    const int error = errno;
    if (error == EAGAIN || error == EWOULDBLOCK)
      return failure(core::Errc::deadline_exceeded, address_,
                     "the receiver did not read for one second");
    return failure(core::Errc::unavailable, address_, std::generic_category().message(error));
  }
  return core::Nothing{};
}

}  // namespace nexus::daemon
