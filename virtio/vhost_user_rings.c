/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a back end is told of the guest's memory and of the rings, and where it goes on in a ring that
 * another one has left. A split ring says that itself: its used index is how far the dead one got, and
 * what it had taken beyond that is taken again. A packed ring does not: its place is in the area where
 * back ends note what they do.
 */
#include "virtio/vhost_user_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <stddef.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

enum { AREA_MAX = 16 << 20, WRAP = 1 << 15 };

#define BIT(n) (1ull << (n))

/* A queue's part of the area, as far as it says where a packed ring is. */
struct region {
	uint64_t features;
	uint16_t version, desc_count, free_head, old_free_head, used, old_used;
	uint8_t wrap, old_wrap;
};

static bool packed(const struct vhost_user *v)
{
	return virtio_has(v->conf.dev, VIRTIO_F_RING_PACKED);
}

/* The dead back end may have been about to say that it has used descriptors: it has, if they are not
 * available any more. The area is the back ends': what it says is only passed on, and checked by vq. */
static uint16_t packed_place(const struct vhost_user *v, unsigned i)
{
	uint64_t at = v->area.offset + v->area.size / v->conf.rings * i;
	struct region r;

	if (pread(v->area.fd, &r, sizeof(r), (off_t)at) != sizeof(r) || !r.version)
		return WRAP; /* not begun */
	if (vq_packed_available(&v->conf.dev->queue[i], r.old_used, r.old_wrap))
		return (uint16_t)((r.old_used & (WRAP - 1)) | (r.old_wrap ? WRAP : 0));
	return (uint16_t)((r.used & (WRAP - 1)) | (r.wrap ? WRAP : 0));
}

/* SET_VRING_BASE: split, an index; packed, the available and the used one, each with its wrap counter
 * above it. */
static uint32_t base_of(const struct vhost_user *v, unsigned i)
{
	uint16_t place = WRAP;

	if (!packed(v))
		return v->ring[i].touched ? vq_split_used(&v->conf.dev->queue[i]) : 0;
	if (v->ring[i].touched)
		place = packed_place(v, i);
	return place | (uint32_t)place << 16;
}

static void tell_memory(struct vhost_user *v)
{
	const struct guest_mem *mem = v->conf.mem;
	struct vu_memory m = { .count = mem->count };
	int fds[VU_REGIONS_MAX];

	for (unsigned i = 0; i < mem->count; i++) {
		const struct guest_range *r = &mem->range[i];

		m.region[i].gpa = r->gpa;
		m.region[i].len = r->len;
		m.region[i].user = (uintptr_t)r->host;
		m.region[i].offset = (uint64_t)(r->host - mem->range[0].host);
		fds[i] = v->conf.mem_fd;
	}
	vu_ask(v, VU_SET_MEM_TABLE, &m, offsetof(struct vu_memory, region) +
	       mem->count * sizeof(m.region[0]), fds, mem->count);
}

static void tell_ring(struct vhost_user *v, unsigned i)
{
	const struct vq *q = &v->conf.dev->queue[i];
	const struct vu_vring_state num = { i, q->size }, base = { i, base_of(v, i) };
	const struct vu_vring_addr addr = { .index = i, .desc = (uintptr_t)q->desc,
					    .used = (uintptr_t)q->device, .avail = (uintptr_t)q->driver };
	const uint64_t index = i;

	vu_ask(v, VU_SET_VRING_NUM, &num, sizeof(num), NULL, 0);
	vu_ask(v, VU_SET_VRING_BASE, &base, sizeof(base), NULL, 0);
	vu_ask(v, VU_SET_VRING_ADDR, &addr, sizeof(addr), NULL, 0);
	vu_ask(v, VU_SET_VRING_KICK, &index, sizeof(index), &v->conf.dev->kick_fd[i], 1);
	v->ring[i].set = v->ring[i].touched = true;
}

void vu_enable(struct vhost_user *v)
{
	for (unsigned i = 0; i < v->conf.rings; i++) {
		const struct vu_vring_state on = { i, i < v->enabled };

		if (!v->ring[i].set || v->ring[i].on == on.num)
			continue;
		v->ring[i].on = on.num;
		vu_ask(v, VU_SET_VRING_ENABLE, &on, sizeof(on), NULL, 0);
	}
}

