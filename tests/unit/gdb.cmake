# SPDX-License-Identifier: Apache-2.0
weft_unit(gdb session SOURCES ${PROJECT_SOURCE_DIR}/tests/unit/gdb/machine.c DEPS gdb)
weft_unit(gdb real SOURCES ${PROJECT_SOURCE_DIR}/tests/unit/gdb/machine.c DEPS gdb)
