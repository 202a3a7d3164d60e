# SPDX-License-Identifier: Apache-2.0
weft_unit(vrouter initrd DEPS vrouter base)
weft_unit(vrouter agent_host DEPS vrouter base)
