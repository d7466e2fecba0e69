#include "core/telemetry/lock_report.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>

#include "core/telemetry/lock_site.h"
#include "tests/support/wait.h"

namespace nexus::core {
namespace {

void lock_once(const LockProbe<true>& probe, std::mutex& mutex) {
  probe.lock(mutex);
  mutex.unlock();
}

// Makes one thread wait at the site.
void contend_once(const LockProbe<true>& probe, std::string_view name) {
  std::mutex mutex;
  probe.lock(mutex);
  std::thread waiter([&] { lock_once(probe, mutex); });
  EXPECT_TRUE(test::eventually([&] { return LockReport::take().site(name).waiting_count == 1; }));
  mutex.unlock();
  waiter.join();
}

TEST(LockReport, SaysWhatEachSiteCounted) {
  const LockProbe<true> probe("calm");
  std::mutex mutex;
  lock_once(probe, mutex);
  lock_once(probe, mutex);
  const LockReport::Site site = LockReport::take().site("calm");
  EXPECT_EQ(site.acquisition_count, 2u);
  EXPECT_EQ(site.contended_count, 0u);
  EXPECT_EQ(site.wait_max, Duration::zero());
  EXPECT_EQ(LockReport::take().site("unknown").acquisition_count, 0u);
}

TEST(LockReport, PutsTheSitesWithTheLongestWaitsFirst) {
  const LockProbe<true> waited("a wait");
  const LockProbe<true> calm("a calm one");
  contend_once(waited, "a wait");
  const LockReport report = LockReport::take();
  const LockReport::Site site = report.site("a wait");
  EXPECT_EQ(site.acquisition_count, 2u);
  EXPECT_EQ(site.contended_count, 1u);
  EXPECT_GT(site.wait_p50, Duration::zero());
  EXPECT_LE(site.wait_p50, site.wait_p95);
  EXPECT_LE(site.wait_p95, site.wait_p99);
  EXPECT_LE(site.wait_p99, site.wait_max);
  EXPECT_EQ(site.wait_sum, site.wait_max);
  ASSERT_GE(report.sites.size(), 2u);
  for (std::size_t i = 1; i < report.sites.size(); ++i) {
    EXPECT_GE(report.sites[i - 1].wait_sum, report.sites[i].wait_sum);
  }
}

TEST(LockReport, SumsTheAcquisitionsOfAllSites) {
  const LockProbe<true> probe("one of many");
  std::mutex mutex;
  const std::uint64_t before = LockReport::take().acquisition_count();
  for (int i = 0; i < 5; ++i) lock_once(probe, mutex);
  EXPECT_EQ(LockReport::take().acquisition_count(), before + 5);
}

TEST(LockReport, PrintsALineForEachSiteBelowAHeading) {
  LockReport report;
  report.sites.push_back({.name = "cell_table",
                          .acquisition_count = 12345,
                          .contended_count = 17,
                          .waiting_count = 2,
                          .wait_p50 = std::chrono::microseconds(4),
                          .wait_max = std::chrono::nanoseconds(123'456)});
  report.sites.push_back({.name = std::string_view("a name that is longer than its column")});
  const std::string text = report.to_text();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3);
  EXPECT_NE(text.find("acquisitions"), std::string::npos);
  const std::string row =
      text.substr(text.find("cell_table"), text.find("a name") - text.find("cell_table"));
  for (const char* part : {" 12345 ", " 17 ", " 2 ", " 4.0 ", " 123.5 "}) {
    EXPECT_NE(row.find(part), std::string::npos) << part << " is not in " << row;
  }
  EXPECT_NE(text.find("a name that is longer than its column"), std::string::npos);
}

}  // namespace
}  // namespace nexus::core
