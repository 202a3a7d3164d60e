/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_VIRTIO_BACKEND_H
#define TESTS_UNIT_VIRTIO_BACKEND_H

/*
 * A back end of vhost-user, written from the protocol: it listens, is told of memory and rings, maps
 * them and answers each frame with the same frame on the pair it came from. It can die at any point, and be
 * another one afterwards.
 */

#include "virtio/queue.h"
#include "virtio/vhost_user_msg.h"

enum { BACKEND_RINGS = 16 };

struct backend_ring {
	struct vq q;
	struct vu_vring_addr addr;
	uint32_t num, base;
	int kick, call; /* -1: none */
	bool on;
	bool started;
	unsigned done; /* chains given back */
};

struct backend {
	/* what it is */
	const char *path;
	uint64_t features, protocol, pairs;
	uint32_t refuses; /* the request that it answers with an error; 0: none */
	uint32_t mute;	  /* that it does not answer at all */
	bool bad_area;	  /* for in-flight descriptors it gives no memfd */
	/* what it was told */
	int listener, fd; /* -1: none */
	uint64_t driver_features;
	uint64_t mtu;
	unsigned seen[64]; /* requests, by number */
	struct vu_memory memory;
	struct guest_mem mem;
	void *mapped[VU_REGIONS_MAX];
	size_t mapped_len[VU_REGIONS_MAX];
	struct backend_ring ring[BACKEND_RINGS];
	uint8_t *area;
	size_t area_len;
	bool quiet; /* takes nothing from the rings */
	bool leaves_taken; /* takes frames and does not give them back */
};

void backend_init(struct backend *b, const char *path); /* with all features of ours */
void backend_listen(struct backend *b);
/* As when its process is killed: nothing is said. */
void backend_die(struct backend *b);
/* Takes a connection, if one waits and it has none. */
void backend_accept(struct backend *b);
/* Takes all messages that are there, and serves the rings. True: something happened. */
bool backend_run(struct backend *b);
/* Bytes right to the front end, with or without a descriptor. */
void backend_say(struct backend *b, const void *bytes, size_t len, int fd);

#endif
