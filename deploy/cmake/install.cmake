# What `cmake --install` puts where: programs, the libraries of a node with their headers for find_package(nexus), the
# example configuration, the systemd unit, completions and papers.

include(CMakePackageConfigHelpers)

# Libraries. A user links nexus::node and gets the rest through it.
set(nexus_libraries)
foreach(part proto core remote cluster node)
  if(TARGET nexus_${part})
    set_target_properties(nexus_${part} PROPERTIES EXPORT_NAME ${part})
    list(APPEND nexus_libraries nexus_${part})
  endif()
endforeach()
install(TARGETS ${nexus_libraries} EXPORT nexusTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT nexusTargets NAMESPACE nexus:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/nexus)
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/nexusConfig.cmake.in ${CMAKE_BINARY_DIR}/nexusConfig.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/nexus)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/nexusConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/nexusConfig.cmake ${CMAKE_BINARY_DIR}/nexusConfigVersion.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/nexus)
install(DIRECTORY core remote cluster daemon DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/nexus
  FILES_MATCHING PATTERN "*.h"
  PATTERN daemon/cli EXCLUDE)
# What a client in any language generates its stubs from.
install(DIRECTORY proto/nexus/v1 DESTINATION ${CMAKE_INSTALL_DATADIR}/nexus/proto/nexus)
install(FILES proto/google/rpc/status.proto DESTINATION ${CMAKE_INSTALL_DATADIR}/nexus/proto/google/rpc)

# Programs.
install(TARGETS nexusd nexusctl RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})

# Papers.
file(GLOB papers ${PROJECT_SOURCE_DIR}/README.md ${PROJECT_SOURCE_DIR}/LICENSE-*)
install(FILES ${papers} DESTINATION ${CMAKE_INSTALL_DOCDIR})

# The rest depends on the prefix that is given when installing, or on programs that must be built first.
set(NEXUS_COMPLETION_DIR ${CMAKE_BINARY_DIR}/completions)
configure_file(${CMAKE_CURRENT_LIST_DIR}/install_files.cmake.in ${CMAKE_BINARY_DIR}/install_files.cmake.in @ONLY)
file(GENERATE OUTPUT ${CMAKE_BINARY_DIR}/install_files.cmake INPUT ${CMAKE_BINARY_DIR}/install_files.cmake.in)
install(SCRIPT ${CMAKE_BINARY_DIR}/install_files.cmake)
