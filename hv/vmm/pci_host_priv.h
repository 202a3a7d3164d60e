/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HV_VMM_PCI_HOST_PRIV_H
#define HV_VMM_PCI_HOST_PRIV_H

/* The PCI bus: bus 0, the host bridge in slot 0, configuration by ports 0xcf8 and 0xcfc ("mechanism
 * 1", PCI 3.0, 3.2.2.3.2). Under the machine's lock. */

#include "virtio/pci.h"

enum { PCI_FUNCTIONS = 32 * 8 };

struct pci_host {
	uint32_t address;
	struct virtio_pci *function[PCI_FUNCTIONS];
};

/* Takes p and places its BAR. Slot and function are free, slot is 1 to 31. */
void pci_host_add(struct pci_host *h, unsigned slot, unsigned function, struct virtio_pci *p);
void pci_host_fini(struct pci_host *h);

/* reg: byte offset from 0xcf8. */
uint32_t pci_host_port_read(struct pci_host *h, unsigned reg, unsigned len);
void pci_host_port_write(struct pci_host *h, unsigned reg, unsigned len, uint32_t value);
/* Returns false when no function is mapped there. */
bool pci_host_memory(struct pci_host *h, uint64_t gpa, bool write, void *bytes, unsigned len);

#endif
