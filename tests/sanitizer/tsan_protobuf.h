// Included before all else in ThreadSanitizer builds. Under ThreadSanitizer the map fields of protobuf get two more members,
// which Debian's library was not built with: the two would disagree about where things are.
#pragma once

// What map_field.h includes must still see the sanitizer.
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#if defined(__SANITIZE_THREAD__)
#undef __SANITIZE_THREAD__
#include <google/protobuf/map_field.h>
#define __SANITIZE_THREAD__ 1
#endif
