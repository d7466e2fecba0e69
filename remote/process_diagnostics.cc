#include "remote/process_diagnostics.h"

#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "core/actor/context.h"

namespace nexus::remote {
namespace {

using core::Errc;
using core::Error;

// What one turn of a search may take, and how many ids it looks at between two looks at the clock.
constexpr core::Duration kTurnMax = std::chrono::milliseconds(1);
constexpr std::size_t kIdsAtOnce = 16;
// RE2 keeps two thirds for the expression; the rest is for automata, without which it is slower but still linear.
constexpr std::int64_t kRegexBytesMax = std::int64_t{1} << 20;

constexpr std::array<std::string_view, 5> kStateNames = {"free", "starting", "alive", "restarting",
                                                         "stopping"};

char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// The next turn of a search.
struct GoOn {};

}  // namespace

// What to look for, and what was found.
class ProcessDiagnostics::Search {
 public:
  Search(core::ActorSystem& system, std::string pattern, std::unique_ptr<RE2> regex,
         std::size_t count_max, std::function<bool()> is_wanted, Done done)
      : system_(system),
        pattern_(std::move(pattern)),
        regex_(std::move(regex)),
        count_max_(count_max),
        is_wanted_(std::move(is_wanted)),
        done_(std::move(done)) {
    std::transform(pattern_.begin(), pattern_.end(), pattern_.begin(), to_lower);
    // Names that are no actor's own: few, and those of the node itself.
    for (auto& [id, pid] : system_.registry().further_names()) take(std::move(id));
  }
  // Without an answer when the searcher never got a turn.
  ~Search() { end(Error{Errc::unavailable, "the node is stopping; ask another one"}); }
  Search(const Search&) = delete;
  Search& operator=(const Search&) = delete;

  // False when it is over. `searcher` is not among what is found.
  bool go_on(const core::Pid& searcher) {
    if (!is_wanted_()) {
      end(Error{Errc::cancelled, "the caller has gone"});
      return false;
    }
    const core::Instant begin = system_.clock().now();
    do {
      const std::vector<core::Pid> pids = system_.cells().live(next_index_, kIdsAtOnce);
      for (const core::Pid& pid : pids) {
        if (pid != searcher) take(pid.id());
      }
      if (pids.size() < kIdsAtOnce) {
        end(result());
        return false;
      }
      next_index_ = pids.back().cell()->index() + 1;
    } while (system_.clock().now() - begin < kTurnMax);
    return true;
  }

  void end(core::Result<Found> result) {
    if (const Done done = std::exchange(done_, nullptr)) done(std::move(result));
  }

 private:
  bool matches(const std::string& id) const {
    if (regex_ != nullptr) return RE2::PartialMatch(id, *regex_);
    return std::search(id.begin(), id.end(), pattern_.begin(), pattern_.end(),
                       [](char a, char b) { return to_lower(a) == b; }) != id.end() ||
           pattern_.empty();
  }

  void take(std::string id) {
    if (!matches(id)) return;
    ++found_.matched_count;
    found_.ids.push_back(std::move(id));
    // The rest goes once in a while, so that a search holds at most twice what it may answer.
    if (found_.ids.size() >= 2 * count_max_) keep_first();
  }

  void keep_first() {
    if (found_.ids.size() <= count_max_) return;
    const auto end = found_.ids.begin() + static_cast<std::ptrdiff_t>(count_max_);
    std::nth_element(found_.ids.begin(), end, found_.ids.end());
    found_.ids.erase(end, found_.ids.end());
  }

  Found result() {
    keep_first();
    std::sort(found_.ids.begin(), found_.ids.end());
    return std::move(found_);
  }

  core::ActorSystem& system_;
  std::string pattern_;
  const std::unique_ptr<RE2> regex_;
  const std::size_t count_max_;
  const std::function<bool()> is_wanted_;
  Done done_;
  std::uint32_t next_index_ = 0;
  Found found_;
};

class ProcessDiagnostics::Searcher final : public core::Actor {
 public:
  explicit Searcher(std::shared_ptr<Search> search) : search_(std::move(search)) {}

  void receive(core::Context& context) override {
    if (context.message<core::Started>() != nullptr || context.message<GoOn>() != nullptr) {
      if (search_->go_on(context.self())) {
        context.send(context.self(), GoOn{});
      } else {
        context.stop(context.self());
      }
    } else if (context.message<core::Stopping>() != nullptr) {
      search_->end(Error{Errc::unavailable, "the node is stopping; ask another one"});
    }
  }

