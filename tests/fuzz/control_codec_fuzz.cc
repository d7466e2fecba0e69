// The reader of control messages on whatever libFuzzer thinks of: what is a message is written and read again as the same, and no
// bytes make it take much more memory than they are long.
#include <google/protobuf/stubs/logging.h>
#include <sanitizer/allocator_interface.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include "tests/cluster/support/codec_promises.h"
#include "tests/cluster/support/control_messages.h"

namespace {

namespace cluster = nexus::cluster;

// What an empty message takes, with room for an error's words; and how much more for each byte.
constexpr std::size_t kBytesBase = 4096;
constexpr std::size_t kBytesPerByte = 64;

// Of the one thread that reads, while it does.
struct Memory {
  bool counts = false;
  std::int64_t now = 0;
  std::int64_t most = 0;
};
Memory memory;

void on_malloc(const volatile void*, std::size_t size) {
  if (!memory.counts) return;
  memory.now += static_cast<std::int64_t>(size);
  memory.most = std::max(memory.most, memory.now);
}

void on_free(const volatile void* place) {
  if (!memory.counts || place == nullptr) return;
  memory.now -=
      static_cast<std::int64_t>(__sanitizer_get_allocated_size(const_cast<const void*>(place)));
}

std::size_t bytes_taken_to_read(std::string_view bytes) {
  memory = {.counts = true};
  { const auto message = cluster::decode(bytes, {}, {}); }
  memory.counts = false;
  return static_cast<std::size_t>(memory.most);
}

[[noreturn]] void fail(const std::string& why) {
  std::fprintf(stderr, "decode() breaks a promise: %s\n", why.c_str());
  std::abort();
}

}  // namespace

// Writes messages to begin with into the folder that NEXUS_FUZZ_CORPUS names.
extern "C" int LLVMFuzzerInitialize(int*, char***) {
  __sanitizer_install_malloc_and_free_hooks(on_malloc, on_free);
  const char* const folder = std::getenv("NEXUS_FUZZ_CORPUS");
  if (folder == nullptr) return 0;
  std::size_t count = 0;
  for (const cluster::ControlBody& body : cluster::test::one_of_each()) {
    std::ofstream(std::string(folder) + "/message" + std::to_string(count++), std::ios::binary)
        << cluster::encode({.epoch = 300, .view = 7, .state = 17, .frozen = true, .body = body});
  }
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const google::protobuf::LogSilencer quiet;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (std::string why = cluster::test::broken_promise(bytes); !why.empty()) fail(why);
  const std::size_t taken = bytes_taken_to_read(bytes);
  if (taken > kBytesBase + kBytesPerByte * size)
    fail(std::to_string(taken) + " bytes of memory for " + std::to_string(size));
  return 0;
}
