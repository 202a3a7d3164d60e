# SPDX-License-Identifier: Apache-2.0
weft_unit(hv qemu_args DEPS hv)
weft_unit(hv machine DEPS hv)
set_tests_properties(unit/hv/machine PROPERTIES LABELS functional SKIP_RETURN_CODE 77)
