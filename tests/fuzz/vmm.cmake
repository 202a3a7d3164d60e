# SPDX-License-Identifier: Apache-2.0
weft_fuzz(boot_image SOURCES ${PROJECT_SOURCE_DIR}/tests/unit/virtio/driver.c DEPS vmm)
weft_fuzz(vmm_control DEPS vmm)
weft_fuzz(vmm_core DEPS vmm)
weft_fuzz(vmm_state SOURCES ${PROJECT_SOURCE_DIR}/tests/unit/virtio/driver.c
  ${PROJECT_SOURCE_DIR}/tests/unit/virtio/lab.c ${PROJECT_SOURCE_DIR}/tests/unit/virtio/lab_tap.c DEPS vmm)
