# SPDX-License-Identifier: Apache-2.0
weft_fuzz(intake DEPS vrouter)
target_sources(fuzz_intake PRIVATE ${PROJECT_SOURCE_DIR}/tests/unit/vrouter/held.c)
