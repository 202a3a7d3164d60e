# SPDX-License-Identifier: Apache-2.0
weft_unit(vrouter intake_basic DEPS vrouter)
