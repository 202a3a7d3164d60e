/* SPDX-License-Identifier: Apache-2.0 */
/* A burst from its reception to its end, and who pays for it. */
#include "dataplane/graph_priv.h"
#include "dataplane/share_priv.h"

#include <rte_cycles.h>

/* Cycles since the last bill. */
static uint64_t burst_cycles(struct worker *w)
{
	uint64_t now = rte_rdtsc(), cycles = now - w->billed_until;

	w->billed_until = now;
	return cycles;
}

static void burst_charge(struct worker *w, struct vnet *vnet, uint64_t cycles, uint32_t packets)
{
	vnet->local[w->index].cycles += cycles;
	share_charge(w->share, vnet->slot, cycles, packets);
}

/* By work. */
static void burst_bill(struct worker *w)
{
	uint64_t cycles = burst_cycles(w), all = 0, each;

	for (unsigned i = 0; i < w->billed_count; i++)
		all += w->billed[i]->local[w->index].work;
	each = w->billed_count > 1 ? (cycles << 8) / all : 0;
	for (unsigned i = 0; i < w->billed_count; i++) {
		struct vnet_local *local = &w->billed[i]->local[w->index];

		burst_charge(w, w->billed[i], each ? local->work * each >> 8 : cycles,
			      local->packets);
		local->work = local->packets = 0;
	}
	w->billed_count = 0;
}

/* Drops what is over its vnet's share, at the price of having received it. */
static void burst_admit(struct worker *w, bool one)
{
	struct fast_rx *rx = &w->fast.rx;
	struct rte_mbuf *lost[BURST];
	struct vnet *of[BURST];
	unsigned n = rx->count, gone = 0;
	uint64_t each;

	rx->count = 0;
	for (unsigned i = 0; i < n; i++) {
		struct port *port = rx->from[one ? 0 : i];

		if (share_admit(w->share, port->vnet->slot, 1)) {
			fast_receive(rx, rx->m[i], port);
			continue;
		}
		counters_of(w, port)->drops[DP_DROP_SHARE] += pkt_frames(rx->m[i]);
		of[gone] = port->vnet;
		lost[gone++] = rx->m[i];
	}
	if (!gone)
		return;
	rte_pktmbuf_free_bulk(lost, gone);
	each = burst_cycles(w) / n;
	for (unsigned i = 0; i < gone; i++)
		burst_charge(w, of[i], each, 0);
}

void worker_burst(struct worker *w, bool one)
{
	if (unlikely(w->share->limiting))
		burst_admit(w, one);
	fast_run(w, one);
	graph_run(w);
	burst_bill(w);
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
