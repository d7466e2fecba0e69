#include "core/telemetry/lock_report.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <tuple>

#include "core/telemetry/lock_site.h"

namespace nexus::core {

LockReport LockReport::take() {
  LockReport report;
  for (const LockSites::State& state : LockSites::read()) {
    report.sites.push_back({.name = state.name,
                            .acquisition_count = state.acquisition_count,
                            .contended_count = state.waits.count(),
                            .waiting_count = state.waiting_count,
                            .wait_p50 = state.waits.quantile(0.50),
                            .wait_p95 = state.waits.quantile(0.95),
                            .wait_p99 = state.waits.quantile(0.99),
                            .wait_max = state.waits.max(),
                            .wait_sum = state.waits.sum()});
  }
  std::sort(report.sites.begin(), report.sites.end(), [](const Site& a, const Site& b) {
    return std::tuple(-a.wait_sum, a.name) < std::tuple(-b.wait_sum, b.name);
  });
  return report;
}

LockReport::Site LockReport::site(std::string_view name) const {
  const auto found = std::find_if(sites.begin(), sites.end(),
                                  [name](const Site& site) { return site.name == name; });
  return found == sites.end() ? Site{.name = name} : *found;
}

std::uint64_t LockReport::acquisition_count() const {
  std::uint64_t total = 0;
  for (const Site& site : sites) total += site.acquisition_count;
  return total;
}

std::string LockReport::to_text() const {
  const auto microseconds = [](Duration duration) {
    return static_cast<double>(duration.count()) / 1000.0;
  };
  std::array<char, 256> line{};
  const auto add_line = [&line](std::string& text, int bytes) {
    text.append(line.data(), std::min(static_cast<std::size_t>(bytes), line.size() - 1));
  };
  std::string text;
  add_line(text,
           std::snprintf(line.data(), line.size(), "%-28s %14s %12s %8s %10s %10s %10s %10s %14s\n",
                         "site", "acquisitions", "contended", "waiting", "p50 us", "p95 us",
                         "p99 us", "max us", "sum us"));
  for (const Site& site : sites) {
    add_line(text, std::snprintf(line.data(), line.size(),
                                 "%-28.*s %14llu %12llu %8u %10.1f %10.1f %10.1f %10.1f %14.1f\n",
                                 static_cast<int>(site.name.size()), site.name.data(),
                                 static_cast<unsigned long long>(site.acquisition_count),
                                 static_cast<unsigned long long>(site.contended_count),
                                 site.waiting_count, microseconds(site.wait_p50),
                                 microseconds(site.wait_p95), microseconds(site.wait_p99),
                                 microseconds(site.wait_max), microseconds(site.wait_sum)));
  }
  return text;
}

}  // namespace nexus::core
