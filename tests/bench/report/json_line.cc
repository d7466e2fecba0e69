#include "tests/bench/report/json_line.h"

#include <array>
#include <cmath>
#include <cstdio>

namespace nexus::bench {

std::string text_of(double value) {
  std::array<char, 64> text{};
  const int digits = std::abs(value) >= 1000 ? 0 : std::abs(value) >= 10 ? 2 : 4;
  const int size = std::snprintf(text.data(), text.size(), "%.*f", digits, value);
  return {text.data(), static_cast<std::size_t>(size)};
}

JsonLine& JsonLine::raw(const std::string& name, const std::string& value) {
  line_ += (line_.empty() ? "{\"" : ",\"") + name + "\":" + value;
  return *this;
}

void JsonLine::write(std::ostream& out) const { out << text() << "\n" << std::flush; }

}  // namespace nexus::bench
