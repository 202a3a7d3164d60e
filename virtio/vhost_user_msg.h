/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VIRTIO_VHOST_USER_MSG_H
#define VIRTIO_VHOST_USER_MSG_H

/*
 * Messages of the vhost-user protocol (QEMU's docs/interop/vhost-user.rst) between a front end, which
 * is us, and a back end: a header of 12 bytes, its payload, and descriptors beside it. What the back
 * end sends is checked here for its form; what it means is vhost_user.c's affair.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum vu_request {
	VU_GET_FEATURES = 1,
	VU_SET_FEATURES = 2,
	VU_SET_OWNER = 3,
	VU_SET_MEM_TABLE = 5,
	VU_SET_VRING_NUM = 8,
	VU_SET_VRING_ADDR = 9,
	VU_SET_VRING_BASE = 10,
	VU_GET_VRING_BASE = 11,
	VU_SET_VRING_KICK = 12,
	VU_SET_VRING_CALL = 13,
	VU_GET_PROTOCOL_FEATURES = 15,
	VU_SET_PROTOCOL_FEATURES = 16,
	VU_GET_QUEUE_NUM = 17,
	VU_SET_VRING_ENABLE = 18,
	VU_NET_SET_MTU = 20,
	VU_GET_INFLIGHT_FD = 31,
	VU_SET_INFLIGHT_FD = 32,
};

/* Bits of GET_FEATURES beyond virtio's, and of GET_PROTOCOL_FEATURES. */
enum { VU_F_PROTOCOL_FEATURES = 30 };
enum { VU_P_MQ = 0, VU_P_REPLY_ACK = 3, VU_P_MTU = 4, VU_P_INFLIGHT = 12 };

/* In the number of SET_VRING_KICK and _CALL: no descriptor comes with it. */
#define VU_NO_FD 0x100u

enum { VU_HEADER = 12, VU_FDS_MAX = 8, VU_REGIONS_MAX = 8 };

struct vu_vring_state {
	uint32_t index, num;
};

/* Addresses are those of this process; `log` is not used. */
struct vu_vring_addr {
	uint32_t index, flags;
	uint64_t desc, used, avail, log;
};

struct vu_memory {
	uint32_t count, padding;
	struct {
		uint64_t gpa, len, user, offset; /* offset: in the region's descriptor */
	} region[VU_REGIONS_MAX];
};

/* With four bytes of padding, as QEMU and DPDK have it. */
struct vu_inflight {
	uint64_t size, offset;
	uint16_t queues, queue_size;
	uint32_t padding;
};

/* Does not block. need_reply: the back end shall answer with 0, or with what went wrong. -errno: it
 * was not sent; the connection is of no use any more. */
int vu_send(int sock, enum vu_request request, bool need_reply, const void *payload, size_t len,
	    const int *fds, unsigned fd_count);

/* What a back end says. */
struct vu_reply {
	uint32_t request;
	uint64_t value;	      /* of all but these: */
	struct vu_vring_state state; /* GET_VRING_BASE */
	struct vu_inflight inflight; /* GET_INFLIGHT_FD */
	int fd;		      /* GET_INFLIGHT_FD: whoever reads it owns it; else -1 */
};

/* One whole message, without descriptors. -EBADMSG: it is none that a front end can get. */
int vu_parse(const uint8_t *bytes, size_t len, struct vu_reply *out);

/* Reads messages from a socket, piece by piece. */
struct vu_reader {
	uint8_t bytes[VU_HEADER + 32];
	size_t have;
	int fd; /* that came with it; -1: none */
};

void vu_reader_init(struct vu_reader *r);
void vu_reader_fini(struct vu_reader *r);
/* 1: a message; 0: not yet; -errno: the connection is over, or of no use. */
int vu_read(struct vu_reader *r, int sock, struct vu_reply *out);

#endif
