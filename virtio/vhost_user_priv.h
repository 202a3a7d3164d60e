/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VIRTIO_VHOST_USER_PRIV_H
#define VIRTIO_VHOST_USER_PRIV_H

#include "virtio/vhost_user.h"
#include "virtio/vhost_user_msg.h"

#include <sys/un.h>

struct event;

/* Answers that can be outstanding: more than a setup of all rings needs. */
enum { VU_EXPECT_MAX = 256 };

enum vu_phase {
	VU_DOWN,     /* no connection; the timer tries again */
	VU_HELLO,    /* features are negotiated */
	VU_IDLE,     /* ready, and the device does not run */
	VU_SETUP,    /* memory and rings are being told */
	VU_UP,	     /* the back end serves the rings */
	VU_STOPPING, /* it gives them back */
};

struct vhost_user {
	struct vhost_user_conf conf;
	struct event_base *base;
	struct sockaddr_un path;
	/* the connection */
	int fd;
	struct event *readable;
	struct event *timer; /* connects; or an answer is late */
	unsigned delay_ms;   /* until the next try */
	bool said;	     /* why it was refused, since it was last attached */
	const char *failed;  /* the loop is to leave it: "" it is gone, else what the back end did */
	struct vu_reader in;
	uint8_t expected[VU_EXPECT_MAX]; /* requests whose answers are due, oldest first */
	unsigned expect_first, expect_count;
	enum vu_phase phase;
	uint64_t features, protocol; /* the back end's; of protocol those that both have */
	/* the device */
	uint64_t offered; /* without what depends on a back end */
	bool wanted;	  /* it runs */
	unsigned enabled; /* the first so many rings */
	struct {
		bool set;     /* this back end has it */
		bool on;      /* and may serve it */
		bool touched; /* some back end has served it: where it was is to be found */
	} ring[VHOST_USER_RINGS_MAX];
	/* What back ends note there survives them (VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD). */
	struct {
		int fd; /* -1: none */
		uint64_t size, offset;
	} area;
};

static inline bool vu_has(const struct vhost_user *v, unsigned protocol_feature)
{
	return v->protocol >> protocol_feature & 1;
}

/* vhost_user.c. After the connection has failed these do nothing. */
void vu_ask(struct vhost_user *v, enum vu_request request, const void *payload, size_t len,
	    const int *fds, unsigned fd_count);
void vu_ask_u64(struct vhost_user *v, enum vu_request request, uint64_t value);
void vu_fail(struct vhost_user *v, const char *what); /* "did this": the back end */

/* vhost_user_rings.c: phase SETUP begins; its last answer is one to GET_FEATURES. */
void vu_setup(struct vhost_user *v);
/* The back end's area has come. */
void vu_take_area(struct vhost_user *v, const struct vu_reply *r);
void vu_drop_area(struct vhost_user *v);
void vu_enable(struct vhost_user *v);
/* Asks for the rings back: each is an answer to GET_VRING_BASE. */
void vu_stop_rings(struct vhost_user *v);
/* Both sides look at all rings: a back end that died may have left them no word. */
void vu_nudge(struct vhost_user *v);

#endif
