# SPDX-License-Identifier: Apache-2.0
weft_fuzz(agent_guest DEPS vrouter)
weft_fuzz(agent_dump DEPS vrouter)
target_sources(fuzz_agent_dump PRIVATE ${PROJECT_SOURCE_DIR}/tests/unit/vrouter/held.c)
weft_fuzz(fpm DEPS vrouter)
target_sources(fuzz_fpm PRIVATE ${PROJECT_SOURCE_DIR}/tests/unit/vrouter/held.c)
weft_fuzz(snooped DEPS vrouter)
