// Log: one structured record a line, as text or JSON. A Log is a cheap handle; a Node makes one and
// hands it down, so two nodes in one process may log to two places.
//
//   text  2026-11-22T14:05:01.123Z info  node started workers=4 reason="first start" node=n1
//   JSON  {"ts":"2026-11-22T14:05:01.123Z","level":"info","event":"node started",
//          "node":"n1","fields":{"workers":4,"reason":"first start"}}     (on one line)
//
// L1  a record is one line, whatever its values hold: control characters are escaped, bytes that
//     are not UTF-8 replaced.
// L2  lines of different threads never interleave, nor those of nodes that share standard error.
// L3  writing throws nothing that a sink may throw (std::exception); a record that cannot be written is lost.
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

namespace nexus::core {

enum class LogLevel : std::uint8_t { trace, debug, info, warn, error, off };
enum class LogFormat : std::uint8_t { text, json };

// The names that records and configuration use: trace, debug, info, warn, error, off.
std::string_view log_level_name(LogLevel level);

// A key and the value as text; numbers and strings convert. The key must outlive the field. In a
// text line, characters of a key that would break the line (blanks, '=', '"', controls) become '_'.
struct LogField {
  LogField(std::string_view k, std::string_view v) : key(k), value(v) {}
  LogField(std::string_view k, const char* v) : key(k), value(v ? v : "(null)") {}
  LogField(std::string_view k, const std::string& v) : key(k), value(v) {}
  LogField(std::string_view k, bool v) : key(k), value(v ? "true" : "false"), quoted(false) {}
  template <std::integral N>
  LogField(std::string_view k, N v) : key(k), value(std::to_string(v)), quoted(false) {}
  // The shortest digits that read back as the same number; infinities and NaN, which JSON lacks,
  // become strings.
  LogField(std::string_view k, double v);

  std::string_view key;
  std::string value;
  bool quoted = true;
};

class Log {
 public:
  struct Options {
    LogLevel level = LogLevel::info;
    LogFormat format = LogFormat::text;
    // Written into every record as `node`; may be empty.
    std::string node;
  };

  // Discards everything.
  Log();
  // Writes to standard error.
  explicit Log(const Options& options);
  // Hands each finished line, without its line break, to `sink` instead; for tests. Called under a
  // lock of the log, so it must not write to the log; what it throws is dropped.
  Log(const Options& options, std::function<void(std::string_view line)> sink);

  // Any thread. `event` is a stable, short phrase; what varies goes into fields.
  // LogLevel::off writes nothing.
  void write(LogLevel level, std::string_view event,
             std::initializer_list<LogField> fields = {}) const;
  void debug(std::string_view event, std::initializer_list<LogField> fields = {}) const {
    write(LogLevel::debug, event, fields);
  }
  void info(std::string_view event, std::initializer_list<LogField> fields = {}) const {
    write(LogLevel::info, event, fields);
  }
  void warn(std::string_view event, std::initializer_list<LogField> fields = {}) const {
    write(LogLevel::warn, event, fields);
  }
  void error(std::string_view event, std::initializer_list<LogField> fields = {}) const {
    write(LogLevel::error, event, fields);
  }

  // Any thread. Would a record of this level be written? Ask before computing a costly field.
  bool enabled(LogLevel level) const;

 private:
  class Sink;
  std::shared_ptr<Sink> sink_;
};

}  // namespace nexus::core
