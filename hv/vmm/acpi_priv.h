/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HV_VMM_ACPI_PRIV_H
#define HV_VMM_ACPI_PRIV_H

/* ACPI tables (6.4), so that a guest needs no kernel parameter to find its processors, its PCI bus
 * and the way to switch itself off. */

#include "base/err.h"
#include "virtio/mem.h"

/* Writes them at ACPI_TABLES; *rsdp is where they begin. */
int acpi_build(const struct guest_mem *mem, unsigned cpus, uint64_t *rsdp, struct err *err);

#endif
