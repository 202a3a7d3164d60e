/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VIRTIO_DEVICES_H
#define VIRTIO_DEVICES_H

/*
 * The devices. Each is made here, given to a transport (which then owns it), and driven by what the
 * machine calls below under the machine's lock.
 */

#include "base/err.h"
#include "virtio/device.h"

/* Random numbers from the host's generator (virtio 1.2, 5.4). */
int virtio_rng_create(struct virtio_device **out, struct err *err);

/* A balloon with free-page reporting (virtio 1.2, 5.5). Pages are those of 4 KiB. */
struct virtio_balloon_ops {
	/* The guest has no use for these bytes of its memory now, and does not care what is in
	 * them. Whole pages or not. */
	void (*give_back)(void *arg, void *at, size_t len);
	void *arg;
};

struct virtio_balloon_stats {
	uint32_t wanted_pages; /* by the host */
	uint32_t given_pages;  /* of these, as the driver says */
	uint64_t reported_bytes;
};

int virtio_balloon_create(const struct virtio_balloon_ops *ops, struct virtio_device **out,
			  struct err *err);
void virtio_balloon_want(struct virtio_device *dev, uint32_t pages);
struct virtio_balloon_stats virtio_balloon_stats(const struct virtio_device *dev);

/*
 * A console device with one named port (virtio 1.2, 5.3, VIRTIO_CONSOLE_F_MULTIPORT), as the agent
 * uses it. Port 0, which the standard reserves for a console, is not there.
 */
struct virtio_port_ops {
	/* Bytes from the guest. Returns how many were taken; after less than all,
	 * virtio_console_drained() says when to go on. */
	size_t (*write)(void *arg, const struct iovec *iov, unsigned count);
	/* The guest can take bytes again, or (guest_open false) does not listen any more. */
	void (*ready)(void *arg);
	void *arg;
};

int virtio_console_create(const char *port, const struct virtio_port_ops *ops,
			  struct virtio_device **out, struct err *err);
/* The host's end is open: the guest sees it. */
void virtio_console_open(struct virtio_device *dev, bool open);
/* Bytes to the guest; returns how many it has buffers for. */
size_t virtio_console_put(struct virtio_device *dev, const void *bytes, size_t len);
void virtio_console_drained(struct virtio_device *dev);

/* A disk: a raw file, of whole sectors of 512 bytes (virtio 1.2, 5.2). Reads and writes on the
 * loop. The file that is written is nobody else's meanwhile (flock); others may read what is only
 * read. */
enum virtio_block_mode {
	VIRTIO_BLOCK_READ,    /* cannot be written */
	VIRTIO_BLOCK_WRITE,   /* the file is written */
	VIRTIO_BLOCK_OVERLAY, /* another file gets what is written: virtio/disk_priv.h */
	VIRTIO_BLOCK_FORGET,  /* what is written is kept in memory until the end; cannot be saved */
};

struct virtio_block_conf {
	const char *path;
	enum virtio_block_mode mode;
	const char *overlay; /* made if it is not there */
	const char *id;	     /* what the guest sees as its serial number, up to 20 bytes */
};

int virtio_block_create(const struct virtio_block_conf *conf, struct virtio_device **out,
			struct err *err);

/*
 * A NIC (virtio 1.2, 5.1), attached in one of three ways:
 *  - to a relay: an AF_UNIX datagram socket, bound to `local`, one frame a datagram, sent to whoever is
 *    bound to `peer`. Frames are whole, without offloads;
 *  - to a tap(4) of the host's, with offloads: by its name, or by descriptors that were opened with
 *    IFF_TAP, IFF_NO_PI and IFF_VNET_HDR, one a pair;
 *  - by vhost-user to another process, which maps the guest's memory and serves its queues. The guest
 *    has a link while that process is there.
 */
enum { VIRTIO_NET_PAIRS_MAX = 8 };

struct virtio_net_conf {
	uint8_t mac[6];
	uint16_t mtu;
	bool carrier;
	unsigned pairs; /* of queues */
	const char *local, *peer; /* paths; local is replaced if it exists, and removed at the end */
	const char *tap;
	const int *tap_fds; /* as many as pairs; taken */
	const char *vhost_user;	     /* the path that its process listens on */
	const struct guest_mem *mem; /* for vhost_user: the guest's memory, and the memfd that it maps in */
	int mem_fd;		     /* one piece */
};

#define VIRTIO_NET_STATS(X)                                                                        \
	X(rx_frames)                                                                               \
	X(tx_frames)                                                                               \
	X(rx_no_carrier)     /* dropped: the NIC has no carrier */                                  \
	X(tx_no_carrier)                                                                           \
	X(rx_too_long)	     /* dropped: the driver's buffer is smaller */                          \
	X(tx_malformed)	     /* dropped: shorter than an Ethernet header, or longer than 64 KiB */   \
	X(tx_peer_full)	     /* dropped: the peer does not keep up */                               \
	X(tx_peer_gone)	     /* dropped: nobody is bound to its path, or the tap is down */         \
	X(peer_attached)     /* times that the other end came, where that is seen */                \
	X(peer_lost)	     /* and went */                                                        \
	X(peer_refused)	     /* of these: for what it said or did not say */

struct virtio_net_stats {
#define X(name) uint64_t name;
	VIRTIO_NET_STATS(X)
#undef X
};

int virtio_net_create(const struct virtio_net_conf *conf, struct event_base *base,
		      struct virtio_device **out, struct err *err);
void virtio_net_carrier(struct virtio_device *dev, bool up);
/* Frames that the machine moved: of vhost-user none. */
struct virtio_net_stats virtio_net_stats(const struct virtio_device *dev);

struct virtio_net_status {
	const char *backend; /* "relay", "tap", "vhost-user" */
	bool link;	     /* as the guest sees it */
	unsigned pairs;	     /* that the driver uses */
};

struct virtio_net_status virtio_net_status(const struct virtio_device *dev);

#endif
