// What BatchDecoder makes of a frame, compared with what protobuf's generated classes make of it.
//
//   all calls   any thread, no state
#pragma once

#include <string>
#include <string_view>

namespace nexus::remote {

// Empty when both refuse the bytes, or both take them and find the same in them, or the decoder leaves them to protobuf. That one
// writes its errors to stderr: see google::protobuf::LogSilencer.
std::string difference_to_protobuf(std::string_view frame);

}  // namespace nexus::remote
