/* SPDX-License-Identifier: Apache-2.0 */
#include "virtio/vhost_user_msg.h"

#include "base/rd.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { VERSION = 1, FLAG_REPLY = 4, FLAG_NEED_REPLY = 8 };
/* Some back ends leave out the padding. */
enum { INFLIGHT_MIN = 20, INFLIGHT_MAX = sizeof(struct vu_inflight) };

int vu_send(int sock, enum vu_request request, bool need_reply, const void *payload, size_t len,
	    const int *fds, unsigned fd_count)
{
	uint32_t header[3] = { request, VERSION | (need_reply ? FLAG_NEED_REPLY : 0), (uint32_t)len };
	struct iovec iov[] = { { header, sizeof(header) }, { (void *)(uintptr_t)payload, len } };
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(VU_FDS_MAX * sizeof(int))] = { 0 };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	ssize_t n;

	if (fd_count) {
		struct cmsghdr *c = (struct cmsghdr *)(void *)control;

		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
		*c = (struct cmsghdr){ .cmsg_len = CMSG_LEN(fd_count * sizeof(int)),
				       .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS };
		memcpy(CMSG_DATA(c), fds, fd_count * sizeof(int));
	}
	n = sendmsg(sock, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0)
		return -errno;
	return (size_t)n == sizeof(header) + len ? 0 : -ENOBUFS;
}

/* Bytes of the payload that a request's answer has. */
static bool length_fits(uint32_t request, uint32_t len)
{
	if (request == VU_GET_INFLIGHT_FD)
		return len >= INFLIGHT_MIN && len <= INFLIGHT_MAX;
	return len == 8;
}

/* The header alone: whether more of this message is worth reading. */
static int parse_header(struct rd *r, uint32_t *request, uint32_t *len)
{
	uint32_t flags;

	*request = rd_u32(r);
	flags = rd_u32(r);
	*len = rd_u32(r);
	if (r->bad || (flags & 3) != VERSION || !(flags & FLAG_REPLY) || !length_fits(*request, *len))
		return -EBADMSG;
	return 0;
}

int vu_parse(const uint8_t *bytes, size_t size, struct vu_reply *out)
{
	struct rd r = rd_of(bytes, size);
	uint32_t len;

	*out = (struct vu_reply){ .fd = -1 };
	if (parse_header(&r, &out->request, &len) < 0 || r.left != len)
		return -EBADMSG;
	if (out->request == VU_GET_INFLIGHT_FD) {
		out->inflight.size = rd_u64(&r);
		out->inflight.offset = rd_u64(&r);
		out->inflight.queues = rd_u16(&r);
		out->inflight.queue_size = rd_u16(&r);
	} else if (out->request == VU_GET_VRING_BASE) {
		out->state.index = rd_u32(&r);
		out->state.num = rd_u32(&r);
	} else {
		out->value = rd_u64(&r);
	}
	return r.bad ? -EBADMSG : 0;
}

void vu_reader_init(struct vu_reader *r)
{
	r->have = 0;
	r->fd = -1;
}

void vu_reader_fini(struct vu_reader *r)
{
	if (r->fd >= 0)
		close(r->fd);
	vu_reader_init(r);
}

/* The first descriptor of a message is kept, others are nobody's. */
static void take_fds(struct vu_reader *r, struct msghdr *msg)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (r->fd < 0)
				r->fd = fd;
			else
				close(fd);
		}
	}
}

/* Reads until `want` bytes are there: never into the next message, whose descriptors are its own. */
static int fill(struct vu_reader *r, int sock, size_t want)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(VU_FDS_MAX * sizeof(int))];

	while (r->have < want) {
		struct iovec iov = { r->bytes + r->have, want - r->have };
		struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
				      .msg_controllen = sizeof(control) };
		ssize_t n = recvmsg(sock, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		take_fds(r, &msg);
		if (n == 0)
			return -ECONNRESET;
		r->have += (size_t)n;
	}
	return 1;
}

int vu_read(struct vu_reader *r, int sock, struct vu_reply *out)
{
	struct rd header;
	uint32_t request, len;
	int code = fill(r, sock, VU_HEADER);

	if (code <= 0)
		return code;
	header = rd_of(r->bytes, VU_HEADER);
	if (parse_header(&header, &request, &len) < 0)
		return -EBADMSG;
	code = fill(r, sock, VU_HEADER + len);
	if (code <= 0)
		return code;
	code = vu_parse(r->bytes, r->have, out);
	if (code < 0)
		return code;
	if (request == VU_GET_INFLIGHT_FD) {
		out->fd = r->fd;
		r->fd = -1;
	}
	vu_reader_fini(r);
	return 1;
}
