# SPDX-License-Identifier: Apache-2.0
set(virtio_driver ${PROJECT_SOURCE_DIR}/tests/unit/virtio/driver.c)
set(virtio_lab ${virtio_driver} ${PROJECT_SOURCE_DIR}/tests/unit/virtio/lab.c
  ${PROJECT_SOURCE_DIR}/tests/unit/virtio/lab_tap.c)
set(virtio_backend ${PROJECT_SOURCE_DIR}/tests/unit/virtio/backend.c)
weft_unit(virtio queue SOURCES ${virtio_driver} DEPS virtio)
weft_unit(virtio disk DEPS virtio)
foreach(name pci devices block balloon net)
  weft_unit(virtio ${name} SOURCES ${virtio_lab} DEPS virtio)
endforeach()
foreach(name vhost_user vhost_refuse)
  weft_unit(virtio ${name} SOURCES ${virtio_lab} ${virtio_backend}
    ${PROJECT_SOURCE_DIR}/tests/unit/virtio/vhost_lab.c DEPS virtio LINK PkgConfig::libevent)
endforeach()
weft_unit(virtio hostile SOURCES ${virtio_lab} ${virtio_backend} DEPS virtio)
set_tests_properties(unit/virtio/hostile PROPERTIES TIMEOUT 300)
