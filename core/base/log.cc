#include "core/base/log.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <exception>

#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <mutex>
#include <utility>

#include "core/base/check.h"
#include "core/base/escape.h"

namespace nexus::core {

namespace {

constexpr std::array<std::string_view, 6> kLevelNames = {"trace", "debug", "info",
                                                         "warn",  "error", "off"};

// Hands lines to a function. The base class holds its mutex while it calls sink_it_().
class FunctionSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit FunctionSink(std::function<void(std::string_view)> function)
      : function_(std::move(function)) {}

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    if (function_) function_({message.payload.data(), message.payload.size()});
  }
  void flush_() override {}

  const std::function<void(std::string_view)> function_;
};

// UTC, milliseconds.
std::string timestamp() {
  const auto now = std::chrono::system_clock::now();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now);
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(now - seconds);
  const std::time_t time = std::chrono::system_clock::to_time_t(seconds);
  std::tm utc{};
  gmtime_r(&time, &utc);
  std::array<char, 48> text{};
  const std::size_t bytes = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &utc);
  std::snprintf(text.data() + bytes, text.size() - bytes, ".%03dZ",
                static_cast<int>(milliseconds.count()));
  return text.data();
}

bool is_plain(char c) { return c > ' ' && c < 0x7F && c != '"' && c != '=' && c != '\\'; }

void append_text_value(std::string& out, std::string_view value) {
  bool plain = !value.empty();
  for (const char c : value) plain = plain && is_plain(c);
  if (plain) {
    out += value;
    return;
  }
  out += '"';
  append_escaped(out, value);
  out += '"';
}

void append_text_field(std::string& out, std::string_view key, std::string_view value) {
  out += ' ';
  for (const char c : key) out += is_plain(c) ? c : '_';
  out += '=';
  append_text_value(out, value);
}

void append_json_string(std::string& out, std::string_view value) {
  out += '"';
  append_escaped(out, value);
  out += '"';
}

std::string text_line(LogLevel level, std::string_view event, std::string_view node,
                      std::initializer_list<LogField> fields) {
  std::string line = timestamp();
  line += ' ';
  line += log_level_name(level);
  line.append(6 - log_level_name(level).size(), ' ');
  append_escaped(line, event);
  for (const LogField& field : fields) append_text_field(line, field.key, field.value);
  if (!node.empty()) append_text_field(line, "node", node);
  return line;
}

std::string json_line(LogLevel level, std::string_view event, std::string_view node,
                      std::initializer_list<LogField> fields) {
  std::string line = "{\"ts\":\"" + timestamp() + "\",\"level\":\"";
  line += log_level_name(level);
  line += "\",\"event\":";
  append_json_string(line, event);
  line += ",\"node\":";
  append_json_string(line, node);
  line += ",\"fields\":{";
  bool first = true;
  for (const LogField& field : fields) {
    if (!first) line += ',';
    first = false;
    append_json_string(line, field.key);
    line += ':';
    if (field.quoted)
      append_json_string(line, field.value);
    else
      line += field.value;
  }
  line += "}}";
  return line;
}

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::trace:
      return spdlog::level::trace;
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warn:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
    case LogLevel::off:
      break;
  }
  return spdlog::level::off;
}

}  // namespace

std::string_view log_level_name(LogLevel level) {
  const auto index = static_cast<std::size_t>(level);
  CHECK(index < kLevelNames.size());
  return kLevelNames[index];
}

LogField::LogField(std::string_view k, double v) : key(k), quoted(!std::isfinite(v)) {
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), v).ptr;
  value.assign(text.data(), end);
}

// The spdlog logger belongs to this Log alone and is in no registry.
class Log::Sink {
 public:
  Sink(const Options& options, spdlog::sink_ptr sink)
      : options_(options), logger_("nexus", std::move(sink)) {
    // The line is finished when spdlog gets it.
    logger_.set_pattern("%v");
    logger_.set_level(to_spdlog(options.level));
    // spdlog would print its own complaint between our lines.
    logger_.set_error_handler([](const std::string&) {});
  }

  bool enabled(LogLevel level) const { return level != LogLevel::off && level >= options_.level; }

  void write(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) {
    const std::string line = options_.format == LogFormat::json
                                 ? json_line(level, event, options_.node, fields)
                                 : text_line(level, event, options_.node, fields);
    logger_.log(to_spdlog(level), spdlog::string_view_t(line.data(), line.size()));
  }

 private:
  // Set at construction, then read by any thread.
  const Options options_;
  // Any thread: its sink locks.
  spdlog::logger logger_;
};

Log::Log() = default;

Log::Log(const Options& options)
    : sink_(std::make_shared<Sink>(options, std::make_shared<spdlog::sinks::stderr_sink_mt>())) {}

Log::Log(const Options& options, std::function<void(std::string_view line)> sink)
    : sink_(std::make_shared<Sink>(options, std::make_shared<FunctionSink>(std::move(sink)))) {}

void Log::write(LogLevel level, std::string_view event,
                std::initializer_list<LogField> fields) const {
  if (!enabled(level)) return;
  try {
    sink_->write(level, event, fields);
  } catch (const std::exception&) {
    // A log that cannot allocate or write must not take its caller down.
  }
}

bool Log::enabled(LogLevel level) const { return sink_ && sink_->enabled(level); }

}  // namespace nexus::core
