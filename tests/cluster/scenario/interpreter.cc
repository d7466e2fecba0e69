#include "tests/cluster/scenario/interpreter.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <map>
#include <set>
#include <sstream>
#include <utility>

namespace nexus::cluster::scenario {
namespace {

using core::Duration;

constexpr Duration kPatience = std::chrono::seconds(60);

std::vector<std::string> words_of(const std::string& line) {
  std::istringstream stream(line);
  return {std::istream_iterator<std::string>(stream), {}};
}

std::optional<std::size_t> count_of(std::string_view word) {
  std::size_t count = 0;
  const auto [stop, error] = std::from_chars(word.data(), word.data() + word.size(), count);
  if (error != std::errc{} || stop != word.data() + word.size()) return std::nullopt;
  return count;
}

std::optional<Duration> duration_of(std::string_view word) {
  if (word.ends_with("ms")) {
    const auto count = count_of(word.substr(0, word.size() - 2));
    return count ? std::optional<Duration>(std::chrono::milliseconds(*count)) : std::nullopt;
  }
  const auto count = word.ends_with('s') ? count_of(word.substr(0, word.size() - 1)) : std::nullopt;
  return count ? std::optional<Duration>(std::chrono::seconds(*count)) : std::nullopt;
}

bool are_names(std::span<const std::string> words) {
  return !words.empty() &&
         std::all_of(words.begin(), words.end(), [](const auto& word) { return number_of(word); });
}

std::vector<std::string> list(std::span<const std::string> words) {
  return {words.begin(), words.end()};
}

}  // namespace

core::Result<std::vector<std::string>> Interpreter::carry_out(
    const std::vector<std::string>& commands) {
  for (const std::string& command : commands) {
    if (const std::string wrong = carry_out(command); !wrong.empty()) {
      std::string detail = '"' + command + "\": " + wrong;
      for (const std::string& line : trace_.take()) detail += "\n  " + line;
      return core::Error{.code = core::Errc::invalid_argument, .detail = std::move(detail)};
    }
  }
  std::vector<std::string> lines = trace_.take();
  if (lines.empty()) lines.emplace_back("nothing");
  return lines;
}

std::string Interpreter::carry_out(const std::string& command) {
  static const std::map<std::string, Command, std::less<>> kCommands{
      {"option", &Interpreter::option},   {"seeds", &Interpreter::seeds},
      {"show", &Interpreter::show},       {"cluster", &Interpreter::cluster},
      {"start", &Interpreter::start},     {"crash", &Interpreter::crash},
      {"pause", &Interpreter::pause},     {"resume", &Interpreter::resume},
      {"leave", &Interpreter::leave},     {"put", &Interpreter::put},
      {"tell", &Interpreter::tell},       {"force", &Interpreter::force},
      {"cut", &Interpreter::cut},         {"hold", &Interpreter::hold},
      {"deliver", &Interpreter::deliver}, {"drop", &Interpreter::drop},
      {"heal", &Interpreter::heal},       {"run", &Interpreter::run},
      {"members", &Interpreter::members}, {"state", &Interpreter::state}};
  const std::vector<std::string> words = words_of(command);
  const auto known = words.empty() ? kCommands.end() : kCommands.find(words[0]);
  if (known == kCommands.end()) return "there is no such command";
  return (this->*known->second)(Words(words).subspan(1));
}

std::string Interpreter::option(Words words) {
  using Policy = PartitionPolicy::Kind;
  static const std::map<std::string, Policy, std::less<>> kPolicies{
      {"keep-majority", Policy::keep_majority},
      {"static-quorum", Policy::static_quorum},
      {"keep-oldest", Policy::keep_oldest},
      {"none", Policy::none}};
  MembershipOptions& options = cluster_.options();
  for (const std::string& word : words) {
    const auto equals = word.find('=');
    if (equals == std::string::npos) return "an option is NAME=VALUE";
    const std::string name = word.substr(0, equals);
    const std::string value = word.substr(equals + 1);
    const auto count = count_of(value);
    if (name == "policy" && kPolicies.contains(value)) {
      options.agreement.policy.kind = kPolicies.at(value);
    } else if (name == "quorum" && count) {
      options.agreement.policy.quorum = *count;
    } else if (name == "history" && count) {
      options.history_max = *count;
    } else if (name == "name") {
      options.compatibility.cluster = value;
    } else {
      return "no option is called " + name + ", or not with " + value;
    }
  }
  // As a node sets it up.
  options.admission.view_size_max = options.agreement.policy.view_size_max();
  options.bootstrap.members_max = options.agreement.policy.view_size_max();
  return words.empty() ? "an option is missing" : "";
}

std::string Interpreter::seeds(Words words) {
  if (!words.empty() && !are_names(words)) return "nodes are called n1, n2, ...";
  cluster_.set_seeds(list(words));
  return {};
}

std::string Interpreter::show(Words words) {
  KindSet shown;
  for (const std::string& word : words) {
    const auto kinds = kinds_of(word);
    if (!kinds) return "no kind of message is called " + word;
    shown.add(*kinds);
  }
  cluster_.show(shown);
  return {};
}

std::string Interpreter::cluster(Words words) {
  if (!are_names(words)) return "nodes are called n1, n2, ...";
  cluster_.found(list(words));
  return {};
}

std::string Interpreter::start(Words words) {
  if (!are_names(words)) return "nodes are called n1, n2, ...";
  for (const std::string& name : words) {
    if (cluster_.membership(name) != nullptr) cluster_.crash(name, false);
    cluster_.start(name);
  }
  return {};
}

bool Interpreter::all_run(Words names) {
  return !names.empty() && std::all_of(names.begin(), names.end(), [this](const auto& name) {
    return cluster_.membership(name) != nullptr;
  });
}

std::string Interpreter::crash(Words words) {
  const bool silently = !words.empty() && words.back() == "silently";
  if (silently) words = words.first(words.size() - 1);
  if (!all_run(words)) return "no such node runs";
  for (const std::string& name : words) cluster_.crash(name, silently);
  return {};
}

std::string Interpreter::pause(Words words) {
  if (!all_run(words)) return "no such node runs";
  for (const std::string& name : words) cluster_.pause(name);
  return {};
}

std::string Interpreter::resume(Words words) {
  if (!all_run(words)) return "no such node runs";
  for (const std::string& name : words) cluster_.resume(name);
  return {};
}

std::string Interpreter::leave(Words words) {
  if (!all_run(words)) return "no such node runs";
  for (const std::string& name : words) {
    cluster_.call(name, [](Membership& m, auto now, auto& output) { m.leave(now, output); });
  }
  return {};
}

std::string Interpreter::put(Words words) {
  if (words.size() != 3 || !all_run(words.first(1))) return "it is: put n1 KEY VALUE";
  core::Status status = core::Nothing{};
  cluster_.call(words[0], [&](Membership& m, auto now, auto& output) {
    status = m.put(words[1], words[2], now, output);
  });
  if (!status.ok()) trace_.add("refused: " + status.error().detail);
  return {};
}

std::string Interpreter::tell(Words words) {
  if (words.size() < 2 || !all_run(words.first(1)) || !are_names(words)) return "it is: tell n4 n1";
  std::vector<std::string> addresses;
  for (const std::string& name : words.subspan(1)) addresses.push_back(address_of(name));
  cluster_.call(words[0], [&](Membership& m, auto now, auto&) { m.join(addresses, now); });
  return {};
}

std::string Interpreter::force(Words words) {
  if (words.size() < 3 || !all_run(words.first(1)) || words[1] != "keep" ||
      !are_names(words.subspan(2)))
    return "it is: force n1 keep n1 n2";
  const ViewPtr& view = cluster_.membership(words[0])->incarnation().view();
  if (!view) return "it is in no view";
  std::vector<MemberId> keep;
  for (const std::string& name : words.subspan(2)) {
    if (const auto index = view->index_at(address_of(name)))
      keep.push_back(view->member(*index).id);
  }
  core::Status status = core::Nothing{};
  cluster_.call(words[0], [&, base = view->id()](Membership& m, auto now, auto& output) {
    status = m.force(base, keep, now, output);
  });
  if (!status.ok()) trace_.add("refused: " + status.error().detail);
  return {};
}

std::optional<Selector> Interpreter::selector(Words words) const {
  Selector selector;
  while (!words.empty()) {
    const auto kinds = kinds_of(words[0]);
    if (!kinds) break;
    selector.kinds.add(*kinds);
    words = words.subspan(1);
  }
  if (selector.kinds.empty()) selector.kinds = KindSet::all();
  const auto between = std::find_if(words.begin(), words.end(),
                                    [](const auto& word) { return word == "->" || word == "|"; });
  if (between == words.end()) return std::nullopt;
  const auto at = static_cast<std::size_t>(between - words.begin());
  const auto group = [this](Words names) -> std::optional<std::vector<std::string>> {
    if (names.size() == 1 && names[0] == "all") return cluster_.names();
    return are_names(names) ? std::optional(list(names)) : std::nullopt;
  };
  const auto left = group(words.first(at));
  const auto right = group(words.subspan(at + 1));
  if (!left || !right) return std::nullopt;
  for (const std::string& from : *left) {
    for (const std::string& to : *right) {
      selector.links.emplace(from, to);
      if (*between == "|") selector.links.emplace(to, from);
    }
  }
  return selector;
}

std::string Interpreter::cut(Words words) {
  auto what = selector(words);
  if (!what) return "it is: cut [KIND...] n1 n2 | n3, or with ->";
  cluster_.network().cut(std::move(*what));
  return {};
}

std::string Interpreter::hold(Words words) {
  auto what = selector(words);
  if (!what) return "it is: hold [KIND...] n1 n2 | n3, or with ->";
  cluster_.network().hold(std::move(*what));
  return {};
}

std::string Interpreter::deliver(Words words) {
  const auto what = selector(words);
  if (!what) return "it is: deliver [KIND...] n1 n2 | n3, or with ->";
  cluster_.deliver(*what);
  return {};
}

std::string Interpreter::drop(Words words) {
  const auto what = selector(words);
  if (!what) return "it is: drop [KIND...] n1 n2 | n3, or with ->";
  if (cluster_.network().take_held(*what).empty()) return "nothing of that is held";
  return {};
}

std::string Interpreter::heal(Words words) {
  cluster_.network().heal();
  return words.empty() ? "" : "heal is for all";
}

std::string Interpreter::run(Words words) {
  if (words.size() > 1 && words[0] == "until") return run_until(words.subspan(1));
  const auto time = words.size() == 1 ? duration_of(words[0]) : std::nullopt;
  if (!time) return "it is: run 2s, run 300ms, or run until ...";
  cluster_.run(*time, [] { return false; });
  return {};
}

std::string Interpreter::run_until(Words words) {
  const std::string usage = "it is: run until n1 n2 agree, are frozen, are out, or send KIND";
  Duration patience = kPatience;
  if (words.size() > 2 && words[words.size() - 2] == "within") {
    const auto time = duration_of(words.back());
    if (!time) return usage;
    patience = *time;
    words = words.first(words.size() - 2);
  }
  const auto named = static_cast<std::size_t>(
      std::find_if_not(words.begin(), words.end(), [](const auto& w) { return number_of(w); }) -
      words.begin());
  const std::vector<std::string> names = list(words.first(named));
  std::string what;
  for (const std::string& word : words.subspan(named)) what += (what.empty() ? "" : " ") + word;
  if (names.empty()) return usage;

  const auto each = [&](const auto& holds) {
    return [&names, holds] { return std::all_of(names.begin(), names.end(), holds); };
  };
  std::function<bool()> done;
  if (what == "agree") {
    done = [&] { return cluster_.agree(names); };
  } else if (what == "are frozen" || what == "is frozen") {
    done = each([this](const std::string& name) { return cluster_.is_frozen(name); });
  } else if (what == "are out" || what == "is out") {
    done = each([this](const std::string& name) {
      const Membership* const membership = cluster_.membership(name);
      return membership != nullptr && membership->is_out();
    });
  } else if (what.starts_with("send")) {
    // One of them does.
    const auto space = what.find(' ');
    const auto kinds = space == std::string::npos ? std::nullopt : kinds_of(what.substr(space + 1));
    if (!kinds) return usage;
    const auto count = [this, &names, kinds] {
      std::size_t sum = 0;
      for (unsigned k = 0; k <= static_cast<unsigned>(Kind::wanted); ++k) {
        if (!kinds->contains(static_cast<Kind>(k))) continue;
        for (const std::string& name : names)
          sum += cluster_.sent_count(name, static_cast<Kind>(k));
      }
      return sum;
    };
    done = [count, before = count()] { return count() > before; };
  } else {
    return usage;
  }
  return cluster_.run(patience, done) ? "" : "it was not so in time";
}

std::string Interpreter::members(Words words) {
  for (const std::string& name : words.empty() ? cluster_.names() : list(words))
    trace_.add(name + ": " + cluster_.standing(name));
  return {};
}

std::string Interpreter::state(Words words) {
  for (const std::string& name : words.empty() ? cluster_.names() : list(words)) {
    const Membership* const membership = cluster_.membership(name);
    if (membership == nullptr) continue;
    std::string text = name + ':';
    for (const StateEntry& entry : membership->incarnation().state().all())
      text += ' ' + name_of(entry.owner) + ' ' + entry.key + '=' + entry.value;
    trace_.add(text);
  }
  return {};
}

}  // namespace nexus::cluster::scenario
