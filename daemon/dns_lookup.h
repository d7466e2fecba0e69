// DnsLookup: the addresses that a name stands for, as the system's files and name servers say (c-ares). Reads both anew each time.
//
//   addresses_of()   one thread
//   cancel()         any thread: a lookup that is under way, and each later one, ends at once
#pragma once

#include <string>
#include <vector>

#include "core/base/result.h"

namespace nexus::daemon {

class DnsLookup {
 public:
  DnsLookup();
  ~DnsLookup();
  DnsLookup(const DnsLookup&) = delete;
  DnsLookup& operator=(const DnsLookup&) = delete;

  // IPv4 and IPv6 addresses in numbers, ascending. An error says what the name servers said.
  core::Result<std::vector<std::string>> addresses_of(const std::string& name) const;
  void cancel();

 private:
  // Readable from cancel() on.
  const int cancelled_;
};

}  // namespace nexus::daemon
