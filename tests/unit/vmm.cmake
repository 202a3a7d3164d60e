# SPDX-License-Identifier: Apache-2.0
weft_unit(vmm console DEPS vmm LINK PkgConfig::libevent)
weft_unit(vmm core DEPS vmm)
weft_unit(vmm load DEPS vmm)
weft_unit(vmm memory DEPS vmm)
weft_unit(vmm parts DEPS vmm)
weft_unit(vmm stream DEPS vmm LINK PkgConfig::libevent)
weft_unit(vmm filter DEPS vmm)
