#include "daemon/seed_finder.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "core/base/mutex.h"

namespace nexus::daemon {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Seeds = std::vector<std::string>;

TEST(SeedLinesTest, AreOneAddressALine) {
  const SeedLines lines = parse_seed_lines(
      "# the first ones\n"
      "10.0.0.5:7701\n"
      "\n"
      "  [::1]:7702  # by number\r\n"
      "seed.example:7703");
  EXPECT_EQ(lines.addresses, (Seeds{"10.0.0.5:7701", "[::1]:7702", "seed.example:7703"}));
  EXPECT_EQ(lines.problem, "");
}

TEST(SeedLinesTest, SayWhichLineIsWrongAndKeepTheOthers) {
  const SeedLines lines = parse_seed_lines("a:1\nb\nc:0\nd:4");
  EXPECT_EQ(lines.addresses, (Seeds{"a:1", "d:4"}));
  EXPECT_TRUE(lines.problem.starts_with("line 2: ")) << lines.problem;
}

class SeedFinderTest : public testing::Test {
 protected:
  ~SeedFinderTest() override { std::filesystem::remove(path_); }

  // At once: nobody sees half of it.
  void write(const std::string& text) {
    std::ofstream(path_ + ".new") << text;
    std::filesystem::rename(path_ + ".new", path_);
  }

  std::unique_ptr<SeedFinder> finder(std::vector<HostPort> seeds, std::vector<HostPort> names,
                                     bool with_file) {
    return std::make_unique<SeedFinder>(
        SeedFinder::Options{.seeds = std::move(seeds),
                            .names = std::move(names),
                            .file = {with_file ? path_ : ""},
                            .joining_interval = milliseconds(5),
                            .member_interval = seconds(1'000)},
        [this](Seeds found) {
          core::MutexLock lock(mutex_);
          found_.push_back(std::move(found));
          changed_.notify_all();
        },
        [] { return false; }, core::Log({.level = core::LogLevel::off, .node = ""}));
  }

  Seeds await(std::size_t number) {
    core::MutexLock lock(mutex_);
    while (found_.size() <= number) changed_.wait(mutex_);
    return found_[number];
  }

  const std::string path_ = testing::TempDir() + "seeds-" + std::to_string(getpid());
  core::Mutex mutex_{"seed_finder_test"};
  core::CondVar changed_;
  std::vector<Seeds> found_ GUARDED_BY(mutex_);
};

TEST_F(SeedFinderTest, TellsWhatTheFileSaysWheneverItChanges) {
  write("b:2\na:1\n");
  const auto finder = this->finder({{"c", 3}}, {}, true);
  EXPECT_EQ(await(0), (Seeds{"a:1", "b:2", "c:3"}));
  write("a:1\n");
  EXPECT_EQ(await(1), (Seeds{"a:1", "c:3"}));
}

TEST_F(SeedFinderTest, KeepsWhatAFileSaidThatIsGone) {
  write("a:1\n");
  const auto finder = this->finder({}, {}, true);
  EXPECT_EQ(await(0), Seeds{"a:1"});
  std::filesystem::remove(path_);
  write("b:2\n");
  EXPECT_EQ(await(1), Seeds{"b:2"}) << "and not nothing in between";
}

TEST_F(SeedFinderTest, FindsTheAddressesOfAName) {
  const auto finder = this->finder({}, {{"localhost", 7701}}, false);
  const Seeds seeds = await(0);
  EXPECT_NE(std::find(seeds.begin(), seeds.end(), "127.0.0.1:7701"), seeds.end());
}

}  // namespace
}  // namespace nexus::daemon
