/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A link between a frame's sending and its arrival. What is under way waits in the worker's
 * calendar and knows its port by handle: links, their impairments and ports may change meanwhile.
 * What a link loses, its port has sent, and is charged for.
 */
#include "dataplane/graph_priv.h"
#include "dataplane/link_impair_priv.h"
#include "dataplane/offload_priv.h"

/* Of a round: after the worker was not on its core, what was due meanwhile is not to flood rings. */
enum { RELEASE_BURSTS = 16 };

/* In buffers of 2 KiB, of which there are so many more. */
static uint32_t frame_units(const struct worker *w, const struct rte_mbuf *m)
{
	if (likely(m->pool == w->engine->small))
		return 1;
	return m->pool == w->engine->jumbo ? UNITS_JUMBO : UNITS_SUPER;
}

/* A vnet may have twice as much under way as is still free (dynamic thresholds, Choudhury and Hahne
 * 1998): alone two thirds of all that may be. */
static bool link_room(const struct worker *w, const struct vnet *vnet, uint32_t units)
{
	const struct engine *e = w->engine;
	uint32_t own = units, all = units, most = link_units(e);

	for (unsigned i = 0; i < e->worker_count; i++) {
		own += __atomic_load_n(&vnet->local[i].on_wire, __ATOMIC_RELAXED);
		all += __atomic_load_n(&e->workers[i]->on_wire, __ATOMIC_RELAXED);
	}
	return all <= most && own <= 2 * (most - all);
}

static void link_arrive(struct worker *w, struct rte_mbuf *m, struct port *far)
{
	pkt(m)->port = far;
	worker_work(w, far->vnet, WORK_SLOW);
	graph_to(w, GRAPH_WIRE_RX, m);
}

/* Until it is due. */
static void link_hold(struct worker *w, struct rte_mbuf *m, struct port *out, uint64_t due)
{
	struct vnet_local *vnet = &out->vnet->local[w->index];
	uint32_t units = frame_units(w, m);
	struct port *far = port_far(out);

	if ((int64_t)(w->now - due) >= 0 && far) {
		link_arrive(w, m, far);
		return;
	}
	if (!link_room(w, out->vnet, units) || !calendar_add(w->calendar, m, due)) {
		port_drop(out, w->index, m, DP_DROP_LINK_FULL);
		return;
	}
	pkt_name(m, out);
	out->local[w->index].on_wire++;
	vnet->on_wire += units;
	w->on_wire += units;
}

/* A bit behind the Ethernet header, if there is one. */
static void link_corrupt(struct rte_mbuf *m, uint64_t bit)
{
	uint8_t *data = rte_pktmbuf_mtod(m, uint8_t *) + sizeof(struct rte_ether_hdr);
	uint32_t len = m->data_len - (uint32_t)sizeof(struct rte_ether_hdr);

	bit %= (uint64_t)len * 8;
	data[bit / 8] ^= (uint8_t)(1 << bit % 8);
}

static void link_cross(struct worker *w, struct rte_mbuf *m, struct port *out, struct impair *im)
{
	struct port_local *local = &out->local[w->index];
	struct impair_fate fate;
	struct rte_mbuf *copy;

	rte_spinlock_lock(&im->lock);
	impair_pass(im, m->pkt_len, w->now, &fate);
	rte_spinlock_unlock(&im->lock);
	if (!fate.count) {
		port_drop(out, w->index, m, fate.full ? DP_DROP_LINK_FULL : DP_DROP_LOSS);
		return;
	}
	copy = fate.count == 2 ? offload_copy(w->engine, m) : NULL;
	local->duplicated += copy != NULL;
	if (fate.corrupt && m->data_len > sizeof(struct rte_ether_hdr)) {
		link_corrupt(m, fate.bit);
		local->corrupted++;
	}
	local->reordered += fate.reordered;
	link_hold(w, m, out, fate.due[0]);
	if (copy)
		link_hold(w, copy, out, fate.due[1]);
}

void impair_run(struct worker *w, struct rte_mbuf **pkts, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *m = pkts[i];
		struct port *out = pkt(m)->out;
		struct impair *im = RD(out->impair);

		if (unlikely(!im)) { /* it has ended since wire_tx looked */
			graph_to(w, GRAPH_WIRE_TX, m);
		} else if (unlikely(m->ol_flags)) { /* links carry frames, one by one */
			segment(w, m, impair_run);
		} else {
			wire_sent(w, m, out);
			link_cross(w, m, out, im);
		}
	}
}

/* It is under way no more. Its port; NULL: that is gone, and so is the frame. */
static struct port *link_let_go(struct worker *w, struct rte_mbuf *m)
{
	uint32_t handle = pkt(m)->vnet_handle, units = frame_units(w, m);
	struct port *out = port_by_handle(w->engine, pkt(m)->handle);
	struct vnet *vnet = RD(w->engine->vnets[handle & 0xffff]);

	w->on_wire -= units;
	if (vnet && vnet->handle == handle)
		vnet->local[w->index].on_wire -= units;
	if (out) {
		out->local[w->index].on_wire--;
		return out;
	}
	pkt_gone(w->engine, m, w->index);
	rte_pktmbuf_free(m);
	return NULL;
}

unsigned impair_release(struct worker *w)
{
	struct rte_mbuf *pkts[BURST];
	unsigned all = 0, n = BURST;

	for (unsigned b = 0; b < RELEASE_BURSTS && n == BURST; b++) {
		n = calendar_take(w->calendar, w->now, pkts, BURST);
		for (unsigned i = 0; i < n; i++) {
			struct port *out = link_let_go(w, pkts[i]), *far = out ? port_far(out) : NULL;

			if (far)
				link_arrive(w, pkts[i], far);
			else if (out)
				port_drop(out, w->index, pkts[i], DP_DROP_LOSS);
		}
		if (n)
			worker_forward(w, false);
		all += n;
	}
	return all;
}

static bool is_of_none(void *arg, struct rte_mbuf *m)
{
	struct worker *w = arg;

	if (port_by_handle(w->engine, pkt(m)->handle))
		return false;
	link_let_go(w, m);
	return true;
}

void impair_weed(struct worker *w, void *arg)
{
	calendar_weed(w->calendar, is_of_none, w);
}
