# SPDX-License-Identifier: Apache-2.0
weft_fuzz(gdb DEPS gdb)
target_sources(fuzz_gdb PRIVATE ${PROJECT_SOURCE_DIR}/tests/unit/gdb/machine.c)
