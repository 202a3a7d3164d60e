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

if(DEFINED ENV{WEFT_DATA})
  set(data "$ENV{WEFT_DATA}")
else()
  set(data "${PROJECT_SOURCE_DIR}/../shared/data")
endif()
set(WEFT_DATA "${data}" CACHE PATH "Real routing tables: bgp4-full.txt.xz, bgp6-full.txt.xz")
weft_unit(fib tables DEPS fib)
set_tests_properties(unit/fib/tables PROPERTIES LABELS "unit;slow" SKIP_RETURN_CODE 77 TIMEOUT 300
  ENVIRONMENT "WEFT_DATA=${WEFT_DATA}")
