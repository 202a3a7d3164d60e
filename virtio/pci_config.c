/* SPDX-License-Identifier: Apache-2.0 */
/* A function's configuration space: identity, one BAR, and the capabilities that say what is where
 * in it (virtio 1.2, 4.1.4). */
#include "virtio/pci_priv.h"

#include <linux/pci_regs.h>
#include <linux/virtio_pci.h>
#include <string.h>

enum { VENDOR = 0x1af4, MODERN_ID = 0x1040, CAPS_AT = 0x40 };

static void put16(struct virtio_pci *p, unsigned at, unsigned value)
{
	p->config[at] = (uint8_t)value;
	p->config[at + 1] = (uint8_t)(value >> 8);
}

static void put32(struct virtio_pci *p, unsigned at, uint32_t value)
{
	put16(p, at, value & 0xffff);
	put16(p, at + 2, value >> 16);
}

static uint32_t get32(const struct virtio_pci *p, unsigned at)
{
	uint32_t value;

	memcpy(&value, p->config + at, sizeof(value));
	return value;
}

static void add_virtio_cap(struct virtio_pci *p, unsigned *at, uint8_t type, uint32_t offset,
			   uint32_t length, unsigned size)
{
	struct virtio_pci_cap cap = { .cap_vndr = PCI_CAP_ID_VNDR, .cap_next = (uint8_t)(*at + size),
				      .cap_len = (uint8_t)size, .cfg_type = type, .offset = offset,
				      .length = length };

	memcpy(p->config + *at, &cap, sizeof(cap));
	*at += size;
}

void config_init(struct virtio_pci *p)
{
	const struct virtio_type *type = p->dev->type;
	unsigned at = CAPS_AT;

	put16(p, PCI_VENDOR_ID, VENDOR);
	put16(p, PCI_DEVICE_ID, MODERN_ID + type->id);
	put16(p, PCI_STATUS, PCI_STATUS_CAP_LIST);
	p->config[PCI_REVISION_ID] = 1;
	for (unsigned i = 0; i < 3; i++)
		p->config[PCI_CLASS_PROG + i] = type->pci_class[2 - i];
	put16(p, PCI_SUBSYSTEM_VENDOR_ID, VENDOR);
	put16(p, PCI_SUBSYSTEM_ID, MODERN_ID + type->id);
	p->config[PCI_CAPABILITY_LIST] = CAPS_AT;

	add_virtio_cap(p, &at, VIRTIO_PCI_CAP_COMMON_CFG, BAR_COMMON,
		       sizeof(struct virtio_pci_common_cfg), sizeof(struct virtio_pci_cap));
	add_virtio_cap(p, &at, VIRTIO_PCI_CAP_ISR_CFG, BAR_ISR, 1, sizeof(struct virtio_pci_cap));
	add_virtio_cap(p, &at, VIRTIO_PCI_CAP_DEVICE_CFG, BAR_DEVICE, BAR_PAGE,
		       sizeof(struct virtio_pci_cap));
	put32(p, at + VIRTIO_PCI_NOTIFY_CAP_MULT, NOTIFY_STEP);
	add_virtio_cap(p, &at, VIRTIO_PCI_CAP_NOTIFY_CFG, BAR_NOTIFY,
		       p->dev->queue_count * NOTIFY_STEP, sizeof(struct virtio_pci_notify_cap));
	p->window_cap = at;
	add_virtio_cap(p, &at, VIRTIO_PCI_CAP_PCI_CFG, 0, 0, sizeof(struct virtio_pci_cfg_cap));
	p->msix_cap = at;
	p->config[at] = PCI_CAP_ID_MSIX;
	put16(p, at + PCI_MSIX_FLAGS, p->msix.count - 1);
	put32(p, at + PCI_MSIX_TABLE, BAR_MSIX);
	put32(p, at + PCI_MSIX_PBA, BAR_PBA);
}

/* The window through which firmware that cannot map the BAR reaches it: false when it names nothing
 * that is there. */
