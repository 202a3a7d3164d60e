/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_CAPTURE_PRIV_H
#define CONTROL_CAPTURE_PRIV_H

#include "control/vnet.h"

#include <jansson.h>

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
int capture_request_parse(struct weftd *d, const json_t *o, struct capture_request *out,
			  struct err *err);
void capture_request_free(struct capture_request *r);

#endif
