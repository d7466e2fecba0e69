// BatchDecoder against protobuf's parser, on whatever libFuzzer thinks of. The two must agree about each frame.
#include <google/protobuf/stubs/logging.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "tests/remote/against_protobuf.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const google::protobuf::LogSilencer quiet;
  const std::string difference =
      nexus::remote::difference_to_protobuf({reinterpret_cast<const char*>(data), size});
  if (!difference.empty()) {
    std::fprintf(stderr, "BatchDecoder and protobuf disagree: %s\n", difference.c_str());
    std::abort();
  }
  return 0;
}
