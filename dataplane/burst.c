/* SPDX-License-Identifier: Apache-2.0 */
/* A burst from its reception to its end, and who pays for it. */
#include "dataplane/capture_priv.h"
#include "dataplane/graph_priv.h"
#include "dataplane/share_priv.h"

#include <rte_cycles.h>

enum {
	WORK_CYCLES = 256, /* a unit of work, at most */
	TIMES = 2,	   /* at most so often what packets cost of late */
	BURST_US = 5,	   /* what a burst takes besides */
};

/* Cycles since the last bill. More than `most` and a bit went to somebody who took our core away, and
 * is nobody's. */
static uint64_t burst_cycles(struct worker *w, uint64_t most)
{
	uint64_t now = rte_rdtsc(), cycles = now - w->billed_until;

	w->billed_until = now;
	return RTE_MIN(cycles, most + w->hz / 1000000 * BURST_US);
}

/* The most that a vnet's work of a burst may cost. While vnets are limited, being billed for what
 * others took would cost them packets: what theirs cost of late is known then, and a vnet whose
 * packets have become dearer has a mean that follows within some epochs. */
static inline uint64_t burst_most(const struct worker *w, const struct vnet *vnet)
{
	const struct vnet_local *local = &vnet->local[w->index];
	uint32_t mean = unlikely(w->share->limiting) ? share_mean(w->share, vnet->slot) : 0;

	return mean && local->packets ? (uint64_t)TIMES * mean * local->packets
				      : (uint64_t)local->work * WORK_CYCLES;
}

static void burst_charge(struct worker *w, struct vnet *vnet, uint64_t cycles, uint32_t packets)
{
	vnet->local[w->index].cycles += cycles;
	share_charge(w->share, vnet->slot, cycles, packets);
}

/* By work. */
static void burst_bill(struct worker *w)
{
	uint64_t cycles, all = 0, most = 0, each;

	if (!w->billed_count) /* they are for who comes next */
		return;
	for (unsigned i = 0; i < w->billed_count; i++) {
		all += w->billed[i]->local[w->index].work;
		most += burst_most(w, w->billed[i]);
	}
	cycles = burst_cycles(w, most);
	each = w->billed_count > 1 ? (cycles << 8) / all : 0;
	for (unsigned i = 0; i < w->billed_count; i++) {
		struct vnet_local *local = &w->billed[i]->local[w->index];

		burst_charge(w, w->billed[i], each ? local->work * each >> 8 : cycles,
			      local->packets);
		local->work = local->packets = 0;
	}
	w->billed_count = 0;
}

void worker_admit(struct worker *w, unsigned at, bool one)
{
	struct fast_rx *rx = &w->fast.rx;
	struct rte_mbuf *lost[BURST];
	unsigned n = rx->count, gone = 0;
	uint64_t each;

	if (at == n)
		return;
	each = burst_cycles(w, (n - at) * WORK_CYCLES) / (n - at);
	rx->count = at;
	for (unsigned i = at; i < n; i++) {
		struct port *port = rx->from[one ? 0 : i];

		burst_charge(w, port->vnet, each, 0);
		if (share_admit(w->share, port->vnet->slot, 1)) {
			fast_receive(rx, rx->m[i], port);
			continue;
		}
		counters_of(w, port)->drops[DP_DROP_SHARE] += pkt_frames(rx->m[i]);
		capture_drop(port, w->index, rx->m[i], DP_DROP_SHARE);
		lost[gone++] = rx->m[i];
	}
	rte_pktmbuf_free_bulk(lost, gone);
}

void worker_forward(struct worker *w, bool one)
{
	fast_run(w, one);
	graph_run(w);
	burst_bill(w);
}

void worker_burst(struct worker *w, bool one)
{
	if (unlikely(w->share->limiting))
		worker_admit(w, 0, one);
	worker_forward(w, one);
}

static void worker_share_now(struct worker *w, void *arg)
{
	const struct vnet *vnet = arg;
	uint32_t millionths = vnet->guarantee * 1000 / w->engine->worker_count;

	share_vnet_set(w->share, vnet->slot, RTE_MIN(millionths, (uint32_t)SHARE_GUARANTEE_MAX),
		       vnet->weight);
}

void worker_share(struct worker *w, struct vnet *vnet)
{
	worker_call(w, worker_share_now, vnet);
}

static void worker_forget_now(struct worker *w, void *arg)
{
	share_vnet_del(w->share, ((struct vnet *)arg)->slot);
}

void worker_forget(struct worker *w, struct vnet *vnet)
{
	worker_call(w, worker_forget_now, vnet);
}