 private:
  const std::shared_ptr<Search> search_;
};

core::Status ProcessDiagnostics::check_enabled() const {
  if (options_.count_max > 0) return core::Nothing{};
  return Error{Errc::permission_denied,
               "diagnostics for peers are switched off here: remote.diagnostics_count_max is 0"};
}

void ProcessDiagnostics::find(const std::string& pattern, Match match,
                              std::function<bool()> is_wanted, Done done) {
  if (core::Status enabled = check_enabled(); !enabled.ok()) return done(enabled.error());
  if (pattern.size() > options_.pattern_bytes_max) {
    return done(Error{Errc::invalid_argument,
                      "the pattern has " + std::to_string(pattern.size()) + " bytes, at most " +
                          std::to_string(options_.pattern_bytes_max) + " are allowed"});
  }
  if (match == Match::exact) {
    Found found;
    const core::Pid pid = system_.registry().find(pattern);
    if (pid && !pid.is_future()) found = {.ids = {pattern}, .matched_count = 1};
    return done(std::move(found));
  }
  std::unique_ptr<RE2> regex;
  if (match == Match::regex) {
    RE2::Options how(RE2::Quiet);
    how.set_max_mem(kRegexBytesMax);
    how.set_never_capture(true);
    regex = std::make_unique<RE2>(pattern, how);
    if (!regex->ok()) {
      return done(Error{Errc::invalid_argument,
                        "the pattern is no regular expression that RE2 takes: " + regex->error()});
    }
    if (regex->ProgramSize() > options_.regex_steps_max) {
      return done(Error{Errc::invalid_argument,
                        "the regular expression is too large; use a "
                        "shorter one, or smaller numbers in {}"});
    }
  }
  auto& count = *search_count_;
  if (count.fetch_add(1) >= options_.search_count_max) {
    count.fetch_sub(1);
    return done(Error{Errc::resource_exhausted, std::to_string(options_.search_count_max) +
                                                    " searches are going on; try again"});
  }
  const auto counted = [count = search_count_, done = std::move(done)](core::Result<Found> result) {
    count->fetch_sub(1);
    done(std::move(result));
  };
  const auto search = std::make_shared<Search>(system_, pattern, std::move(regex),
                                               options_.count_max, std::move(is_wanted), counted);
  core::Props props = core::props<Searcher>(search);
  props.system = true;
  const core::Result<core::Pid> spawned = system_.spawn(core::share(std::move(props)));
  if (!spawned.ok()) search->end(spawned.error());
}

core::Result<std::string> ProcessDiagnostics::describe(const std::string& address,
                                                       const std::string& id) const {
  if (core::Status enabled = check_enabled(); !enabled.ok()) return enabled.error();
  if (!address.empty() && address != system_.address()) {
    return Error{Errc::invalid_argument,
                 "this is the node " + system_.address() + "; ask the node of the process"};
  }
  const core::Pid pid = system_.registry().find(id);
  if (!pid || pid.is_future()) return Error{Errc::not_found, "there is no process of that id"};
  if (!pid.is_cell()) return std::string("ActorType:(none, a process of the node itself)\n");
  const core::ActorCell& cell = *pid.cell();
  const auto info = system_.cells().info(cell, pid.generation());
  if (!info) return Error{Errc::not_found, "there is no process of that id"};
  std::string text = "ActorType:" + (info->props->kind.empty() ? "(no kind)" : info->props->kind);
  const auto line = [&](std::string_view name, const std::string& value) {
    text.append("\n").append(name).append(": ").append(value);
  };
  line("Pid", pid.to_string());
  line("System", info->props->system ? "yes" : "no");
  line("State", std::string(kStateNames[static_cast<std::size_t>(cell.state())]));
  if (info->parent.is_cell()) line("Parent", info->parent.to_string());
  line("Children", std::to_string(cell.child_count()));
  line("Watchers", std::to_string(cell.watcher_count()));
  line("Restarts", std::to_string(cell.restart_count()));
  line("Mailbox", std::to_string(cell.mailbox_count()));
  line("Processed", std::to_string(cell.processed_count()));
  text += '\n';
  return text;
}

}  // namespace nexus::remote
