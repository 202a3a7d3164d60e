# SPDX-License-Identifier: Apache-2.0
weft_library(control SOURCES topology.c topology_yaml.c topology_value.c topology_keys.c
  topology_images.c topology_node.c topology_machine.c topology_link.c topology_physical.c topology_impair.c impairment.c
  scenario.c scenario_command.c
  topology_mac.c topology_diff.c nics.c topology_files.c topology_disk.c
  DEPS base LINK PkgConfig::yaml_0_1 PkgConfig::jansson)
