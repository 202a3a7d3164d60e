/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_DATAPLANE_SCHED_LAB_H
#define TESTS_UNIT_DATAPLANE_SCHED_LAB_H

/* A scheduler on a link in virtual time, packets made of nothing but a header, and sources that
 * keep a number of packets of a flow queued. */

#include "dataplane/sched_priv.h"
#include "tests/unit/test.h"

#include <rte_mbuf.h>
#include <stdbool.h>

enum { LAB_VNETS = 256, LAB_PACKETS = 1 << 16, LAB_BURST = 64 };
#define LAB_HZ	2600000000ull
#define LAB_MS	(LAB_HZ / 1000)
#define LAB_SEC LAB_HZ
#define GBIT	1000000000ull
#define MBIT	1000000ull

struct lab_count {
	uint64_t in, out, bytes; /* packets; bytes on the wire that left */
	uint64_t drops[SCHED_DROPS];
};

struct lab {
	struct sched *s;
	uint64_t now, rnd;
	struct lab_count vnets[LAB_VNETS];
	bool greedy[LAB_VNETS]; /* what leaves or is dropped comes again */
	unsigned len;		/* of frames; 0: mixed */

	struct rte_mbuf *packets, *free[LAB_PACKETS], *again[LAB_PACKETS];
	bool queued[LAB_PACKETS];
	unsigned free_count, again_count;

	/* Called with what leaves, if it is not NULL. */
	void (*seen)(struct lab *lab, struct rte_mbuf *m);
	uint64_t worst; /* for seen */
};

/* flows: of each vnet. */
struct lab *lab_create(uint64_t rate, uint32_t vnets, uint32_t limit);
void lab_destroy(struct lab *lab);
uint32_t lab_rnd(struct lab *lab, uint32_t n); /* below n */

void lab_vnet(struct lab *lab, unsigned vnet, uint64_t guarantee, uint32_t weight,
	      uint64_t ceiling);
void lab_send(struct lab *lab, unsigned vnet, unsigned flow, unsigned n);
/* depth packets of each of flows flows, for ever. */
void lab_greedy(struct lab *lab, unsigned vnet, unsigned flows, unsigned depth);
/* One call of sched_dequeue(). */
unsigned lab_take(struct lab *lab, unsigned n);
void lab_run(struct lab *lab, uint64_t ticks);
void lab_forget(struct lab *lab); /* counts from here on */

uint64_t lab_rate(const struct lab *lab, unsigned vnet, uint64_t ticks); /* bits/s since then */
uint64_t lab_sent_at(const struct rte_mbuf *m);

static inline void assert_near(uint64_t value, uint64_t wanted, double part)
{
	uint64_t slack = (uint64_t)((double)wanted * part);

	assert_in_range(value, wanted - slack, wanted + slack);
}

#endif
