# SPDX-License-Identifier: Apache-2.0
# Compiler settings, and the words in which the folders describe themselves.

find_package(PkgConfig REQUIRED)
foreach(lib libdpdk libevent libevent_pthreads jansson yaml-0.1 libmnl sqlite3 libcrypto libcurl libpcap libseccomp libcap libbpf libsystemd cmocka)
  string(MAKE_C_IDENTIFIER ${lib} id)
  pkg_check_modules(${id} REQUIRED IMPORTED_TARGET ${lib})
endforeach()

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")

# The baseline is what DPDK itself asks for; anything newer is chosen at run time.
add_compile_options(-march=corei7 -Wall -Wextra -Wshadow -Wstrict-prototypes
  -Wmissing-prototypes -Wno-unused-parameter -fno-strict-aliasing -fstack-protector-strong)
if(CMAKE_C_COMPILER_ID MATCHES "Clang")
  # Records with their array behind them, as gcc allows; the kernel's own netlink macros; libseccomp's.
  add_compile_options(-Wno-gnu-variable-sized-type-not-at-end -Wno-sign-compare
    -Wno-missing-field-initializers)
endif()
add_compile_definitions(_GNU_SOURCE WEFT_VERSION="${PROJECT_VERSION}")
if(WEFT_WERROR)
  add_compile_options(-Werror)
endif()
if(WEFT_CHECKS)
  add_compile_definitions(WEFT_CHECKS=1)
endif()
if(WEFT_SANITIZE)
  add_compile_options(-fsanitize=${WEFT_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${WEFT_SANITIZE})
endif()

# weft_library(NAME SOURCES ... [DEPS folder...] [LINK target...] [API_DEPS folder...])
# One library per folder. DEPS are the folders it may include and links; API_DEPS are folders of
# which it may include the public headers without linking them. tests/unit/arrows checks both.
function(weft_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPS;API_DEPS;LINK" ${ARGN})
  add_library(weft_${name} STATIC ${arg_SOURCES})
  target_include_directories(weft_${name} PUBLIC "${PROJECT_SOURCE_DIR}")
  foreach(dep ${arg_DEPS})
    target_link_libraries(weft_${name} PUBLIC weft_${dep})
  endforeach()
  target_link_libraries(weft_${name} PUBLIC ${arg_LINK})
endfunction()

# weft_executable(NAME SOURCES ... DEPS folder... [LINK target...])
function(weft_executable name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPS;LINK" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}")
  foreach(dep ${arg_DEPS})
    target_link_libraries(${name} PRIVATE weft_${dep})
  endforeach()
  target_link_libraries(${name} PRIVATE ${arg_LINK})
endfunction()

# weft_unit(AREA NAME [SOURCES extra...] DEPS folder... [LINK target...])
# tests/unit/AREA/NAME.c (cmocka) becomes the ctest "unit/AREA/NAME".
function(weft_unit area name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPS;LINK" ${ARGN})
  set(target unit_${area}_${name})
  weft_executable(${target} SOURCES ${PROJECT_SOURCE_DIR}/tests/unit/${area}/${name}.c ${arg_SOURCES}
    DEPS ${arg_DEPS} LINK PkgConfig::cmocka ${arg_LINK})
  add_test(NAME unit/${area}/${name} COMMAND ${target})
  set_tests_properties(unit/${area}/${name} PROPERTIES LABELS unit TIMEOUT 60)
endfunction()

# weft_pytest(KIND NAME TIMEOUT seconds [LABELS extra...])
# tests/KIND/test_NAME.py becomes the ctest "KIND/NAME". Those that deploy share one machine: serial.
function(weft_pytest kind name)
  cmake_parse_arguments(arg "" "TIMEOUT" "LABELS" ${ARGN})
  add_test(NAME ${kind}/${name}
    COMMAND /usr/bin/python3 -m pytest -q -rP -p no:cacheprovider ${PROJECT_SOURCE_DIR}/tests/${kind}/test_${name}.py)
  set_tests_properties(${kind}/${name} PROPERTIES LABELS "${kind};${arg_LABELS}" TIMEOUT ${arg_TIMEOUT}
    RUN_SERIAL TRUE
    ENVIRONMENT "WEFT_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY};WEFT_SRC=${PROJECT_SOURCE_DIR};PYTHONDONTWRITEBYTECODE=1")
endfunction()

# weft_fuzz(NAME [SOURCES extra...] DEPS folder... [LINK target...])
# tests/fuzz/NAME.c defines LLVMFuzzerTestOneInput. With clang it is a libFuzzer target; with gcc
# tests/fuzz/driver.c mutates the seeds of tests/fuzz/seeds/NAME for some seconds, so that each
# test run fuzzes each input.
function(weft_fuzz name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPS;LINK" ${ARGN})
  set(sources ${PROJECT_SOURCE_DIR}/tests/fuzz/${name}.c ${arg_SOURCES})
  if(CMAKE_C_COMPILER_ID MATCHES "Clang")
    set(extra -fsanitize=fuzzer)
  else()
    list(APPEND sources ${PROJECT_SOURCE_DIR}/tests/fuzz/driver.c)
  endif()
  weft_executable(fuzz_${name} SOURCES ${sources} DEPS ${arg_DEPS} LINK ${arg_LINK} ${extra})
  add_test(NAME fuzz/${name} COMMAND fuzz_${name} -max_total_time=3 -seed=1
    ${PROJECT_SOURCE_DIR}/tests/fuzz/seeds/${name})
  set_tests_properties(fuzz/${name} PROPERTIES LABELS fuzz TIMEOUT 60)
endfunction()
