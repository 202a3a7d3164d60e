# SPDX-License-Identifier: Apache-2.0
weft_unit(control base64 DEPS control)
weft_unit(control store DEPS control)
weft_unit(control admission DEPS control)
weft_unit(control start_queue DEPS control LINK PkgConfig::libevent)
weft_unit(control engine DEPS control)
weft_unit(control engine_queue DEPS control)
# Root, namespaces, taps.
weft_unit(control command DEPS control)
weft_unit(control world SOURCES ${PROJECT_SOURCE_DIR}/tests/unit/control/world_lab.c DEPS control)
weft_unit(control world_links SOURCES ${PROJECT_SOURCE_DIR}/tests/unit/control/world_lab.c DEPS control)
set_tests_properties(unit/control/command unit/control/world unit/control/world_links
  PROPERTIES LABELS functional)