static bool window(const struct virtio_pci *p, uint32_t *at, uint32_t *len)
{
	*at = get32(p, p->window_cap + VIRTIO_PCI_CAP_OFFSET);
	*len = get32(p, p->window_cap + VIRTIO_PCI_CAP_LENGTH);
	return p->config[p->window_cap + VIRTIO_PCI_CAP_BAR] == 0 &&
	       (*len == 1 || *len == 2 || *len == 4) && *at % *len == 0 &&
	       *at <= VIRTIO_PCI_BAR_SIZE - 4;
}

uint32_t virtio_pci_config_read(struct virtio_pci *p, unsigned at, unsigned len)
{
	unsigned data = p->window_cap + sizeof(struct virtio_pci_cap);
	uint32_t value = 0, bar, width;

	if (at >= data && at < data + 4 && window(p, &bar, &width))
		virtio_pci_read(p, bar, p->config + data, width);
	memcpy(&value, p->config + at, len);
	return value;
}

/* Bits of the four bytes from `at` on that the guest may set. */
static uint32_t writable(const struct virtio_pci *p, unsigned at)
{
	unsigned w = p->window_cap;

	switch (at) {
	case PCI_COMMAND:
		return PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE;
	case PCI_CACHE_LINE_SIZE:
	case PCI_INTERRUPT_LINE:
		return 0xff;
	case PCI_BASE_ADDRESS_0:
		return ~(VIRTIO_PCI_BAR_SIZE - 1);
	default:
		break;
	}
	if (at == p->msix_cap)
		return (uint32_t)(PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL) << 16;
	if (at == w + (VIRTIO_PCI_CAP_BAR & ~3u))
		return 0xff;
	return at == w + VIRTIO_PCI_CAP_OFFSET || at == w + VIRTIO_PCI_CAP_LENGTH ||
			       at == w + sizeof(struct virtio_pci_cap) ?
		       UINT32_MAX :
		       0;
}

/* What a write has changed comes into force. */
static void changed(struct virtio_pci *p, unsigned word)
{
	unsigned data = p->window_cap + sizeof(struct virtio_pci_cap);
	uint32_t at, len, flags;

	if (word == PCI_COMMAND || word == PCI_BASE_ADDRESS_0)
		shortcuts_changed(p);
	if (word == p->msix_cap) {
		flags = get32(p, word) >> 16;
		msix_control(&p->msix, flags & PCI_MSIX_FLAGS_ENABLE, flags & PCI_MSIX_FLAGS_MASKALL);
		shortcuts_changed(p);
	}
	if (word == data && window(p, &at, &len))
		virtio_pci_write(p, at, p->config + data, len);
}

void virtio_pci_config_write(struct virtio_pci *p, unsigned at, unsigned len, uint32_t value)
{
	unsigned word = at & ~3u, shift = 8 * (at - word);
	uint32_t mask = len == 4 ? UINT32_MAX : (1u << 8 * len) - 1;

	if (at - word + len > 4)
		return;
	mask = mask << shift & writable(p, word);
	if (!mask)
		return;
	put32(p, word, (get32(p, word) & ~mask) | (value << shift & mask));
	changed(p, word);
}

void config_load(struct virtio_pci *p, const uint8_t saved[CONFIG_SIZE])
{
	for (unsigned at = 0; at < CONFIG_SIZE; at += 4) {
		uint32_t mask = writable(p, at), value;

		memcpy(&value, saved + at, sizeof(value));
		put32(p, at, (get32(p, at) & ~mask) | (value & mask));
	}
	changed(p, PCI_COMMAND);
	changed(p, p->msix_cap);
}

bool virtio_pci_where(const struct virtio_pci *p, uint64_t *gpa)
{
	*gpa = get32(p, PCI_BASE_ADDRESS_0);
	return p->config[PCI_COMMAND] & PCI_COMMAND_MEMORY;
}

void virtio_pci_place(struct virtio_pci *p, uint32_t gpa)
{
	put32(p, PCI_BASE_ADDRESS_0, gpa);
	virtio_pci_config_write(p, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	shortcuts_take(p);
}

void virtio_pci_multifunction(struct virtio_pci *p)
{
	p->config[PCI_HEADER_TYPE] = 0x80;
}
