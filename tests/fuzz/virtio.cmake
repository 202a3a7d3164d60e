# SPDX-License-Identifier: Apache-2.0
foreach(device rng console block overlay balloon net relay tap)
  weft_fuzz(virtio_${device} SOURCES ${PROJECT_SOURCE_DIR}/tests/unit/virtio/driver.c
    ${PROJECT_SOURCE_DIR}/tests/unit/virtio/lab.c ${PROJECT_SOURCE_DIR}/tests/unit/virtio/lab_tap.c DEPS virtio)
endforeach()
weft_fuzz(vhost_user SOURCES ${PROJECT_SOURCE_DIR}/tests/unit/virtio/driver.c
  ${PROJECT_SOURCE_DIR}/tests/unit/virtio/lab.c ${PROJECT_SOURCE_DIR}/tests/unit/virtio/lab_tap.c
  ${PROJECT_SOURCE_DIR}/tests/unit/virtio/backend.c DEPS virtio)
