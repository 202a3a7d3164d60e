/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_VROUTER_HELD_H
#define TESTS_UNIT_VROUTER_HELD_H

/*
 * An engine for tests of the intake: it holds what it was told, aborts when that comes in an order
 * the engine would refuse (a route before its next hop, a next hop deleted under a group, ...),
 * and looks up by walking everything.
 */
#include "vrouter/intake.h"
#include "vrouter/verify.h"

enum { HELD_PORTS = 8 };

struct held_nh {
	struct intake_nh nh; /* members: own copy, NULL unless a group */
	bool marked;
};

struct held_route {
	uint32_t table, nh;
	struct intake_prefix prefix;
	bool marked;
};

struct held {
	struct held_nh *nhs;
	struct held_route *routes;
	uint32_t fibs[64];
	size_t nh_count, route_count, fib_count;
	struct {
		uint32_t table;
		bool told, up, fwd4, fwd6;
	} ports[HELD_PORTS];
	bool punt4, punt6;
	bool syncing;
	unsigned flushes, changes;
};

extern const struct intake_sink held_sink; /* arg: struct held */

void held_fini(struct held *h);

/* NULL: none of that id. */
const struct intake_nh *held_nh(const struct held *h, uint32_t id);

/* Longest match of addr in the table, link-local addresses aside; NULL: none. */
const struct intake_nh *held_lookup(const struct held *h, uint32_t table, unsigned family,
				    const uint8_t *addr);

/* What a packet received on a port gets: NULL is a punt. */
const struct intake_nh *held_forward(const struct held *h, unsigned port, unsigned family,
				     const uint8_t *addr);

/* Its routes, as the view VERIFY_FIB. */
void held_verify(const struct held *h, struct verify *v);

#endif
