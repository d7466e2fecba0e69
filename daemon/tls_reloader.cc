#include "daemon/tls_reloader.h"

#include <utility>

#include "core/base/clock.h"
#include "core/base/thread_name.h"

namespace nexus::daemon {
namespace {

// Time enough to make another one.
constexpr std::chrono::hours kWarnBefore{7 * 24};

bool equal(const remote::TlsMaterial& a, const remote::TlsMaterial& b) {
  return a.certificate == b.certificate && a.key == b.key && a.authorities == b.authorities;
}

}  // namespace

TlsReloader::TlsReloader(Options options, remote::TlsIdentity& identity, core::Log log)
    : options_(std::move(options)),
      identity_(identity),
      log_(std::move(log)),
      expires_at_(options_.expires_at),
      thread_([this] { run(); }) {}

TlsReloader::~TlsReloader() {
  {
    core::MutexLock lock(mutex_);
    stopping_ = true;
    stopping_changed_.notify_all();
  }
  thread_.join();
}

void TlsReloader::run() {
  core::set_thread_name("nx-tls");
  for (;;) {
    warn_before_the_end();
    const core::Instant next = core::SteadyClock().now() + options_.files.tls_reload_interval;
    {
      core::MutexLock lock(mutex_);
      while (!stopping_ && core::SteadyClock().now() < next) {
        stopping_changed_.wait_until(mutex_, next);
      }
      if (stopping_) return;
    }
    look();
  }
}

void TlsReloader::look() {
  std::vector<KeyProblem> problems;
  remote::TlsMaterial found = read_tls_files(options_.files, problems);
  if (problems.empty() && equal(found, *identity_.current())) {
    told_problem_.clear();
    return;
  }
  WallTime expires_at{};
  if (problems.empty()) {
    expires_at = check_tls_material(found, options_.files, options_.own_host, problems);
  }
  if (!problems.empty()) {
    const std::string problem = text_of(problems);
    if (std::exchange(told_problem_, problem) == problem) return;
    log_.error("certificate not replaced, the one in use stays", {{"detail", problem}});
    return;
  }
  told_problem_.clear();
  identity_.replace(std::move(found));
  expires_at_ = expires_at;
  warned_of_end_ = false;
  log_.info("certificate replaced", {{"expires", utc_text(expires_at)}});
}

void TlsReloader::warn_before_the_end() {
  if (warned_of_end_ || std::chrono::system_clock::now() + kWarnBefore < expires_at_) return;
  warned_of_end_ = true;
  log_.warn("the certificate in use expires soon",
            {{"expires", utc_text(expires_at_)}, {"file", options_.files.tls_certificate.text}});
}

}  // namespace nexus::daemon
