#include "tests/bench/remote/resident.h"

#include <fstream>
#include <string>

namespace nexus::bench {
namespace {

// A line of /proc/self/status.
std::size_t bytes_of(const std::string& name) {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    std::size_t kilobytes = 0;
    if (word == name && status >> kilobytes) return kilobytes * 1024;
  }
  return 0;
}

}  // namespace

std::size_t resident_bytes() { return bytes_of("VmRSS:"); }
std::size_t resident_bytes_peak() { return bytes_of("VmHWM:"); }
void reset_resident_peak() { std::ofstream("/proc/self/clear_refs") << "5"; }

}  // namespace nexus::bench
