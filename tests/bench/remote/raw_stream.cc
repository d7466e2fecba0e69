#include "tests/bench/remote/raw_stream.h"

#include <absl/synchronization/mutex.h>
#include <grpcpp/support/slice.h>

#include "tests/bench/remote/workload.h"

namespace nexus::bench {
namespace {

struct Api {
  std::string name;
  RawOutcome (*send)(const std::string& address, const RawFrames& frames);
  void (*serve)();
};

const Api& api_of(const std::string& peer) {
  // As in a node, see remote/grpc_poller.cc.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  static const std::vector<Api> apis{{"raw", send_by_queue, serve_by_queue},
                                     {"raw_callback", send_by_callbacks, serve_by_callbacks}};
  for (const Api& api : apis) {
    if (api.name == peer) return api;
  }
  throw Broken("no bare stream is called " + peer);
}

Sample run_oneway(const Api& api, const std::string& address, double scale) {
  constexpr std::uint64_t kBatch = 1000;
  // What a message of 16 bytes comes to in a batch.
  constexpr std::size_t kMessageBytes = 24;
  const auto batch_count = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(5'000 * scale));
  const RawOutcome outcome = api.send(
      address,
      {.frame_bytes = kBatch * kMessageBytes, .frame_count = batch_count, .each_answered = false});
  return {.value = per_second(outcome.took, batch_count * kBatch)};
}

Sample run_pingpong(const Api& api, const std::string& address, double scale) {
  const auto count = std::max<std::uint64_t>(2, static_cast<std::uint64_t>(20'000 * scale));
  RawOutcome outcome =
      api.send(address, {.frame_bytes = 64, .frame_count = count, .each_answered = true});
  return {.value = ns_per(outcome.took, count), .latency = percentiles_of(outcome.times_ns)};
}

}  // namespace

grpc::ByteBuffer raw_frame(RawKind kind, std::size_t bytes) {
  const grpc::Slice slice(std::string(bytes, static_cast<char>(kind)));
  return grpc::ByteBuffer(&slice, 1);
}

RawSource::RawSource(const RawFrames& frames)
    : frame_(
          raw_frame(frames.each_answered ? RawKind::echo : RawKind::swallow, frames.frame_bytes)),
      last_frame_(raw_frame(RawKind::echo, frames.frame_bytes)),
      left_(frames.frame_count),
      each_answered_(frames.each_answered) {}

RawKind kind_of(const grpc::ByteBuffer& frame) {
  grpc::Slice slice;
  if (!frame.TrySingleSlice(&slice).ok() && !frame.DumpToSingleSlice(&slice).ok()) {
    throw Broken("an unreadable frame");
  }
  return static_cast<RawKind>(*slice.begin());
}

std::vector<RawWorkload> raw_workloads(const std::string& peer) {
  const Api& api = api_of(peer);
  const auto with = [&api](Sample (*run)(const Api&, const std::string&, double)) {
    return
        [&api, run](const std::string& address, double scale) { return run(api, address, scale); };
  };
  return {
      {"oneway", "msg/s", "frames of 1,000 messages of 16 bytes, prepared once", with(run_oneway)},
      {"pingpong", "ns/round_trip", "one small frame under way", with(run_pingpong)},
  };
}

void serve_raw(const std::string& peer) { api_of(peer).serve(); }

}  // namespace nexus::bench
