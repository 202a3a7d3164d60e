/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/virtio/backend.h"

#include <linux/virtio_config.h>
#include <linux/virtio_net.h>
#include <linux/virtio_ring.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define BIT(n) (1ull << (n))

enum { REPLY = 1 | 4, NEED_REPLY = 8, AREA_STEP = 16384, NET_HEADER = sizeof(struct virtio_net_hdr_v1) };

/* The beginning of a packed queue's part of the area. */
struct region {
	uint64_t features;
	uint16_t version, desc_count, free_head, old_free_head, used, old_used;
	uint8_t wrap, old_wrap;
};

void backend_init(struct backend *b, const char *path)
{
	*b = (struct backend){
		.path = path, .listener = -1, .fd = -1, .pairs = 8,
		.features = BIT(VIRTIO_F_VERSION_1) | BIT(VU_F_PROTOCOL_FEATURES) | BIT(VIRTIO_NET_F_MQ) |
			    BIT(VIRTIO_NET_F_MRG_RXBUF) | BIT(VIRTIO_RING_F_INDIRECT_DESC) |
			    BIT(VIRTIO_RING_F_EVENT_IDX) | BIT(VIRTIO_F_RING_PACKED),
		.protocol = BIT(VU_P_MQ) | BIT(VU_P_REPLY_ACK) | BIT(VU_P_MTU) | BIT(VU_P_INFLIGHT) | BIT(60),
	};
	for (unsigned i = 0; i < BACKEND_RINGS; i++)
		b->ring[i].kick = b->ring[i].call = -1;
}

void backend_listen(struct backend *b)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	strcpy(sun.sun_path, b->path);
	unlink(b->path);
	b->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (bind(b->listener, (struct sockaddr *)&sun, sizeof(sun)) < 0 || listen(b->listener, 4) < 0)
		abort();
}

static void put_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void unmap(struct backend *b)
{
	for (unsigned i = 0; i < b->mem.count; i++)
		munmap(b->mapped[i], b->mapped_len[i]);
	b->mem.count = 0;
}

static void hang_up(struct backend *b)
{
	put_fd(&b->fd);
	unmap(b);
	for (unsigned i = 0; i < BACKEND_RINGS; i++) {
		put_fd(&b->ring[i].kick);
		put_fd(&b->ring[i].call);
		b->ring[i] = (struct backend_ring){ .kick = -1, .call = -1 };
	}
	if (b->area)
		munmap(b->area, b->area_len);
	b->area = NULL;
	memset(b->seen, 0, sizeof(b->seen));
}

void backend_die(struct backend *b)
{
	hang_up(b);
	put_fd(&b->listener);
	unlink(b->path);
}