static void tell_rings(struct vhost_user *v)
{
	const struct vu_inflight area = { v->area.size, v->area.offset, (uint16_t)v->conf.rings,
					  VQ_SIZE_MAX, 0 };

	if (v->area.fd >= 0)
		vu_ask(v, VU_SET_INFLIGHT_FD, &area, sizeof(area), &v->area.fd, 1);
	for (unsigned i = 0; i < v->conf.rings; i++)
		if (vq_active(&v->conf.dev->queue[i]))
			tell_ring(v, i);
	vu_enable(v);
	vu_ask(v, VU_GET_FEATURES, NULL, 0, NULL, 0); /* answered when all of this is done */
}

void vu_setup(struct vhost_user *v)
{
	const struct virtio_device *dev = v->conf.dev;
	const struct vu_inflight wish = { 0, 0, (uint16_t)v->conf.rings, VQ_SIZE_MAX, 0 };
	uint64_t features = dev->features & v->conf.passed;

	v->phase = VU_SETUP;
	if ((features & ~v->features) || (packed(v) && !vu_has(v, VU_P_INFLIGHT))) {
		vu_fail(v, "lacks features that the driver was offered");
		return;
	}
	vu_ask_u64(v, VU_SET_FEATURES, features | BIT(VU_F_PROTOCOL_FEATURES));
	tell_memory(v);
	if (vu_has(v, VU_P_MTU) && virtio_has(dev, VIRTIO_NET_F_MTU))
		vu_ask_u64(v, VU_NET_SET_MTU, v->conf.mtu);
	for (uint64_t i = 0; i < v->conf.rings; i++)
		if (vq_active(&dev->queue[i]))
			vu_ask(v, VU_SET_VRING_CALL, &i, sizeof(i), &dev->call_fd[i], 1);
	if (!vu_has(v, VU_P_INFLIGHT))
		vu_drop_area(v); /* from here on it would be wrong */
	if (vu_has(v, VU_P_INFLIGHT) && v->area.fd < 0)
		vu_ask(v, VU_GET_INFLIGHT_FD, &wish, sizeof(wish), NULL, 0);
	else
		tell_rings(v);
}

/* Only a memfd will do: reading another file could block. */
static bool area_fits(const struct vhost_user *v, const struct vu_reply *r)
{
	uint64_t size = r->inflight.size, offset = r->inflight.offset;
	struct stat st;

	return r->fd >= 0 && size >= v->conf.rings && size <= AREA_MAX && fcntl(r->fd, F_GET_SEALS) >= 0 &&
	       fstat(r->fd, &st) == 0 && offset <= (uint64_t)st.st_size &&
	       size <= (uint64_t)st.st_size - offset;
}

void vu_take_area(struct vhost_user *v, const struct vu_reply *r)
{
	if (!area_fits(v, r)) {
		vu_fail(v, "gave no memory that it could note in-flight descriptors in");
		return;
	}
	v->area.fd = r->fd;
	v->area.size = r->inflight.size;
	v->area.offset = r->inflight.offset;
	tell_rings(v);
}

void vu_drop_area(struct vhost_user *v)
{
	if (v->area.fd >= 0)
		close(v->area.fd);
	v->area.fd = -1;
}

void vu_stop_rings(struct vhost_user *v)
{
	for (unsigned i = 0; i < v->conf.rings; i++) {
		const struct vu_vring_state ring = { i, 0 };

		if (v->ring[i].set)
			vu_ask(v, VU_GET_VRING_BASE, &ring, sizeof(ring), NULL, 0);
		v->ring[i].set = v->ring[i].on = false;
	}
}

void vu_nudge(struct vhost_user *v)
{
	for (unsigned i = 0; i < v->conf.rings; i++) {
		if (!v->ring[i].set)
			continue;
		eventfd_write(v->conf.dev->call_fd[i], 1);
		eventfd_write(v->conf.dev->kick_fd[i], 1);
	}
}
