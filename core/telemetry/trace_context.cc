#include "core/telemetry/trace_context.h"

#include <algorithm>
#include <random>

#include "core/actor/context.h"

namespace nexus::core {
namespace {

// version "-" trace-id "-" parent-id "-" flags, each in lower-case hexadecimal digits.
constexpr std::size_t kVersionAt = 0;
constexpr std::size_t kTraceAt = 3;
constexpr std::size_t kSpanAt = 36;
constexpr std::size_t kFlagsAt = 53;
constexpr std::size_t kBytes = 55;
constexpr std::uint8_t kSampled = 1;

std::optional<std::uint8_t> digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<std::uint8_t>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<std::uint8_t>(c - 'a' + 10);
  return std::nullopt;
}

template <std::size_t count>
bool read_hex(std::string_view text, std::array<std::uint8_t, count>& bytes) {
  for (std::size_t i = 0; i < count; ++i) {
    const auto high = digit(text[2 * i]);
    const auto low = digit(text[2 * i + 1]);
    if (!high || !low) return false;
    bytes[i] = static_cast<std::uint8_t>(*high << 4 | *low);
  }
  return true;
}

template <std::size_t count>
void append_hex(const std::array<std::uint8_t, count>& bytes, std::string& text) {
  static constexpr char kDigits[] = "0123456789abcdef";
  for (const std::uint8_t byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 0xf];
  }
}

template <std::size_t count>
bool is_zero(const std::array<std::uint8_t, count>& bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; });
}

bool equal_but_for_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

// The span is that of the handling of one message, also where that goes on in later turns.
class TracePropagation final : public ContextDecorator {
 public:
  void send(Context& context, const Pid& target, EnvelopePtr envelope,
            const SendNext& next) override {
    if (envelope != nullptr) {
      // One that is handed on is not there any more.
      const bool handed_on = context.envelope().is<NoMessage>();
      const Headers& received = handed_on ? envelope->headers() : context.headers();
      if (const auto parent = TraceContext::of(received)) add_to(*envelope, *parent, received);
    }
    next(target, std::move(envelope));
  }

 private:
  void add_to(Envelope& envelope, const TraceContext& parent, const Headers& received) {
    Headers headers;
    for (const auto& header : envelope.headers()) {
      // A message that is handed on has those of the turn before.
      if (!belongs_to_trace(header.first)) headers.push_back(header);
    }
    headers.emplace_back(TraceContext::kTraceparent, span_of(parent).to_string());
    for (const char* name : {TraceContext::kTracestate, TraceContext::kBaggage}) {
      if (const std::string* value = find_header(received, name)) {
        headers.emplace_back(name, *value);
      }
    }
    envelope.set_headers(std::move(headers));
  }
  // The same for all that is sent on behalf of one message, as long as no other comes in between.
  const TraceContext& span_of(const TraceContext& parent) {
    if (parent != parent_) {
      parent_ = parent;
      span_ = parent.child(new_span_id());
    }
    return span_;
  }
  static bool belongs_to_trace(std::string_view name) {
    return equal_but_for_case(name, TraceContext::kTraceparent) ||
           equal_but_for_case(name, TraceContext::kTracestate) ||
           equal_but_for_case(name, TraceContext::kBaggage);
  }

  TraceContext parent_;
  TraceContext span_;
};

}  // namespace

std::optional<TraceContext> TraceContext::parse(std::string_view text) {
  if (text.size() < kBytes) return std::nullopt;
  if (text[kTraceAt - 1] != '-' || text[kSpanAt - 1] != '-' || text[kFlagsAt - 1] != '-') {
    return std::nullopt;
  }
  std::array<std::uint8_t, 1> version{};
  std::array<std::uint8_t, 1> flags{};
  TraceContext trace;
  if (!read_hex(text.substr(kVersionAt), version) || !read_hex(text.substr(kFlagsAt), flags) ||
      !read_hex(text.substr(kTraceAt), trace.trace_id) ||
      !read_hex(text.substr(kSpanAt), trace.span_id)) {
    return std::nullopt;
  }
  // Version 255 is forbidden; version 0 ends here; a later one goes on with "-", if at all.
  if (version[0] == 0xff) return std::nullopt;
  if (text.size() > kBytes && (version[0] == 0 || text[kBytes] != '-')) return std::nullopt;
  if (is_zero(trace.trace_id) || is_zero(trace.span_id)) return std::nullopt;
  trace.sampled = (flags[0] & kSampled) != 0;
  return trace;
}

std::optional<TraceContext> TraceContext::of(const Headers& headers) {
  const std::string* value = find_header(headers, kTraceparent);
  return value == nullptr ? std::nullopt : parse(*value);
}

std::string TraceContext::to_string() const {
  std::string text = "00-";
  append_hex(trace_id, text);
  text += '-';
  append_hex(span_id, text);
  text += sampled ? "-01" : "-00";
  return text;
}

TraceContext TraceContext::child(const std::array<std::uint8_t, 8>& span) const {
  TraceContext made = *this;
  made.span_id = span;
  return made;
}

std::array<std::uint8_t, 8> new_span_id() {
  thread_local std::mt19937_64 random{std::random_device{}()};
  std::array<std::uint8_t, 8> id{};
  while (is_zero(id)) {
    std::uint64_t bits = random();
    for (std::uint8_t& byte : id) {
      byte = static_cast<std::uint8_t>(bits);
      bits >>= 8;
    }
  }
  return id;
}

const std::string* find_header(const Headers& headers, std::string_view name) {
  for (const auto& [key, value] : headers) {
    if (equal_but_for_case(key, name)) return &value;
  }
  return nullptr;
}

MakeContextDecorator propagate_trace() {
  return [] { return std::make_unique<TracePropagation>(); };
}

}  // namespace nexus::core