void backend_say(struct backend *b, const void *bytes, size_t len, int fd)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { (void *)(uintptr_t)bytes, len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c = (struct cmsghdr *)(void *)control;

	if (fd >= 0) {
		msg.msg_control = control;
		msg.msg_controllen = sizeof(control);
		*c = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET,
				       .cmsg_type = SCM_RIGHTS };
		memcpy(CMSG_DATA(c), &fd, sizeof(int));
	}
	if (sendmsg(b->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return; /* the front end has gone */
}

static void reply(struct backend *b, uint32_t request, const void *payload, uint32_t len, int fd)
{
	uint8_t bytes[VU_HEADER + 64];
	const uint32_t header[] = { request, REPLY, len };

	memcpy(bytes, header, sizeof(header));
	memcpy(bytes + sizeof(header), payload, len);
	backend_say(b, bytes, sizeof(header) + len, fd);
}

static void map_memory(struct backend *b, const struct vu_memory *m, const int *fds)
{
	unmap(b);
	b->memory = *m;
	for (unsigned i = 0; i < m->count; i++) {
		b->mapped_len[i] = m->region[i].offset + m->region[i].len;
		b->mapped[i] = mmap(NULL, b->mapped_len[i], PROT_READ | PROT_WRITE, MAP_SHARED, fds[i], 0);
		if (b->mapped[i] == MAP_FAILED)
			abort();
		b->mem.range[i] = (struct guest_range){ m->region[i].gpa, m->region[i].len,
							(uint8_t *)b->mapped[i] + m->region[i].offset };
	}
	b->mem.count = m->count;
}

static uint64_t gpa_of(const struct backend *b, uint64_t user)
{
	for (unsigned i = 0; i < b->memory.count; i++)
		if (user - b->memory.region[i].user < b->memory.region[i].len)
			return user - b->memory.region[i].user + b->memory.region[i].gpa;
	abort();
}

static bool packed(const struct backend *b)
{
	return b->driver_features & BIT(VIRTIO_F_RING_PACKED);
}

/* A kick's descriptor starts a ring. */
static void start_ring(struct backend *b, struct backend_ring *r)
{
	const struct vq_conf conf = { gpa_of(b, r->addr.desc), gpa_of(b, r->addr.avail),
				      gpa_of(b, r->addr.used), (uint16_t)r->num };

	if (vq_activate(&r->q, &b->mem, &conf, b->driver_features) < 0)
		abort();
	r->q.next_avail = r->q.next_used = (uint16_t)(packed(b) ? r->base & 0x7fff : r->base);
	if (packed(b))
		r->q.avail_wrap = r->q.used_wrap = r->base >> 15 & 1;
	r->q.signalled = r->q.next_used;
	r->started = true;
}

static int make_area(struct backend *b, struct vu_inflight *i)
{
	int fd = b->bad_area ? eventfd(0, EFD_CLOEXEC) : memfd_create("area", MFD_CLOEXEC);

	i->size = (uint64_t)AREA_STEP * i->queues;
	i->offset = 0;
	if (!b->bad_area && ftruncate(fd, (off_t)i->size) < 0)
		abort();
	return fd;
}

static void take_area(struct backend *b, const struct vu_inflight *i, int fd)
{
	b->area_len = i->size;
	b->area = mmap(NULL, b->area_len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)i->offset);
	if (b->area == MAP_FAILED) /* another one's, that is no good */
		b->area = NULL;
}

static uint64_t answer_to(struct backend *b, uint32_t request)
{
	return request == VU_GET_FEATURES	   ? b->features :
	       request == VU_GET_PROTOCOL_FEATURES ? b->protocol :
						     b->pairs;
}

/* Those that say something of a ring. */
static void take_ring(struct backend *b, uint32_t request, const uint8_t *payload, int *fds)
{
	struct vu_vring_state s;
	struct backend_ring *r;

	memcpy(&s, payload, sizeof(s));
	r = &b->ring[s.index & 0xff];
	if (request == VU_SET_VRING_NUM)
		r->num = s.num;
	if (request == VU_SET_VRING_BASE)
		r->base = s.num;
	if (request == VU_SET_VRING_ENABLE)
		r->on = s.num;
	if (request == VU_SET_VRING_ADDR)
		memcpy(&r->addr, payload, sizeof(r->addr));
	if (request == VU_SET_VRING_CALL || request == VU_SET_VRING_KICK) {
		int *to = request == VU_SET_VRING_CALL ? &r->call : &r->kick;

		put_fd(to);
		*to = fds[0];
		fds[0] = -1;
		if (request == VU_SET_VRING_KICK)
			start_ring(b, r);
	}
}

static void take_rest(struct backend *b, uint32_t request, const uint8_t *payload, size_t len, int *fds)
{
	struct vu_memory m = { 0 };
	struct vu_inflight i;

	if (request == VU_SET_FEATURES)
		memcpy(&b->driver_features, payload, 8);
	if (request == VU_NET_SET_MTU)
		memcpy(&b->mtu, payload, 8);
	if (request == VU_SET_MEM_TABLE) {
		memcpy(&m, payload, len);
		map_memory(b, &m, fds);
	}
	if (request == VU_SET_INFLIGHT_FD) {
		memcpy(&i, payload, sizeof(i));
		take_area(b, &i, fds[0]);
	}
}

static void answer(struct backend *b, uint32_t request, const uint8_t *payload)
{
	struct vu_vring_state s;
	struct vu_inflight i;
	uint64_t value = answer_to(b, request);
	int fd;

	if (request == VU_GET_VRING_BASE) {
		memcpy(&s, payload, sizeof(s));
		s.num = b->ring[s.index].q.next_avail;
		b->ring[s.index].started = b->ring[s.index].on = false;
		reply(b, request, &s, sizeof(s), -1);
	} else if (request == VU_GET_INFLIGHT_FD) {
		memcpy(&i, payload, sizeof(i));
		fd = make_area(b, &i);
		reply(b, request, &i, sizeof(i), fd);
		close(fd);
	} else {
		reply(b, request, &value, sizeof(value), -1);
	}
}

