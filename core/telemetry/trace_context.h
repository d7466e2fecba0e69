// TraceContext: which trace a message belongs to, in the headers of the W3C. propagate_trace(): the decorator that hands it on.
//
//   all calls   any thread; pure but for new_span_id()
//
// TC1  parse() takes what the standard allows, unknown future versions included, and nothing else.
// TC2  An actor with propagate_trace() sends on the trace of the message that it handles, with the span of its own turn as parent;
//     `tracestate` and `baggage` go along as they are. It goes on in a coroutine and after reenter_after(), where the message
//     is there again; what ask() calls has no message, and so no trace. Messages outside of a trace stay outside.
//
// Source: W3C Recommendation "Trace Context", 2021-11-23, https://www.w3.org/TR/trace-context/.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/actor/context_decorator.h"
#include "core/actor/envelope.h"

namespace nexus::core {

struct TraceContext {
  static constexpr const char* kTraceparent = "traceparent";
  static constexpr const char* kTracestate = "tracestate";
  static constexpr const char* kBaggage = "baggage";

  // Neither is all zeros.
  std::array<std::uint8_t, 16> trace_id{};
  std::array<std::uint8_t, 8> span_id{};
  bool sampled = false;

  // Of the value of a `traceparent`.
  static std::optional<TraceContext> parse(std::string_view text);
  // Of the first `traceparent` there is.
  static std::optional<TraceContext> of(const Headers& headers);
  std::string to_string() const;
  // The same trace with another span.
  TraceContext child(const std::array<std::uint8_t, 8>& span) const;

  bool operator==(const TraceContext&) const = default;
};

std::array<std::uint8_t, 8> new_span_id();

// The value of the first header of that name, which is compared without regard to case; null when there is none.
const std::string* find_header(const Headers& headers, std::string_view name);

MakeContextDecorator propagate_trace();

}  // namespace nexus::core
