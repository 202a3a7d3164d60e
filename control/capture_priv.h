/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_CAPTURE_PRIV_H
#define CONTROL_CAPTURE_PRIV_H

#include "control/vnet.h"

#include <jansson.h>
#include <sys/un.h>

/*
 * What a client asks for. Interface i has channels 2 * i and 2 * i + 1. One that is a link has a
 * port in each, of which what it sends is wanted: every packet once. One that is a port has it in
 * the first, both ways, and none (id 0) in the other.
 */
struct capture_request {
	uint32_t vnet, snap;
	uint32_t count; /* of channels */
	struct capture_request_port {
		uint32_t id, flags;
	} *ports;
	json_t *interfaces; /* their names */
};

/* {"vnet": NAME, "at": "NODE:PORT" or "NODE:PORT,NODE:PORT" or nothing for all links, "snap": bytes
 * of a packet}. o may be NULL, or anything. -EINVAL, -ENOENT and a sentence. */
int capture_request_parse(struct weftd *d, const struct principal *who, const json_t *o,
			  struct capture_request *out, struct err *err);
void capture_request_free(struct capture_request *r);

enum capture_state { CAPTURE_NEW, CAPTURE_BEGINS, CAPTURE_RUNS, CAPTURE_ENDS, CAPTURE_FORGOTTEN };

struct capture {
	TAILQ_ENTRY(capture) entry;
	struct captures *all;
	struct event *readable;
	struct capture_door *door;
	int sock;
	uid_t uid; /* of a user's program */
	enum capture_state state;
	uint32_t id, vnet, user;
	int tape;	     /* until it runs: -1 else */
	json_t *interfaces; /* the same */
};

/* A socket that is listened on. */
struct capture_door {
	struct captures *all;
	struct event *acceptable;
	struct sockaddr_un address;
	int sock;
	unsigned count; /* of clients */
};

struct captures {
	TAILQ_HEAD(capture_list, capture) list;
	struct weftd *daemon;
	struct capture_door operator, users;
	unsigned told; /* of these, captures that the engine was told of */
	uint32_t last_id;
};

void capture_free(struct capture *c);

/* A libevent callback of a client's socket. */
void capture_readable(int fd, short what, void *arg);

#endif
