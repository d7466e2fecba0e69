// The bytes of control messages (proto/nexus/internal/v1/control.proto). Pure functions; any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "cluster/messages.h"
#include "cluster/options.h"
#include "cluster/view/rings.h"
#include "core/base/result.h"

namespace nexus::cluster {

// Equal messages have equal bytes.
std::string encode(const ControlMessage& message);
// encode(message).size(), without encoding.
std::size_t encoded_bytes(const ControlMessage& message);

// What a peer sent; the error says what is wrong with it. `rings` are those of this cluster. Bytes that would become far more than
// they are in memory are refused before they do.
[[nodiscard]] core::Result<ControlMessagePtr> decode(std::string_view bytes, RingOptions rings,
                                                     const ControlLimits& limits);

}  // namespace nexus::cluster
