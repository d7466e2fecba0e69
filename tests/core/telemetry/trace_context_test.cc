#include "core/telemetry/trace_context.h"

#include <gtest/gtest.h>

#include "tests/support/test_system.h"

namespace nexus::core {
namespace {

using test::kPatience;
using test::Number;
using test::TestSystem;

constexpr const char* kExample = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

TEST(TraceContext, TC1_ReadsAndWritesTheExampleOfTheStandard) {
  const auto trace = TraceContext::parse(kExample);
  ASSERT_TRUE(trace.has_value());
  EXPECT_EQ(trace->trace_id[0], 0x0a);
  EXPECT_EQ(trace->trace_id[15], 0x9c);
  EXPECT_EQ(trace->span_id[0], 0xb7);
  EXPECT_TRUE(trace->sampled);
  EXPECT_EQ(trace->to_string(), kExample);
}

TEST(TraceContext, TC1_TakesLaterVersionsAndRefusesWhatIsMalformed) {
  const std::string rest = std::string(kExample).substr(2);
  EXPECT_TRUE(TraceContext::parse("01" + rest));
  EXPECT_TRUE(TraceContext::parse("cc" + rest + "-what-comes-later"));
  EXPECT_TRUE(
      TraceContext::parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-ff")->sampled);
  EXPECT_FALSE(
      TraceContext::parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-02")->sampled);
  for (const std::string& bad : {
           std::string{},
           std::string("00"),
           "ff" + rest,
           "00" + rest + "-more",
           "cc" + rest + "x",
           "0" + rest,
           "0G" + rest,
           std::string("00-00000000000000000000000000000000-b7ad6b7169203331-01"),
           std::string("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01"),
           std::string("00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01"),
           std::string("00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
           std::string("00-0af7651916cd43dd8448eb211c80319-cb7ad6b7169203331-01"),
       }) {
    EXPECT_FALSE(TraceContext::parse(bad)) << bad;
  }
}

TEST(TraceContext, FindsItsHeaderWhateverTheCase) {
  EXPECT_TRUE(TraceContext::of({{"x", "y"}, {"TraceParent", kExample}}));
  EXPECT_FALSE(TraceContext::of({{"x", kExample}}));
}

TEST(TraceContext, SpanIdsDiffer) { EXPECT_NE(new_span_id(), new_span_id()); }

TEST(PropagateTrace, TC2_SendsOnTheTraceWithTheSpanOfTheTurnAsParent) {
  test::Queue<Headers> seen;
  TestSystem system;
  const Pid last = system.spawn(props_of([&](Context& context) {
    if (context.message<Number>() != nullptr) seen.push(context.headers());
  }));
  Props props = props_of([=](Context& context) {
    if (const auto* number = context.message<Number>()) {
      context.send(last, Number{number->value});
      if (number->value == 1) context.forward(last);
    }
  });
  props.decorators = {propagate_trace()};
  const Pid middle = system.spawn(std::move(props));
  EnvelopePtr traced = make_envelope(Number{1});
  traced->set_headers({{"traceparent", kExample}, {"tracestate", "a=b"}, {"user", "me"}});
  (void)system->registry().send_user(middle, std::move(traced));
  const auto sent = seen.pop();
  const auto forwarded = seen.pop();
  ASSERT_TRUE(sent && forwarded);
  const auto trace = TraceContext::of(*sent);
  ASSERT_TRUE(trace.has_value());
  EXPECT_EQ(trace->trace_id, TraceContext::parse(kExample)->trace_id);
  EXPECT_NE(trace->span_id, TraceContext::parse(kExample)->span_id);
  EXPECT_EQ(*find_header(*sent, "tracestate"), "a=b");
  EXPECT_EQ(find_header(*sent, "user"), nullptr) << "what belongs to the message stays with it";
  EXPECT_EQ(TraceContext::of(*forwarded), trace);
  EXPECT_EQ(*find_header(*forwarded, "user"), "me");
  EXPECT_EQ(forwarded->size(), 3u);

  // What comes later, without a message, is outside of the trace.
  EXPECT_EQ(seen.size(), 0u);
  (void)system->send(middle, Number{2});
  EXPECT_TRUE(seen.pop()->empty()) << "a message outside of a trace stays outside";
}

}  // namespace
}  // namespace nexus::core
