#include "core/actor/cancellation.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>

#include "tests/explore/schedules.h"

namespace nexus::core {
namespace {

using test::choose;
using test::for_each_schedule;
using test::run_threads;

TEST(CancellationSchedules, CT1_CT2_WhatWasRegisteredRunsOnceUnlessItWasForgotten) {
  for_each_schedule([] {
    CancellationSource source;
    const CancellationToken token = source.token();
    std::array<std::atomic<int>, 2> run_count{};
    std::array<bool, 2> forgotten{};
    const auto use = [&](std::size_t index) {
      const bool was_cancelled = token.cancelled();
      const std::uint64_t name =
          token.on_cancel([&run_count, index] { run_count[index].fetch_add(1); });
      if (was_cancelled) {
        EXPECT_EQ(run_count[index].load(), 1);
        EXPECT_TRUE(token.cancelled()) << "CT1";
      }
      if (choose(2) == 0) forgotten[index] = token.forget(name);
      if (forgotten[index]) {
        EXPECT_EQ(run_count[index].load(), 0) << "CT2: after forget() said true";
        EXPECT_FALSE(token.forget(name));
      }
    };
    run_threads({[&] { use(0); }, [&] { use(1); }, [&] { source.cancel(); },
                 [&] {
                   source.cancel();
                   EXPECT_TRUE(token.cancelled());
                 }});
    for (std::size_t i = 0; i < run_count.size(); ++i) {
      EXPECT_EQ(run_count[i].load(), forgotten[i] ? 0 : 1) << "CT2";
    }
  });
}

}  // namespace
}  // namespace nexus::core
