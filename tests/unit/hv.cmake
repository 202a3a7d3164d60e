# SPDX-License-Identifier: Apache-2.0
weft_unit(hv qemu_args DEPS hv)
weft_unit(hv qemu_stream DEPS hv)
foreach(name machine weft_vmm)
  weft_unit(hv ${name} SOURCES ${PROJECT_SOURCE_DIR}/tests/unit/hv/one.c DEPS hv)
endforeach()
foreach(name save clone)
  weft_unit(hv ${name} SOURCES ${PROJECT_SOURCE_DIR}/tests/unit/hv/bed.c DEPS hv)
endforeach()
set_tests_properties(unit/hv/machine unit/hv/weft_vmm unit/hv/save unit/hv/clone
  PROPERTIES LABELS functional SKIP_RETURN_CODE 77)
