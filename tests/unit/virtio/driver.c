/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/virtio/driver.h"

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void ram_init_size(struct ram *r, size_t size)
{
	uint8_t *at = mmap(NULL, size + 2 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	r->fd = memfd_create("guest", MFD_CLOEXEC);
	if (ftruncate(r->fd, (off_t)size) < 0 ||
	    mmap(at + 4096, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, r->fd, 0) == MAP_FAILED)
		abort();
	r->host = at + 4096;
	r->mem = (struct guest_mem){ .count = 1, .range = { { 0, size, r->host } } };
}

void ram_init(struct ram *r)
{
	ram_init_size(r, RAM);
}

void ram_fini(struct ram *r)
{
	munmap(r->host - 4096, r->mem.range[0].len + 2 * 4096);
	close(r->fd);
}

static void *at(const struct driver *d, uint64_t gpa)
{
	return d->ram->host + gpa;
}

void driver_init(struct driver *d, struct ram *ram, unsigned area, uint16_t size, uint64_t features)
{
	uint64_t base = (uint64_t)QUEUE_AREA * (1 + area);

	*d = (struct driver){ .ram = ram, .features = features, .free_count = size, .avail_wrap = true,
			      .used_wrap = true,
			      .packed = features >> VIRTIO_F_RING_PACKED & 1,
			      .event_idx = features >> VIRTIO_RING_F_EVENT_IDX & 1,
			      .indirect = features >> VIRTIO_RING_F_INDIRECT_DESC & 1,
			      .conf = { base, base + 0x1800, base + 0x2800, size } };
	for (uint16_t i = 0; i < size; i++)
		d->next[i] = (uint16_t)(i + 1);
	memset(at(d, base), 0, QUEUE_AREA);
}

static void put_table(struct driver *d, const struct buffer *b, unsigned count, uint64_t table)
{
	struct vring_desc *s = at(d, table);
	struct vring_packed_desc *p = at(d, table);

	for (unsigned i = 0; i < count; i++) {
		uint16_t write = b[i].writable ? VRING_DESC_F_WRITE : 0;
		uint16_t next = i + 1 < count ? VRING_DESC_F_NEXT : 0;

		if (d->packed)
			p[i] = (struct vring_packed_desc){ b[i].gpa, b[i].len, 0, write };
		else
			s[i] = (struct vring_desc){ b[i].gpa, b[i].len, write | next,
						    (uint16_t)(next ? i + 1 : 0) };
	}
}

static int add_split(struct driver *d, const struct buffer *b, unsigned count, bool indirect)
{
	struct vring_desc *desc = at(d, d->conf.desc);
	uint16_t *avail = at(d, d->conf.driver);
	uint16_t head = d->free_head, i = head;

	for (unsigned n = 0; n < count; n++) {
		i = n ? d->next[i] : head;
		desc[i] = (struct vring_desc){
			b[n].gpa, b[n].len,
			(uint16_t)((b[n].writable ? VRING_DESC_F_WRITE : 0) |
				   (n + 1 < count ? VRING_DESC_F_NEXT : 0) |
				   (indirect ? VRING_DESC_F_INDIRECT : 0)),
			d->next[i] };
	}
	d->free_head = d->next[i];
	avail[2 + d->avail % d->conf.size] = head;
	__atomic_store_n(&avail[1], ++d->avail, __ATOMIC_RELEASE);
	return head;
}

static uint16_t packed_flags(const struct driver *d)
{
	return d->avail_wrap ? 1 << VRING_PACKED_DESC_F_AVAIL : 1 << VRING_PACKED_DESC_F_USED;
}

static int add_packed(struct driver *d, const struct buffer *b, unsigned count, bool indirect)
{
	struct vring_packed_desc *desc = at(d, d->conf.desc);
	uint16_t id = 0, first = d->avail, first_flags = 0;

	while (d->taken[id])
		id++;
	for (unsigned n = 0; n < count; n++) {
		uint16_t flags = (uint16_t)(packed_flags(d) | (b[n].writable ? VRING_DESC_F_WRITE : 0) |
					    (n + 1 < count ? VRING_DESC_F_NEXT : 0) |
					    (indirect ? VRING_DESC_F_INDIRECT : 0));

		desc[d->avail] = (struct vring_packed_desc){ b[n].gpa, b[n].len, id,
							     n ? flags : desc[d->avail].flags };
		if (n == 0)
			first_flags = flags;
		if (++d->avail == d->conf.size) {
			d->avail = 0;
			d->avail_wrap = !d->avail_wrap;
		}
	}
	__atomic_store_n(&desc[first].flags, first_flags, __ATOMIC_RELEASE);
	return id;
}

int driver_add(struct driver *d, const struct buffer *b, unsigned count, uint64_t table)
{
	struct buffer one = { table, count * 16, false };
	uint16_t takes = table ? 1 : (uint16_t)count;
	int id;

	if (takes > d->free_count)
		return -1;
	if (table)
		put_table(d, b, count, table);
	id = d->packed ? add_packed(d, table ? &one : b, takes, table) :
			 add_split(d, table ? &one : b, takes, table);
	d->free_count -= takes;
	d->taken[id] = takes;
	d->last_kick += takes;
	return id;
}

static bool passed(uint16_t event, uint16_t now, uint16_t old)
{
	return (uint16_t)(now - event - 1) < (uint16_t)(now - old);
}

bool driver_kick_due(struct driver *d)
{
	uint16_t *area = at(d, d->conf.device), flags, event, since = d->last_kick;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	d->last_kick = 0;
	if (!since)
		return false;
	if (!d->packed) {
		uint16_t chains = d->avail; /* since counts descriptors: at least one chain */

		event = area[2 + 4 * d->conf.size];
		return d->event_idx ? passed(event, chains, (uint16_t)(chains - 1)) :
				      !(area[0] & VRING_USED_F_NO_NOTIFY);
	}
	event = area[0] & 0x7fff;
	flags = area[1];
	if (flags != VRING_PACKED_EVENT_FLAG_DESC)
		return flags == VRING_PACKED_EVENT_FLAG_ENABLE;
	if (area[0] >> 15 != d->avail_wrap)
		event = (uint16_t)(event - d->conf.size);
	return passed(event, d->avail, (uint16_t)(d->avail - since));
}

static int get_split(struct driver *d, uint32_t *written)
{
	uint16_t *area = at(d, d->conf.device);
	struct vring_used_elem *ring = (void *)(area + 2);
	struct vring_used_elem e;
	struct vring_desc *desc = at(d, d->conf.desc);
	uint16_t i;

	if (__atomic_load_n(&area[1], __ATOMIC_ACQUIRE) == d->used)
		return -1;
	e = ring[d->used++ % d->conf.size];
	*written = e.len;
	for (i = (uint16_t)e.id; desc[i].flags & VRING_DESC_F_NEXT; i = desc[i].next)
		d->next[i] = desc[i].next;
	d->next[i] = d->free_head;
	d->free_head = (uint16_t)e.id;
	return (int)e.id;
}

static int get_packed(struct driver *d, uint32_t *written)
{
	struct vring_packed_desc *desc = at(d, d->conf.desc);
	uint16_t flags = __atomic_load_n(&desc[d->used].flags, __ATOMIC_ACQUIRE);
	bool avail = flags >> VRING_PACKED_DESC_F_AVAIL & 1, used = flags >> VRING_PACKED_DESC_F_USED & 1;
	int id = desc[d->used].id;

	if (avail != used || used != d->used_wrap)
		return -1;
	*written = desc[d->used].len;
	d->used += d->taken[id];
	if (d->used >= d->conf.size) {
		d->used -= d->conf.size;
		d->used_wrap = !d->used_wrap;
	}
	return id;
}

int driver_get(struct driver *d, uint32_t *written)
{
	int id = d->packed ? get_packed(d, written) : get_split(d, written);

	if (id >= 0) {
		d->free_count += d->taken[id];
		d->taken[id] = 0;
	}
	return id;
}

void driver_quiet(struct driver *d)
{
	uint16_t *area = at(d, d->conf.driver);

	if (d->packed)
		area[1] = VRING_PACKED_EVENT_FLAG_DISABLE;
	else if (d->event_idx)
		area[2 + d->conf.size] = (uint16_t)(d->used - 1);
	else
		area[0] = VRING_AVAIL_F_NO_INTERRUPT;
}

void driver_wake_after(struct driver *d, uint16_t more)
{
	uint16_t *area = at(d, d->conf.driver), event = (uint16_t)(d->used + more - 1);
	bool wrap = d->used_wrap;

	if (!d->packed) {
		area[0] = 0;
		if (d->event_idx)
			area[2 + d->conf.size] = event;
		return;
	}
	if (event >= d->conf.size) {
		event -= d->conf.size;
		wrap = !wrap;
	}
	area[0] = (uint16_t)(event | wrap << 15);
	area[1] = d->event_idx ? VRING_PACKED_EVENT_FLAG_DESC : VRING_PACKED_EVENT_FLAG_ENABLE;
}
