/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/vmm/pci_host_priv.h"

#include "hv/vmm/layout_priv.h"

#include <stddef.h>
#include <string.h>

enum { DATA = 4 };
#define ENABLE 0x80000000u

/* The bridge itself: it exists, and has nothing to set. */
static uint32_t bridge_read(unsigned at, unsigned len)
{
	static const uint8_t config[16] = { 0x36, 0x1b, 0x08, 0x00, 0, 0, 0, 0, 0, 0, 0x00, 0x06 };
	uint32_t value = 0;

	if (at + len <= sizeof(config))
		memcpy(&value, config + at, len);
	return value;
}

void pci_host_add(struct pci_host *h, unsigned slot, unsigned function, struct virtio_pci *p)
{
	unsigned i = slot * 8 + function;

	h->function[i] = p;
	virtio_pci_place(p, PCI_WINDOW + i * VIRTIO_PCI_BAR_SIZE);
	if (function == 0)
		virtio_pci_multifunction(p);
}

void pci_host_fini(struct pci_host *h)
{
	for (unsigned i = 0; i < PCI_FUNCTIONS; i++)
		virtio_pci_destroy(h->function[i]);
}

/* What the address register names: bus 0 and its function, or nothing. */
static bool selected(const struct pci_host *h, unsigned reg, unsigned len, unsigned *function,
		     unsigned *at)
{
	*function = h->address >> 8 & 0xff;
	*at = (h->address & 0xfc) + reg - DATA;
	return (h->address & ENABLE) && (h->address >> 16 & 0xff) == 0 && reg - DATA + len <= 4;
}

uint32_t pci_host_port_read(struct pci_host *h, unsigned reg, unsigned len)
{
	unsigned function, at;

	if (reg < DATA)
		return reg == 0 && len == 4 ? h->address : UINT32_MAX;
	if (!selected(h, reg, len, &function, &at))
		return UINT32_MAX;
	if (function == 0)
		return bridge_read(at, len);
	return h->function[function] ? virtio_pci_config_read(h->function[function], at, len) :
				       UINT32_MAX;
}

void pci_host_port_write(struct pci_host *h, unsigned reg, unsigned len, uint32_t value)
{
	unsigned function, at;

	if (reg == 0 && len == 4)
		h->address = value;
	else if (reg >= DATA && selected(h, reg, len, &function, &at) && h->function[function])
		virtio_pci_config_write(h->function[function], at, len, value);
}

bool pci_host_memory(struct pci_host *h, uint64_t gpa, bool write, void *bytes, unsigned len)
{
	for (unsigned i = 0; i < PCI_FUNCTIONS; i++) {
		struct virtio_pci *p = h->function[i];
		uint64_t at;

		if (!p || !virtio_pci_where(p, &at) || gpa < at || gpa - at >= VIRTIO_PCI_BAR_SIZE)
			continue;
		if (write)
			virtio_pci_write(p, (uint32_t)(gpa - at), bytes, len);
		else
			virtio_pci_read(p, (uint32_t)(gpa - at), bytes, len);
		return true;
	}
	return false;
}
