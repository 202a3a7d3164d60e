# SPDX-License-Identifier: Apache-2.0
weft_unit(hv qemu_args DEPS hv)
weft_unit(hv qemu_stream DEPS hv)
weft_unit(hv machine SOURCES ${PROJECT_SOURCE_DIR}/tests/unit/hv/one.c DEPS hv)
foreach(name weft_vmm weft_vmm_saved)
  weft_unit(hv ${name} SOURCES ${PROJECT_SOURCE_DIR}/tests/unit/hv/one.c
    ${PROJECT_SOURCE_DIR}/tests/unit/hv/weft_vmm_guest.c DEPS hv)
endforeach()
foreach(name save clone)
  weft_unit(hv ${name} SOURCES ${PROJECT_SOURCE_DIR}/tests/unit/hv/bed.c DEPS hv)
endforeach()
set_tests_properties(unit/hv/machine unit/hv/weft_vmm unit/hv/weft_vmm_saved
  unit/hv/save unit/hv/clone
  PROPERTIES LABELS functional SKIP_RETURN_CODE 77)
