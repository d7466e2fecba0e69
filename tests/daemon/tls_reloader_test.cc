#include "daemon/tls_reloader.h"

#include <gtest/gtest.h>

#include <optional>

#include "tests/daemon/tls_folder.h"
#include "tests/support/wait.h"

namespace nexus::daemon {
namespace {

using std::chrono::hours;
using std::chrono::system_clock;
using test::eventually;

class TlsReload : public testing::Test {
 protected:
  void start(WallTime expires_at = system_clock::now() + hours(1000)) {
    SecuritySection section = folder_.section();
    section.tls_reload_interval = std::chrono::milliseconds(10);
    folder_.write(first_);
    reloader_.emplace(
        TlsReloader::Options{.files = section, .own_host = "127.0.0.1", .expires_at = expires_at},
        identity_, core::Log({}, [this](std::string_view line) { log_.push(std::string(line)); }));
  }
  void expect_logged(const std::string& event, const std::string& words) {
    const auto line = log_.pop();
    ASSERT_TRUE(line.has_value()) << "nothing was logged";
    EXPECT_PRED_FORMAT2(testing::IsSubstring, event, *line);
    EXPECT_PRED_FORMAT2(testing::IsSubstring, words, *line);
  }
  bool in_use(const remote::TlsMaterial& material) const {
    return identity_.current()->certificate == material.certificate;
  }

  const TlsFolder folder_;
  test::Certificates ca_;
  const remote::TlsMaterial first_ = ca_.for_loopback();
  remote::TlsIdentity identity_{{}, first_};
  test::Queue<std::string> log_;
  std::optional<TlsReloader> reloader_;
};

TEST_F(TlsReload, ANewCertificateIsHandedOn) {
  start();
  const auto second = ca_.for_loopback();
  // Between the two files the pair does not fit.
  folder_.replace("node.key", second.key);
  folder_.replace("node.pem", second.certificate);
  EXPECT_TRUE(eventually([&] { return in_use(second); }));
  EXPECT_EQ(identity_.current()->key, second.key);
  folder_.replace("ca.pem", second.authorities + test::Certificates("next").authority());
  EXPECT_TRUE(eventually([&] { return identity_.version() == 3; })) << "authorities too";
}

TEST_F(TlsReload, ABrokenPairLeavesTheOneInUseAndIsLoggedOnce) {
  start();
  const auto second = ca_.for_loopback();
  folder_.replace("node.key", second.key);
  expect_logged("certificate not replaced, the one in use stays", "security.tls_key");
  folder_.remove("node.key");
  expect_logged("certificate not replaced, the one in use stays", "No such file or directory");
  EXPECT_TRUE(in_use(first_));
  EXPECT_EQ(identity_.version(), 1u);
  folder_.write(second);
  // A look between two of the three files may find something else to say.
  EXPECT_TRUE(eventually([&] { return in_use(second); }));
}

TEST_F(TlsReload, AnExpiredCertificateIsNotTaken) {
  start();
  const auto expired = ca_.issue("subjectAltName=IP:127.0.0.1", -1);
  folder_.replace("node.pem", expired.certificate);
  EXPECT_TRUE(eventually([&] { return log_.size() > 0; }));
  folder_.replace("node.key", expired.key);
  for (;;) {
    const auto line = log_.pop();
    ASSERT_TRUE(line.has_value());
    if (line->find("tls_key") == std::string::npos) {
      EXPECT_PRED_FORMAT2(testing::IsSubstring, "expired on", *line);
      break;
    }
  }
  EXPECT_TRUE(in_use(first_));
}

TEST_F(TlsReload, ItIsSaidInTimeThatTheCertificateExpires) {
  start(system_clock::now() + hours(24));
  expect_logged("expires soon", "expires=");
}

}  // namespace
}  // namespace nexus::daemon
