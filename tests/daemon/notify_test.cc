#include "daemon/notify.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>

namespace nexus::daemon {
namespace {

// What systemd holds: a bound datagram socket.
class Manager {
 public:
  explicit Manager(const std::string& address) : address_(address) {
    descriptor_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    std::memcpy(name.sun_path, address.data(), address.size());
    const bool abstract = address.front() == '@';
    if (abstract) name.sun_path[0] = '\0';
    const auto bytes = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address.size() +
                                              (abstract ? 0 : 1));
    bound_ = ::bind(descriptor_, reinterpret_cast<const sockaddr*>(&name), bytes) == 0;
    const timeval timeout{.tv_sec = 5, .tv_usec = 0};
    (void)::setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
  }
  ~Manager() {
    ::close(descriptor_);
    if (address_.front() == '/') ::unlink(address_.c_str());
  }
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;

  bool bound() const { return bound_; }
  std::string receive() const {
    std::array<char, 4096> buffer;
    const ssize_t bytes = ::recv(descriptor_, buffer.data(), buffer.size(), 0);
    return bytes < 0 ? "nothing came" : std::string(buffer.data(), static_cast<std::size_t>(bytes));
  }

 private:
  const std::string address_;
  int descriptor_ = -1;
  bool bound_ = false;
};

std::string unique(const std::string& prefix) {
  static int count = 0;
  return prefix + "nexus-notify-" + std::to_string(::getpid()) + "-" + std::to_string(++count);
}

TEST(Notifier, WithoutAnAddressEveryCallSucceedsAndDoesNothing) {
  const Notifier notifier("");
  EXPECT_FALSE(notifier.enabled());
  EXPECT_TRUE(notifier.ready("x").ok());
  EXPECT_TRUE(notifier.status("x").ok());
  EXPECT_TRUE(notifier.stopping().ok());
}

TEST(Notifier, SpeaksToASocketInTheFileSystem) {
  const std::string address = unique("/tmp/");
  const Manager manager(address);
  ASSERT_TRUE(manager.bound());
  const Notifier notifier(address);
  ASSERT_TRUE(notifier.ready("serving on 127.0.0.1:7701").ok());
  EXPECT_EQ(manager.receive(), "READY=1\nSTATUS=serving on 127.0.0.1:7701");
  ASSERT_TRUE(notifier.status("3 peers").ok());
  EXPECT_EQ(manager.receive(), "STATUS=3 peers");
  ASSERT_TRUE(notifier.stopping().ok());
  EXPECT_EQ(manager.receive(), "STOPPING=1");
}

TEST(Notifier, SpeaksToAnAbstractSocket) {
  const std::string address = unique("@");
  const Manager manager(address);
  ASSERT_TRUE(manager.bound());
  ASSERT_TRUE(Notifier(address).ready("x").ok());
  EXPECT_EQ(manager.receive(), "READY=1\nSTATUS=x");
}

TEST(Notifier, AStatusCannotSmuggleInAnotherAssignment) {
  const std::string address = unique("@");
  const Manager manager(address);
  ASSERT_TRUE(Notifier(address).status("a\nMAINPID=1\r\x7F\xFF").ok());
  EXPECT_EQ(manager.receive(), "STATUS=a MAINPID=1  ?");
}

TEST(Notifier, CutsALongStatusBetweenCharacters) {
  const std::string address = unique("@");
  const Manager manager(address);
  ASSERT_TRUE(Notifier(address).status(std::string(1023, 'a') + "\xC3\xA9").ok());
  EXPECT_EQ(manager.receive(), "STATUS=" + std::string(1023, 'a'));
}

TEST(Notifier, ReportsThatNobodyListens) {
  const auto status = Notifier(unique("/tmp/")).ready("x");
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, core::Errc::unavailable);
  EXPECT_PRED_FORMAT2(testing::IsSubstring, "NOTIFY_SOCKET", status.error().detail);
}

TEST(Notifier, ReportsAnAddressThatIsNone) {
  for (const std::string address : {"relative/path", "@", "/", "vsock:2:1234"}) {
    const auto status = Notifier(address).ready("x");
    ASSERT_FALSE(status.ok()) << address;
    EXPECT_EQ(status.error().code, core::Errc::invalid_argument) << address;
  }
}

TEST(Notifier, TakesTheLongestAddressesAndReportsLongerOnes) {
  const std::size_t bytes_max = sizeof(sockaddr_un::sun_path);
  std::string address = unique("@");
  address.resize(bytes_max, 'x');
  const Manager manager(address);
  ASSERT_TRUE(manager.bound());
  EXPECT_TRUE(Notifier(address).stopping().ok());
  EXPECT_EQ(manager.receive(), "STOPPING=1");

  const auto abstract = Notifier(address + "x").stopping();
  ASSERT_FALSE(abstract.ok());
  EXPECT_EQ(abstract.error().code, core::Errc::invalid_argument);
  const auto path = Notifier("/" + std::string(bytes_max - 1, 'x')).stopping();
  ASSERT_FALSE(path.ok()) << "a path needs a byte for its end";
  EXPECT_EQ(path.error().code, core::Errc::invalid_argument);
}

TEST(Notifier, AReceiverThatDoesNotReadHoldsItOneSecondOnly) {
  const std::string address = unique("@");
  const Manager manager(address);
  const Notifier notifier(address);
  // A receiver's queue is finite, so sending without reading must fail at last.
  core::Status status = core::Nothing{};
  for (int i = 0; i < 10'000 && status.ok(); ++i) status = notifier.status("x");
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, core::Errc::deadline_exceeded);
}

TEST(Notifier, TakesItsAddressFromTheEnvironment) {
  const std::string address = unique("@");
  const Manager manager(address);
  ::setenv("NOTIFY_SOCKET", address.c_str(), 1);
  const Notifier notifier = Notifier::from_environment();
  ::unsetenv("NOTIFY_SOCKET");
  ASSERT_TRUE(notifier.enabled());
  ASSERT_TRUE(notifier.ready("x").ok());
  EXPECT_EQ(manager.receive(), "READY=1\nSTATUS=x");
  EXPECT_FALSE(Notifier::from_environment().enabled());
}

}  // namespace
}  // namespace nexus::daemon
