# SPDX-License-Identifier: Apache-2.0
weft_fuzz(agent_guest DEPS vrouter)
