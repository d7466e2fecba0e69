# Warnings, sanitizers, compiler cache and linker: what every target of ours is built with.

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
endif()

# mold first, then lld, else what the compiler brings.
find_program(MOLD_PROGRAM mold)
find_program(LLD_PROGRAM ld.lld)
if(MOLD_PROGRAM)
  add_link_options(-fuse-ld=mold)
elseif(LLD_PROGRAM)
  add_link_options(-fuse-ld=lld)
endif()

# Links whatever one target of ours needs: warnings are errors here, and only here, so that generated code and users' code
# keep their own rules.
add_library(nexus_warnings INTERFACE)
target_compile_options(nexus_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wold-style-cast
  -Wimplicit-fallthrough -Werror
  # g++ 12 sees overlapping copies in std::string's operator+ that are not there (GCC bug 105651).
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)

if(NEXUS_SANITIZE)
  add_compile_options(-fsanitize=${NEXUS_SANITIZE} -fno-omit-frame-pointer -O1 -g1 -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${NEXUS_SANITIZE})
  if(NEXUS_SANITIZE MATCHES "thread")
    # Boost.Asio has fences, of which ThreadSanitizer knows nothing and g++ warns; code of ours has none.
    add_compile_options(-Wno-tsan)
    # Before all else, see there.
    add_compile_options(-include ${CMAKE_CURRENT_SOURCE_DIR}/tests/sanitizer/tsan_protobuf.h)
  endif()
endif()

# DCHECK: on in debug and sanitizer builds. CHECK is always on.
if(NEXUS_SANITIZE OR CMAKE_BUILD_TYPE STREQUAL "Debug")
  add_compile_definitions(NEXUS_DCHECK=1)
endif()
