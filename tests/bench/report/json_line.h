// JsonLine: one JSON object on one line, as programs that measure print them.
//
//   all calls   one thread
#pragma once

#include <cstdint>
#include <ostream>
#include <string>

namespace nexus::bench {

// Four digits at least, and never an exponent where somebody has to read it.
std::string text_of(double value);

// Names and words are ours and need no escapes.
class JsonLine {
 public:
  // `value` is JSON.
  JsonLine& raw(const std::string& name, const std::string& value);
  JsonLine& word(const std::string& name, const std::string& value) {
    return raw(name, "\"" + value + "\"");
  }
  JsonLine& number(const std::string& name, double value) { return raw(name, text_of(value)); }
  JsonLine& count(const std::string& name, std::uint64_t value) {
    return raw(name, std::to_string(value));
  }

  // The object so far.
  std::string text() const { return (line_.empty() ? "{" : line_) + "}"; }
  // Flushed, so that who reads along sees each line when it ends.
  void write(std::ostream& out) const;

 private:
  std::string line_;
};

}  // namespace nexus::bench
