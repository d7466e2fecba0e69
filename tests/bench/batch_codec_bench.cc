// What does a message cost that is written into a batch, or read from one: by hand, and through protobuf's generated classes, fresh
// for each batch or used again?
//
// Rows: Encode<Codec>/TARGETS/SENDERS and Decode<Codec>/..; batches of 1,000 messages with 16 bytes of data each. Targets are actors
// of one other node, senders actors of this one; message i goes to target i modulo TARGETS, from sender i modulo SENDERS, over as
// many batches as that takes. The column per_message is the time of one. Whole<..> is what encode_batch() and read_frame() of the tests make
// of them, with messages whose text and data are their own.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "core/actor_system.h"
#include "remote/batch_codec.h"
#include "remote/batch_decoder.h"
#include "remote/batch_encoder.h"
#include "tests/bench/baseline/protobuf_batch.h"
#include "tests/support/wire_message.h"

namespace nexus {
namespace {

constexpr std::size_t kBatchCount = 1'000;
constexpr std::size_t kDataBytes = 16;

using remote::WireMessage;
using Batch = std::vector<WireMessage>;

std::vector<Batch> make_batches(const benchmark::State& state) {
  static core::ActorSystem system({.worker_count = 1});
  static const auto props = core::share(core::props_of([](core::Context&) {}));
  static std::vector<core::Pid> actors;
  const auto target_count = static_cast<std::size_t>(state.range(0));
  const auto sender_count = static_cast<std::size_t>(state.range(1));
  while (actors.size() < sender_count) {
    actors.push_back(*system.spawn_named(props, "till-" + std::to_string(actors.size())));
  }
  std::vector<core::Pid> targets;
  for (std::size_t i = 0; i < target_count; ++i) {
    targets.push_back(core::Pid::of_name("10.0.0.7:4020", "shop/basket-" + std::to_string(i)));
  }
  std::vector<Batch> batches(std::max<std::size_t>(1, target_count / kBatchCount));
  std::size_t i = 0;
  for (Batch& batch : batches) {
    for (std::size_t k = 0; k < kBatchCount; ++k, ++i) {
      WireMessage& message = batch.emplace_back();
      message.target = targets[i % target_count];
      message.sender = actors[i % sender_count];
      message.type_name = "shop.v1.ItemPicked";
      message.data = std::string(kDataBytes, static_cast<char>(i));
    }
  }
  return batches;
}

void count_messages(benchmark::State& state) {
  state.counters["per_message"] =
      benchmark::Counter(static_cast<double>(state.iterations()) * static_cast<double>(kBatchCount),
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

struct ByHand {
  std::string_view encode(const Batch& messages) {
    encoder.begin(remote::Dialect::strings);
    for (const WireMessage& message : messages) {
      CHECK(encoder.try_add({.type_name = message.type_name,
                             .target = message.target,
                             .sender = message.sender,
                             .headers = message.headers},
                            message.data));
    }
    return encoder.finish();
  }
  std::uint64_t decode(std::string_view frame) {
    if (!decoder.decode(frame).ok()) return 0;
    std::uint64_t sum = 0;
    for (const auto& envelope : decoder.envelopes()) {
      sum += envelope.data.size() + envelope.target + envelope.sender + envelope.headers.count();
    }
    return sum;
  }
  remote::BatchEncoder encoder;
  remote::BatchDecoder decoder;
};
struct ByHandFresh {
  std::string_view encode(const Batch& messages) {
    hand = std::make_unique<ByHand>();
    return hand->encode(messages);
  }
  std::uint64_t decode(std::string_view frame) { return ByHand().decode(frame); }
  std::unique_ptr<ByHand> hand;
};
template <bool reuse>
struct Protobuf {
  std::string_view encode(const Batch& messages) { return encoder.encode(messages); }
  std::uint64_t decode(std::string_view frame) { return decoder.decode(frame); }
  bench::ProtobufBatchEncoder encoder{reuse};
  bench::ProtobufBatchDecoder decoder{reuse};
};
using ProtobufFresh = Protobuf<false>;
using ProtobufReused = Protobuf<true>;
struct Whole {
  std::string_view encode(const Batch& messages) {
    bytes = remote::encode_batch(messages, remote::Dialect::strings);
    return bytes;
  }
  std::uint64_t decode(std::string_view frame) {
    const auto decoded = remote::read_frame(frame);
    return decoded.ok() ? std::get<remote::ReceivedBatch>(*decoded).messages.size() : 0;
  }
  std::string bytes;
};

template <typename Codec>
void Encode(benchmark::State& state) {
  const std::vector<Batch> batches = make_batches(state);
  Codec codec;
  std::size_t next = 0;
  for (auto iteration : state) {
    (void)iteration;
    benchmark::DoNotOptimize(codec.encode(batches[next]).data());
    next = (next + 1) % batches.size();
  }
  count_messages(state);
}

template <typename Codec>
void Decode(benchmark::State& state) {
  std::vector<std::string> frames;
  for (const Batch& batch : make_batches(state)) {
    frames.push_back(remote::encode_batch(batch, remote::Dialect::strings));
  }
  Codec codec;
  CHECK(codec.decode(frames[0]) > 0);
  std::size_t next = 0;
  for (auto iteration : state) {
    (void)iteration;
    benchmark::DoNotOptimize(codec.decode(frames[next]));
    next = (next + 1) % frames.size();
  }
  count_messages(state);
}

void sizes(benchmark::internal::Benchmark* bench) {
  bench->Args({1, 1})->Args({100, 100})->Args({10'000, 1});
}

#define BENCH_CODEC(Codec)                         \
  BENCHMARK_TEMPLATE(Encode, Codec)->Apply(sizes); \
  BENCHMARK_TEMPLATE(Decode, Codec)->Apply(sizes)

BENCH_CODEC(ByHand);
BENCH_CODEC(ByHandFresh);
BENCH_CODEC(ProtobufReused);
BENCH_CODEC(ProtobufFresh);
BENCH_CODEC(Whole);

}  // namespace
}  // namespace nexus
