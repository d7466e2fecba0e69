// The pair of fences, for exploration: the light one changes nothing, so that stores of its thread may still be kept back; the
// heavy one lets everybody see what any thread has stored. See core/base/asymmetric_fence.h.
//
//   light_fence(), heavy_fence()   any thread
#pragma once

#include "tests/explore/hooks.h"

namespace nexus::core {

inline void light_fence(explore::Where where = explore::Where::current()) {
  explore::point("light_fence", where);
}

inline void heavy_fence(explore::Where where = explore::Where::current()) {
  explore::point("heavy_fence", where);
  explore::publish_all();
}

}  // namespace nexus::core
