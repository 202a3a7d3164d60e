# SPDX-License-Identifier: Apache-2.0
weft_fuzz(qmp DEPS hv)
weft_fuzz(qemu_stream DEPS hv)
weft_fuzz(weft_vmm_line DEPS hv)
