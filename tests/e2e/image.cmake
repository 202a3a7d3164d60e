# SPDX-License-Identifier: Apache-2.0
weft_executable(image_tool SOURCES ${CMAKE_CURRENT_LIST_DIR}/image_tool.c DEPS vrouter base)
weft_pytest(e2e image TIMEOUT 900)