static bool is_question(uint32_t r)
{
	return r == VU_GET_FEATURES || r == VU_GET_PROTOCOL_FEATURES || r == VU_GET_QUEUE_NUM ||
	       r == VU_GET_VRING_BASE || r == VU_GET_INFLIGHT_FD;
}

static void take(struct backend *b, const uint32_t *header, const uint8_t *payload, int *fds)
{
	uint64_t status = header[0] == b->refuses;

	b->seen[header[0] % 64]++;
	if (!is_question(header[0])) {
		if (header[0] >= VU_SET_VRING_NUM && header[0] <= VU_SET_VRING_ENABLE &&
		    header[0] != VU_SET_PROTOCOL_FEATURES)
			take_ring(b, header[0], payload, fds);
		else
			take_rest(b, header[0], payload, header[2], fds);
		if ((header[1] & NEED_REPLY) && header[0] != b->mute)
			reply(b, header[0], &status, sizeof(status), -1);
	} else if (header[0] != b->mute) {
		answer(b, header[0], payload);
	}
}

/* One message, if one is there. The front end writes each with one call. */
static bool receive(struct backend *b)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(VU_FDS_MAX * sizeof(int))];
	uint32_t header[3];
	uint8_t payload[512];
	struct iovec iov = { header, sizeof(header) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = sizeof(control) };
	int fds[VU_FDS_MAX];
	ssize_t n = recvmsg(b->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	memset(fds, -1, sizeof(fds));
	if (n == 0)
		hang_up(b);
	if (n <= 0)
		return n == 0;
	if (n != sizeof(header) || header[2] > sizeof(payload) ||
	    (header[2] && recv(b->fd, payload, header[2], 0) != (ssize_t)header[2]))
		abort();
	if (c)
		memcpy(fds, CMSG_DATA(c), c->cmsg_len - CMSG_LEN(0));
	take(b, header, payload, fds);
	for (unsigned i = 0; i < VU_FDS_MAX; i++)
		put_fd(&fds[i]);
	return true;
}

/* Notes where a packed ring is, as far as it needs to be found again. */
static void note(struct backend *b, unsigned i)
{
	struct region *r = (void *)(b->area + (size_t)AREA_STEP * i);
	const struct vq *q = &b->ring[i].q;

	r->version = 1;
	r->used = r->old_used = q->next_used;
	r->wrap = r->old_wrap = q->used_wrap;
}

static void give_back(struct backend *b, unsigned i, const struct vq_chain *c, size_t len)
{
	struct backend_ring *r = &b->ring[i];

	vq_push(&r->q, c, (uint32_t)len);
	r->done++;
	if (b->area && (size_t)AREA_STEP * (i + 1) <= b->area_len)
		note(b, i);
	if (vq_interrupt_due(&r->q))
		eventfd_write(r->call, 1);
}

static bool may_serve(const struct backend *b, unsigned i)
{
	return b->ring[i].started && b->ring[i].on && !b->quiet;
}

/* A frame of the pair comes back on it. */
static bool echo(struct backend *b, unsigned pair)
{
	static uint8_t frame[65536];
	unsigned rx = 2 * pair, tx = rx + 1;
	struct vq_chain in, out;
	size_t len;

	if (!may_serve(b, rx) || !may_serve(b, tx) || vq_pop(&b->ring[tx].q, &out) <= 0)
		return false;
	if (b->leaves_taken)
		return true;
	len = iov_read(out.iov, out.out_count, 0, frame, sizeof(frame));
	if (vq_pop(&b->ring[rx].q, &in) > 0)
		give_back(b, rx, &in, iov_write(in.iov + in.out_count, in.in_count, 0, frame, len));
	give_back(b, tx, &out, 0);
	return true;
}

void backend_accept(struct backend *b)
{
	if (b->fd < 0 && b->listener >= 0)
		b->fd = accept4(b->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

bool backend_run(struct backend *b)
{
	bool any = false;

	backend_accept(b);
	while (b->fd >= 0 && receive(b))
		any = true;
	for (unsigned i = 0; i < BACKEND_RINGS / 2; i++)
		while (echo(b, i))
			any = true;
	return any;
}
