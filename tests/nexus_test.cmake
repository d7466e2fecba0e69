# How tests are declared. Labels: quick (seconds, no processes), process (starts nodes), sim (simulated clusters), package,
# tidy, sanitizer, soak, fuzz.

find_package(GTest REQUIRED)

# Code under a sanitizer is slower; so are its time limits.
set(NEXUS_TEST_TIME_FACTOR 1)
if(NEXUS_SANITIZE MATCHES "thread")
  set(NEXUS_TEST_TIME_FACTOR 8)
elseif(NEXUS_SANITIZE)
  set(NEXUS_TEST_TIME_FACTOR 4)
endif()

# nexus_test(<name> <sources>... [LIBS <targets>...] [LABELS <labels>...] [TIMEOUT <seconds>] [NO_MAIN])
# One GoogleTest program, which is one test. Labels default to quick, the time limit to 60 seconds. With NO_MAIN the
# sources bring their own main.
function(nexus_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "NO_MAIN" "TIMEOUT" "LIBS;LABELS")
  if(NOT arg_LABELS)
    set(arg_LABELS quick)
  endif()
  add_executable(${name} ${arg_UNPARSED_ARGUMENTS})
  set(main GTest::gtest_main)
  if(arg_NO_MAIN)
    set(main GTest::gtest)
  endif()
  target_link_libraries(${name} PRIVATE ${arg_LIBS} GTest::gmock ${main} nexus_warnings)
  # The code under test is as shipped; to optimise the tests themselves would only take time.
  target_compile_options(${name} PRIVATE $<$<CONFIG:Release>:-O1>)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME ${name} COMMAND ${name})
  nexus_set_test_properties(${name} "${arg_LABELS}" "${arg_TIMEOUT}")
endfunction()

# nexus_python_test(<name> <file.py> [ARGUMENTS <arguments>...] [LABELS <labels>...] [TIMEOUT <seconds>])
# One unittest file, which is one test. It finds the programs in NEXUS_BIN_DIR, the tree in NEXUS_SOURCE_DIR, and imports
# both the generated stubs and the package `support` of tests/process.
function(nexus_python_test name file)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "TIMEOUT" "ARGUMENTS;LABELS")
  if(NOT arg_LABELS)
    set(arg_LABELS process)
  endif()
  add_test(NAME ${name} COMMAND /usr/bin/python3 ${CMAKE_CURRENT_SOURCE_DIR}/${file} ${arg_ARGUMENTS})
  set(environment
    "PATH=/usr/sbin:/usr/bin:/sbin:/bin"
    "PYTHONPATH=${PROJECT_SOURCE_DIR}/tests/process:${CMAKE_BINARY_DIR}/python"
    "PYTHONDONTWRITEBYTECODE=1"
    "PYTHONUNBUFFERED=1"
    "NEXUS_BIN_DIR=${CMAKE_BINARY_DIR}/bin"
    "NEXUS_TEST_BIN_DIR=${CMAKE_BINARY_DIR}/tests"
    "NEXUS_BUILD_DIR=${CMAKE_BINARY_DIR}"
    "NEXUS_SOURCE_DIR=${PROJECT_SOURCE_DIR}"
    "NEXUS_TEST_TIME_FACTOR=${NEXUS_TEST_TIME_FACTOR}")
  set_tests_properties(${name} PROPERTIES ENVIRONMENT "${environment}")
  nexus_set_test_properties(${name} "${arg_LABELS}" "${arg_TIMEOUT}")
endfunction()

# What both have in common. Tests that start processes get the machine for themselves.
function(nexus_set_test_properties name labels timeout)
  if(timeout STREQUAL "")
    set(timeout 60)
    if(NOT "quick" IN_LIST labels)
      set(timeout 300)
    endif()
  endif()
  math(EXPR timeout "${timeout} * ${NEXUS_TEST_TIME_FACTOR}")
  set_tests_properties(${name} PROPERTIES LABELS "${labels}" TIMEOUT ${timeout})
  if(NOT "quick" IN_LIST labels)
    set_tests_properties(${name} PROPERTIES RUN_SERIAL TRUE)
  endif()
endfunction()
