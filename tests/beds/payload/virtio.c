/* SPDX-License-Identifier: Apache-2.0 */
#include "payload.h"

enum { SIZE = 8, VIRTIO_VENDOR = 0x1af4, CAP_VENDOR = 9, CAP_MSIX = 0x11 };
enum { STATUS = 20, QUEUE_SELECT = 22, QUEUE_SIZE = 24, QUEUE_VECTOR = 26, QUEUE_ENABLE = 28,
       DESC = 32, AVAIL = 40, USED = 48 };
enum { ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8 };

static struct {
	struct { uint64_t at; uint32_t len; uint16_t flags, next; } desc[SIZE];
	struct { uint16_t flags, idx, ring[SIZE], event; } avail;
	struct { uint16_t flags, idx; struct { uint32_t id, len; } ring[SIZE]; uint16_t event; } used
		__attribute__((aligned(4)));
} ring __attribute__((aligned(4096)));

_Static_assert(sizeof(ring) >= VIRTIO_RING_BYTES, "VIRTIO_RING_BYTES");

static uint32_t bar(const struct virtio *v, unsigned n)
{
	return pci_read(v->function, 0x10 + 4 * n) & ~15u;
}

/* Notes where a capability says a structure is. */
static void take_capability(struct virtio *v, unsigned at)
{
	uint32_t head = pci_read(v->function, at);
	uint32_t where = bar(v, pci_read(v->function, at + 4) & 7) + pci_read(v->function, at + 8);

	switch (head >> 24) {
	case 1:
		v->common = where;
		break;
	case 2:
		v->notify = where;
		v->notify_step = pci_read(v->function, at + 16);
		break;
	case 4:
		v->device = where;
		break;
	default:
		break;
	}
}

static unsigned msix_capability(const struct virtio *v)
{
	unsigned at = pci_read(v->function, 0x34) & 0xff;

	while (at && (pci_read(v->function, at) & 0xff) != CAP_MSIX)
		at = pci_read(v->function, at) >> 8 & 0xff;
	return at;
}

int virtio_find(struct virtio *v, uint16_t pci_device)
{
	for (v->function = 0; v->function < 256; v->function++) {
		unsigned at = pci_read(v->function, 0x34) & 0xff;

		if (pci_read(v->function, 0) != ((uint32_t)pci_device << 16 | VIRTIO_VENDOR))
			continue;
		for (; at; at = pci_read(v->function, at) >> 8 & 0xff)
			if ((pci_read(v->function, at) & 0xff) == CAP_VENDOR)
				take_capability(v, at);
		return v->common && v->notify;
	}
	return 0;
}

void *virtio_ring(void)
{
	return &ring;
}

static void set64(uint32_t at, const volatile void *p)
{
	REG32(at) = (uint32_t)(uintptr_t)p;
	REG32(at + 4) = 0;
}

void virtio_vector(struct virtio *v, unsigned entry, unsigned vector)
{
	unsigned msix = msix_capability(v);
	uint32_t where = pci_read(v->function, msix + 4);
	uint32_t table = bar(v, where & 7) + (where & ~7u) + 16 * entry;

	REG32(table) = 0xfee00000;
	REG32(table + 4) = 0;
	REG32(table + 8) = vector;
	REG32(table + 12) = 0;
	pci_write(v->function, msix, pci_read(v->function, msix) | 1u << 31);
}

uint32_t virtio_pending(struct virtio *v, unsigned entry)
{
	unsigned msix = msix_capability(v);
	uint32_t bar = pci_read(v->function, 0x10) & ~15u, bits;
	uint32_t control = bar + (pci_read(v->function, msix + 4) & ~7u) + 16 * entry + 12;

	REG32(control) = 1;
	bits = REG32(bar + (pci_read(v->function, msix + 8) & ~7u));
	REG32(control) = 0;
	return bits;
}

void virtio_start(struct virtio *v, unsigned vector)
{
	virtio_vector(v, 0, vector);
	REG8(v->common + STATUS) = 0;
	for (unsigned i = 0; i < sizeof(ring); i++)
		((volatile uint8_t *)&ring)[i] = 0;
	v->used = 0;
	REG8(v->common + STATUS) = ACKNOWLEDGE | DRIVER;
	REG32(v->common + 8) = 1; /* features: version 1 alone */
	REG32(v->common + 12) = 1;
	REG8(v->common + STATUS) = ACKNOWLEDGE | DRIVER | FEATURES_OK;
	REG16(v->common + QUEUE_SELECT) = v->queue;
	REG16(v->common + QUEUE_SIZE) = SIZE;
	REG16(v->common + QUEUE_VECTOR) = 0;
	set64(v->common + DESC, &ring.desc);
	set64(v->common + AVAIL, &ring.avail);
	set64(v->common + USED, &ring.used);
	REG16(v->common + QUEUE_ENABLE) = 1;
	REG8(v->common + STATUS) = ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK;
}

void virtio_quiet(void)
{
	*(volatile uint16_t *)&ring.avail.flags = 1; /* VRING_AVAIL_F_NO_INTERRUPT */
}

void virtio_offer_chain(struct virtio *v, const struct virtio_part *parts, unsigned count)
{
	volatile uint16_t *idx = &ring.avail.idx;
	unsigned i = *idx % SIZE;

	for (unsigned n = 0; n < count; n++) {
		unsigned at = (i + n) % SIZE;

		ring.desc[at].at = (uintptr_t)parts[n].at;
		ring.desc[at].len = parts[n].len;
		ring.desc[at].flags = (parts[n].writable ? 2 : 0) | (n + 1 < count ? 1 : 0);
		ring.desc[at].next = (uint16_t)((at + 1) % SIZE);
	}
	ring.avail.ring[i] = (uint16_t)i;
	__asm__ volatile("" : : : "memory");
	++*idx;
	__asm__ volatile("" : : : "memory");
	REG16(v->notify + v->queue * v->notify_step) = v->queue;
}

void virtio_offer(struct virtio *v, void *to, uint32_t len)
{
	virtio_offer_chain(v, &(struct virtio_part){ to, len, 1 }, 1);
}

int virtio_used(struct virtio *v, uint32_t *len)
{
	if (*(volatile uint16_t *)&ring.used.idx == v->used)
		return 0;
	*len = *(volatile uint32_t *)&ring.used.ring[v->used++ % SIZE].len;
	return 1;
}
