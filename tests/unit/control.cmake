# SPDX-License-Identifier: Apache-2.0
weft_unit(control base64 DEPS control)
weft_unit(control store DEPS control)
weft_unit(control store_full DEPS control) # root, a mount namespace
weft_unit(control user DEPS control)
weft_unit(control quota DEPS control)
weft_unit(control api_calls DEPS control LINK PkgConfig::libevent)
weft_unit(control impairment DEPS control LINK m)
weft_unit(control admission DEPS control)
weft_unit(control backoff DEPS control)
weft_unit(control start_queue DEPS control LINK PkgConfig::libevent)
weft_unit(control engine DEPS control)
weft_unit(control engine_queue DEPS control)
# Root, namespaces, taps.
weft_unit(control command DEPS control)
add_library(control_daemon STATIC ${PROJECT_SOURCE_DIR}/tests/unit/control/daemon.c)
target_include_directories(control_daemon PRIVATE ${PROJECT_SOURCE_DIR})
target_link_libraries(control_daemon PUBLIC weft_control PkgConfig::cmocka)
foreach(name world world_links world_broken)
  weft_unit(control ${name} SOURCES ${PROJECT_SOURCE_DIR}/tests/unit/control/world_lab.c DEPS control
    LINK control_daemon)
endforeach()
weft_unit(control metrics DEPS control LINK control_daemon)
weft_unit(control tenants DEPS control LINK control_daemon)
weft_unit(control events DEPS control LINK control_daemon)
set_tests_properties(unit/control/events PROPERTIES TIMEOUT 180) # with sanitizers
set_tests_properties(unit/control/command unit/control/world unit/control/world_links
  unit/control/world_broken PROPERTIES LABELS functional)
weft_unit(control pcapng SOURCES ${PROJECT_SOURCE_DIR}/control/cli/pcapng.c
  ${PROJECT_SOURCE_DIR}/control/cli/capture_file.c DEPS base
  LINK PkgConfig::jansson PkgConfig::libpcap)
