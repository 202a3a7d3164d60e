# SPDX-License-Identifier: Apache-2.0
target_sources(weft_vrouter PRIVATE
  ${CMAKE_CURRENT_LIST_DIR}/image.c
  ${CMAKE_CURRENT_LIST_DIR}/build.c
  ${CMAKE_CURRENT_LIST_DIR}/initrd.c)
target_link_libraries(weft_vrouter PUBLIC PkgConfig::jansson)
