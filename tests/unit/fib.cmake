# SPDX-License-Identifier: Apache-2.0
foreach(test edges exhaustive lanes limits memory random readers retire runs sharing widths)
  weft_unit(fib ${test} DEPS fib)
endforeach()

# The calls of the library go to functions of the test.
set(wraps "")
foreach(function malloc calloc realloc aligned_alloc mmap mprotect)
  list(APPEND wraps "-Wl,--wrap=${function}")
endforeach()
weft_unit(fib nomem DEPS fib LINK ${wraps})
# Sanitizers take their time with so many steps.
set_tests_properties(unit/fib/memory unit/fib/nomem PROPERTIES TIMEOUT 300)

if(DEFINED ENV{WEFT_DATA})
  set(data "$ENV{WEFT_DATA}")
else()
  set(data "${PROJECT_SOURCE_DIR}/../shared/data")
endif()
set(WEFT_DATA "${data}" CACHE PATH "Real routing tables: bgp4-full.txt.xz, bgp6-full.txt.xz")
weft_unit(fib tables DEPS fib)
set_tests_properties(unit/fib/tables PROPERTIES LABELS "unit;slow" SKIP_RETURN_CODE 77 TIMEOUT 300
  ENVIRONMENT "WEFT_DATA=${WEFT_DATA}")

# Readers and the writer under ThreadSanitizer, with a library of their own.
if(NOT WEFT_SANITIZE)
  get_target_property(sources weft_fib SOURCES)
  set(tsan_sources tests/unit/fib/readers.c)
  foreach(source ${sources})
    get_source_file_property(options ${PROJECT_SOURCE_DIR}/fib/${source} TARGET_DIRECTORY weft_fib
      COMPILE_OPTIONS)
    if(options)
      set_source_files_properties(${PROJECT_SOURCE_DIR}/fib/${source} PROPERTIES
        COMPILE_OPTIONS "${options}")
    endif()
    list(APPEND tsan_sources fib/${source})
  endforeach()
  list(TRANSFORM tsan_sources PREPEND ${PROJECT_SOURCE_DIR}/)
  weft_executable(unit_fib_readers_tsan SOURCES ${tsan_sources} DEPS base
    LINK PkgConfig::libdpdk PkgConfig::cmocka)
  target_compile_options(unit_fib_readers_tsan PRIVATE -fsanitize=thread)
  target_link_options(unit_fib_readers_tsan PRIVATE -fsanitize=thread)
  add_test(NAME unit/fib/readers_tsan COMMAND unit_fib_readers_tsan)
  set_tests_properties(unit/fib/readers_tsan PROPERTIES LABELS unit TIMEOUT 60)
endif()

# Do these tests notice mistakes? Builds them anew for each.
add_test(NAME unit/fib/mutation COMMAND ${PROJECT_SOURCE_DIR}/tests/tools/mutate-fib)
set_tests_properties(unit/fib/mutation PROPERTIES LABELS scale TIMEOUT 3600 RUN_SERIAL TRUE)
