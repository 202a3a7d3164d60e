/* SPDX-License-Identifier: Apache-2.0 */
/* What a worker that keeps up pays for share_admit(), share_charge() and share_epoch(). */
#include "perf/sched_bench/bench.h"

#include "dataplane/share_priv.h"

#include <rte_cycles.h>

enum { BURSTS = 1 << 13 }; /* of a round */

struct sharing {
	struct share *s;
	uint16_t vnets[1 << 12]; /* whose the packets are, in turn */
};

/* Runs of `run` packets of one vnet. The loop itself, with nothing to share, is the other side. */
static inline double cost(struct sharing *c, unsigned run, bool share)
{
	uint64_t begin = rte_rdtsc_precise(), passed = 0, now = begin;
	unsigned at = 0;

	for (unsigned i = 0; i < BURSTS; i++) {
		if (share)
			share_epoch(c->s, now, false);
		now += 4000; /* what such a burst takes, so that epochs end as they would */
		for (unsigned k = 0; k < BURST; k += run) {
			uint32_t vnet = c->vnets[at++ % RTE_DIM(c->vnets)];
			unsigned n = share ? share_admit(c->s, vnet, run) : run;

			passed += n;
			if (share)
				share_charge(c->s, vnet, 60 * n, n);
			__asm__ volatile("" : "+r"(passed) : "r"(vnet));
		}
	}
	if (passed != (uint64_t)BURSTS * BURST)
		fatal("packets were not let through");
	return (double)(rte_rdtsc_precise() - begin) / (BURSTS * BURST);
}

static void measure_run(struct sharing *c, const char *metric, unsigned run)
{
	double clk[ROUNDS];

	cost(c, run, true);
	for (unsigned i = 0; i < ROUNDS; i++)
		clk[i] = cost(c, run, true) - cost(c, run, false);
	out_figures(metric, "weft", clk, ROUNDS);
}

void case_share(void)
{
	struct sharing *c = alloc(sizeof(*c));

	if (share_create(VNETS, rte_get_tsc_hz(), rte_rdtsc(), &c->s))
		fatal("share_create fails");
	for (unsigned i = 0; i < VNETS; i++)
		if (share_vnet_set(c->s, i, 0, 1 + i % 8))
			fatal("share_vnet_set fails");
	for (unsigned i = 0; i < RTE_DIM(c->vnets); i++)
		c->vnets[i] = (uint16_t)((i * 2654435761u >> 12) % VNETS);
	measure_run(c, "a vnet a burst", BURST);
	measure_run(c, "a vnet a packet", 1);
	share_destroy(c->s);
}
