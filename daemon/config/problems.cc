#include "daemon/config/problems.h"

#include <algorithm>
#include <utility>

#include "core/base/check.h"
#include "core/base/escape.h"

namespace nexus::daemon {

namespace {

constexpr std::size_t kPathBytesMax = 128;

}  // namespace

std::string to_string(Position position) {
  return "line " + std::to_string(position.line) + ", column " + std::to_string(position.column);
}

void Problems::add(Position at, std::string path, std::string what) {
  problems_.push_back({at, std::move(path), std::move(what)});
}

core::Error Problems::report(std::string_view source) const {
  CHECK(!empty());
  std::vector<Problem> ordered = problems_;
  std::stable_sort(ordered.begin(), ordered.end(),
                   [](const Problem& a, const Problem& b) { return a.at < b.at; });
  std::string detail;
  const std::size_t shown = std::min(ordered.size(), kShownMax);
  for (std::size_t i = 0; i < shown; ++i) {
    const Problem& problem = ordered[i];
    if (i > 0) detail += '\n';
    core::append_escaped(detail, source);
    if (problem.at.line > 0)
      detail += ":" + std::to_string(problem.at.line) + ":" + std::to_string(problem.at.column);
    detail += ": ";
    if (!problem.path.empty()) {
      detail += core::printable(problem.path, kPathBytesMax);
      detail += ": ";
    }
    detail += problem.what;
  }
  if (count() > shown) {
    detail += "\n";
    core::append_escaped(detail, source);
    detail += ": and " + std::to_string(count() - shown) + " more";
  }
  return core::Error{core::Errc::invalid_argument, detail};
}

}  // namespace nexus::daemon
