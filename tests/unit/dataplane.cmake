# SPDX-License-Identifier: Apache-2.0
add_library(dp_lab STATIC ${PROJECT_SOURCE_DIR}/tests/unit/dataplane/lab.c)
target_link_libraries(dp_lab PUBLIC weft_dataplane)
weft_unit(dataplane policer DEPS dataplane)
weft_unit(dataplane calendar DEPS dataplane)
weft_unit(dataplane impair DEPS dataplane LINK m)
weft_unit(dataplane share SOURCES ${PROJECT_SOURCE_DIR}/tests/unit/dataplane/share_lab.c
  DEPS dataplane)
foreach(name asleep bridge burst capture egress fast fast_bursts forward gone link_impair offload punt request
    request_routes routes_get trace snoop)
  weft_unit(dataplane ${name} DEPS dataplane LINK dp_lab)
endforeach()
# A confined process cannot be searched for leaks.
weft_unit(dataplane confine DEPS dataplane)
set_tests_properties(unit/dataplane/confine PROPERTIES ENVIRONMENT ASAN_OPTIONS=detect_leaks=0)
# The scheduler of a link, in virtual time.
foreach(name sched sched_flows sched_random)
  weft_unit(dataplane ${name} SOURCES ${PROJECT_SOURCE_DIR}/tests/unit/dataplane/sched_lab.c
    DEPS dataplane)
endforeach()
# Random frames and changes; the same for longer, not where sanitizers make it a minute.
set(conserve change frames net)
list(TRANSFORM conserve PREPEND ${PROJECT_SOURCE_DIR}/tests/unit/dataplane/conserve_)
list(TRANSFORM conserve APPEND .c)
weft_unit(dataplane conserve SOURCES ${conserve} DEPS dataplane LINK dp_lab)
add_test(NAME unit/dataplane/conserve_long COMMAND unit_dataplane_conserve 10000000)
set_tests_properties(unit/dataplane/conserve_long PROPERTIES LABELS "unit;slow" TIMEOUT 600)
