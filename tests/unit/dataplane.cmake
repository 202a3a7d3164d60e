# SPDX-License-Identifier: Apache-2.0
add_library(dp_lab STATIC ${PROJECT_SOURCE_DIR}/tests/unit/dataplane/lab.c)
target_link_libraries(dp_lab PUBLIC weft_dataplane)
weft_unit(dataplane policer DEPS dataplane)
foreach(name asleep bridge forward punt request)
  weft_unit(dataplane ${name} DEPS dataplane LINK dp_lab)
endforeach()
# A confined process cannot be searched for leaks.
weft_unit(dataplane confine DEPS dataplane)
set_tests_properties(unit/dataplane/confine PROPERTIES ENVIRONMENT ASAN_OPTIONS=detect_leaks=0)
