# SPDX-License-Identifier: Apache-2.0
weft_unit(vrouter session DEPS vrouter)
weft_unit(vrouter snooped DEPS vrouter)
foreach(name fpm intake_fpm)
  weft_unit(vrouter ${name} SOURCES ${CMAKE_CURRENT_SOURCE_DIR}/vrouter/held.c
    ${CMAKE_CURRENT_SOURCE_DIR}/vrouter/fpm_lab.c DEPS vrouter)
endforeach()
