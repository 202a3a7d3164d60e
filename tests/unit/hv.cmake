# SPDX-License-Identifier: Apache-2.0
weft_unit(hv qemu_args DEPS hv)
weft_unit(hv qemu_stream DEPS hv)
foreach(name machine save)
  weft_unit(hv ${name} DEPS hv)
  set_tests_properties(unit/hv/${name} PROPERTIES LABELS functional SKIP_RETURN_CODE 77)
endforeach()
