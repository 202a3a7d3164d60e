# SPDX-License-Identifier: Apache-2.0
weft_fuzz(agent_host DEPS vrouter base)
