# SPDX-License-Identifier: Apache-2.0
weft_unit(vrouter intake_basic DEPS vrouter)
weft_unit(vrouter intake_kernel SOURCES
  ${CMAKE_CURRENT_SOURCE_DIR}/vrouter/held.c
  ${CMAKE_CURRENT_SOURCE_DIR}/vrouter/kernel_changes.c
  ${CMAKE_CURRENT_SOURCE_DIR}/vrouter/kernel_nl.c
  DEPS vrouter LINK PkgConfig::libmnl)
set_tests_properties(unit/vrouter/intake_kernel PROPERTIES LABELS functional SKIP_RETURN_CODE 77
  TIMEOUT 240)
weft_unit(vrouter intake_alike SOURCES
  ${CMAKE_CURRENT_SOURCE_DIR}/vrouter/held.c
  ${CMAKE_CURRENT_SOURCE_DIR}/vrouter/kernel_nl.c
  DEPS vrouter LINK PkgConfig::libmnl)
set_tests_properties(unit/vrouter/intake_alike PROPERTIES LABELS functional SKIP_RETURN_CODE 77)
weft_unit(vrouter verify SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/vrouter/held.c DEPS vrouter)
weft_unit(vrouter intake_cases SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/vrouter/held.c DEPS vrouter)
