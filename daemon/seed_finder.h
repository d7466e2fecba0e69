// SeedFinder: the addresses of cluster.seeds_dns and cluster.seeds_file, found again every few seconds while the node is in no cluster,
// and now and then when it is.
//
// A name that does not resolve, and a file that cannot be read, keep what they stood for before; the log says so, once for each reason.
// One thread of its own, `nx-seeds`: name servers and disks may hang. Made and destroyed by the node's thread.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/mutex.h"
#include "daemon/config/node_config.h"
#include "daemon/dns_lookup.h"

namespace nexus::daemon {

class SeedFinder {
 public:
  struct Options {
    // Of the configuration.
    std::vector<HostPort> seeds;
    std::vector<HostPort> names;
    // Empty: none.
    FilePath file;
    core::Duration joining_interval = std::chrono::seconds(2);
    core::Duration member_interval = std::chrono::seconds(30);
  };
  // Called on the thread, when they are others than before: `host:port`, ascending.
  using Found = std::function<void(std::vector<std::string> seeds)>;

  // `is_member` is asked on the thread.
  SeedFinder(Options options, Found found, std::function<bool()> is_member, core::Log log);
  // Waits until the thread has ended.
  ~SeedFinder();
  SeedFinder(const SeedFinder&) = delete;
  SeedFinder& operator=(const SeedFinder&) = delete;

 private:
  void run();
  void look();
  void look_up(const HostPort& name);
  void read_file();
  // Once for each reason; empty: all is well again.
  void tell(const std::string& source, const std::string& problem);

  const Options options_;
  const Found found_;
  const std::function<bool()> is_member_;
  const core::Log log_;
  DnsLookup lookup_;

  // The thread's own: what each name, and the file, stands for, and what was wrong with it.
  std::map<std::string, std::vector<std::string>> addresses_;
  std::map<std::string, std::string> problems_;
  std::optional<std::vector<std::string>> last_;

  // Guards the wish to end; never held while anything is looked up.
  core::Mutex mutex_{"seed_finder"};
  core::CondVar stopping_changed_;
  bool stopping_ GUARDED_BY(mutex_) = false;

  // Last: it uses all of the above.
  std::thread thread_;
};

struct SeedLines {
  std::vector<std::string> addresses{};
  // The first line that is none, with its number; empty when all are well.
  std::string problem{};
};
// One `host:port` a line; blank lines, and what follows a #, do not count.
SeedLines parse_seed_lines(const std::string& text);

}  // namespace nexus::daemon
