// TlsReloader: looks at the files of security.tls_* again and again, and hands what has changed to the TlsIdentity. Files that cannot
// be used change nothing; the log says so, once for each reason.
//
// One thread of its own, `nx-tls`: a disk that hangs must hold nobody up. Made and destroyed by the node's thread.
#pragma once

#include <string>
#include <thread>

#include "core/base/log.h"
#include "core/base/mutex.h"
#include "daemon/config/node_config.h"
#include "daemon/tls_files.h"
#include "remote/tls_identity.h"

namespace nexus::daemon {

class TlsReloader {
 public:
  struct Options {
    SecuritySection files;
    // As for check_tls_material().
    std::string own_host;
    // Of what `identity` holds.
    WallTime expires_at;
  };

  // `identity` must outlive this.
  TlsReloader(Options options, remote::TlsIdentity& identity, core::Log log);
  // Waits until the thread has ended.
  ~TlsReloader();
  TlsReloader(const TlsReloader&) = delete;
  TlsReloader& operator=(const TlsReloader&) = delete;

 private:
  void run();
  void look();
  void warn_before_the_end();

  const Options options_;
  remote::TlsIdentity& identity_;
  const core::Log log_;

  // The thread's own.
  WallTime expires_at_;
  bool warned_of_end_ = false;
  std::string told_problem_;

  // Guards the wish to end; never held while files are read.
  core::Mutex mutex_{"tls_reloader"};
  core::CondVar stopping_changed_;
  bool stopping_ GUARDED_BY(mutex_) = false;

  // Last: it uses all of the above.
  std::thread thread_;
};

}  // namespace nexus::daemon
