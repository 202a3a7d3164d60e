# SPDX-License-Identifier: Apache-2.0
set(virtio_driver ${PROJECT_SOURCE_DIR}/tests/unit/virtio/driver.c)
set(virtio_lab ${virtio_driver} ${PROJECT_SOURCE_DIR}/tests/unit/virtio/lab.c)
weft_unit(virtio queue SOURCES ${virtio_driver} DEPS virtio)
weft_unit(virtio disk DEPS virtio)
foreach(name pci devices block balloon net hostile)
  weft_unit(virtio ${name} SOURCES ${virtio_lab} DEPS virtio)
endforeach()
foreach(name vhost_user vhost_refuse)
  weft_unit(virtio ${name} SOURCES ${virtio_lab} ${PROJECT_SOURCE_DIR}/tests/unit/virtio/backend.c
    ${PROJECT_SOURCE_DIR}/tests/unit/virtio/vhost_lab.c DEPS virtio LINK PkgConfig::libevent)
endforeach()
set_tests_properties(unit/virtio/hostile PROPERTIES TIMEOUT 300)
