#include "daemon/seed_finder.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

#include "core/base/thread_name.h"

namespace nexus::daemon {
namespace {

constexpr std::size_t kSeedsMax = 1'024;

std::string trimmed(std::string line) {
  line.erase(std::min(line.find('#'), line.size()));
  const std::size_t first = line.find_first_not_of(" \t\r");
  if (first == std::string::npos) return {};
  return line.substr(first, line.find_last_not_of(" \t\r") - first + 1);
}

}  // namespace

SeedLines parse_seed_lines(const std::string& text) {
  SeedLines lines;
  std::istringstream in(text);
  std::string line;
  for (std::size_t number = 1; std::getline(in, line); ++number) {
    const std::string item = trimmed(std::move(line));
    if (item.empty()) continue;
    const core::Result<HostPort> address = parse_host_port(item);
    if (address.ok() && address->port != 0) {
      lines.addresses.push_back(address->to_string());
    } else if (lines.problem.empty()) {
      lines.problem = "line " + std::to_string(number) + ": " +
                      (address.ok() ? "the port is 0" : address.error().detail);
    }
  }
  return lines;
}

SeedFinder::SeedFinder(Options options, Found found, std::function<bool()> is_member, core::Log log)
    : options_(std::move(options)),
      found_(std::move(found)),
      is_member_(std::move(is_member)),
      log_(std::move(log)),
      thread_([this] { run(); }) {}

SeedFinder::~SeedFinder() {
  {
    core::MutexLock lock(mutex_);
    stopping_ = true;
    stopping_changed_.notify_all();
  }
  lookup_.cancel();
  thread_.join();
}

void SeedFinder::run() {
  core::set_thread_name("nx-seeds");
  for (;;) {
    look();
    const core::Instant next =
        core::SteadyClock().now() +
        (is_member_() ? options_.member_interval : options_.joining_interval);
    core::MutexLock lock(mutex_);
    while (!stopping_ && core::SteadyClock().now() < next) {
      stopping_changed_.wait_until(mutex_, next);
    }
    if (stopping_) return;
  }
}

void SeedFinder::look() {
  for (const HostPort& name : options_.names) look_up(name);
  if (!options_.file.text.empty()) read_file();
  {
    // What was cancelled is no answer.
    core::MutexLock lock(mutex_);
    if (stopping_) return;
  }
  std::vector<std::string> seeds;
  for (const HostPort& seed : options_.seeds) seeds.push_back(seed.to_string());
  for (const auto& [source, addresses] : addresses_)
    seeds.insert(seeds.end(), addresses.begin(), addresses.end());
  std::sort(seeds.begin(), seeds.end());
  seeds.erase(std::unique(seeds.begin(), seeds.end()), seeds.end());
  if (seeds.size() > kSeedsMax) {
    tell("seeds", std::to_string(seeds.size()) + " are more than " + std::to_string(kSeedsMax) +
                      "; the first of them count");
    seeds.resize(kSeedsMax);
  }
  if (seeds == last_) return;
  last_ = seeds;
  log_.info("seeds found", {{"count", seeds.size()}});
  found_(std::move(seeds));
}

void SeedFinder::look_up(const HostPort& name) {
  const core::Result<std::vector<std::string>> found = lookup_.addresses_of(name.host);
  const std::string source = "cluster.seeds_dns " + name.to_string();
  tell(source, found.ok() ? "" : found.error().detail);
  if (!found.ok()) return;
  std::vector<std::string> addresses;
  for (const std::string& host : *found) addresses.push_back(HostPort{host, name.port}.to_string());
  addresses_[source] = std::move(addresses);
}

void SeedFinder::read_file() {
  const std::string source = "cluster.seeds_file " + options_.file.text;
  std::ifstream in(options_.file.text);
  std::ostringstream text;
  if (in) text << in.rdbuf();
  if (!in || !text) return tell(source, std::string("cannot be read: ") + std::strerror(errno));
  SeedLines lines = parse_seed_lines(text.str());
  tell(source, lines.problem);
  addresses_[source] = std::move(lines.addresses);
}

void SeedFinder::tell(const std::string& source, const std::string& problem) {
  std::string& told = problems_[source];
  if (told == problem) return;
  told = problem;
  if (problem.empty()) {
    log_.info("seeds can be found again", {{"source", source}});
  } else {
    log_.warn("seeds not found", {{"source", source}, {"detail", problem}});
  }
}

}  // namespace nexus::daemon
