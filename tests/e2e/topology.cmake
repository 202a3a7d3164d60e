# SPDX-License-Identifier: Apache-2.0
weft_executable(topology-check SOURCES ${PROJECT_SOURCE_DIR}/tests/tools/topology_check.c
  DEPS control base LINK PkgConfig::jansson)
weft_pytest(e2e topologies TIMEOUT 120)
