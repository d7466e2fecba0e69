// Messages that the peer answers.
#include "tests/bench/remote/asker.h"
#include "tests/bench/remote/workload.h"

namespace nexus::bench {
namespace {

Sample run_pingpong(const Link& link) {
  const std::uint64_t count = link.scaled(20'000);
  Asked asked = ask_echo(link.node.system(), link.target("echo"), {.count = count, .timed = true});
  return {.value = ns_per(asked.took, count), .latency = percentiles_of(asked.times_ns)};
}

Sample run_pipelined(const Link& link) {
  const std::uint64_t count = link.scaled(1'000'000);
  const Asked asked = ask_echo(link.node.system(), link.target("echo"),
                               {.count = count, .outstanding_count = 1000});
  return {.value = per_second(asked.took, count)};
}

Sample run_echo_flood(const Link& link) {
  const std::uint64_t count = link.scaled(1'000'000);
  const Asked asked = ask_echo(link.node.system(), link.target("echo"),
                               {.count = count, .outstanding_count = count});
  return {.value = per_second(asked.took, 2 * count)};
}

}  // namespace

std::vector<Workload> round_trip_workloads() {
  return {
      {"pingpong", "ns/round_trip", "one request under way, 20 k round trips", run_pingpong},
      {"pipelined", "round_trips/s", "1,000 requests under way, 1 M round trips", run_pipelined},
      {"echo_flood", "msg/s",
       "1 M pings at once, until the last answer is there; both directions counted",
       run_echo_flood},
  };
}

}  // namespace nexus::bench
