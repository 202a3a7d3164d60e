/* SPDX-License-Identifier: Apache-2.0 */
/* The workers' side of devices: bursts from them, and to them. */
#include "dataplane/device_priv.h"

#include "dataplane/device_pairs_priv.h"
#include "dataplane/egress_priv.h"
#include "dataplane/engine_priv.h"
#include "dataplane/graph_priv.h"
#include "dataplane/share_priv.h"

#include <rte_ethdev.h>
#include <string.h>

enum { GATHER = 8 }; /* bursts from a device in a round, while vnets are limited */

/* Takes the tag off. 0: there was none. */
static uint16_t device_untag(struct rte_mbuf *m)
{
	uint8_t *data = rte_pktmbuf_mtod(m, uint8_t *);
	uint64_t macs;
	uint32_t rest;
	uint16_t type, tci;

	memcpy(&type, data + 12, sizeof(type));
	if (type != RTE_BE16(RTE_ETHER_TYPE_VLAN) ||
	    m->data_len < sizeof(struct rte_ether_hdr) + sizeof(struct rte_vlan_hdr))
		return 0;
	memcpy(&tci, data + 14, sizeof(tci));
	memcpy(&macs, data, sizeof(macs));
	memcpy(&rest, data + 8, sizeof(rest));
	rte_pktmbuf_adj(m, sizeof(struct rte_vlan_hdr));
	memcpy(data + 4, &macs, sizeof(macs));
	memcpy(data + 12, &rest, sizeof(rest));
	return rte_be_to_cpu_16(tci) & 0xfff;
}

/* Which port a frame is for; takes the tag off. NULL: none. */
static inline struct port *device_demux(struct device *dev, struct rte_mbuf *m)
{
	uint16_t vlan = 0;

	if (!RD(dev->sliced)) { /* whole: tags are the port's own */
		if (unlikely(m->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) && rte_vlan_insert(&m) < 0)
			return NULL;
		return RD(dev->slice[0]);
	}
	if (m->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED)
		vlan = m->vlan_tci & 0xfff;
	else if (m->data_len >= sizeof(struct rte_ether_hdr))
		vlan = device_untag(m);
	return RD(dev->slice[vlan]);
}

/* As every node wants a packet: one segment, ours alone, with the private area. */
static inline struct rte_mbuf *device_normal(struct engine *e, struct rte_mbuf *m)
{
	struct rte_mbuf *copy = NULL;

	if (likely(m->nb_segs == 1 && rte_mbuf_refcnt_read(m) == 1 && RTE_MBUF_DIRECT(m) &&
		   (m->pool == e->small || m->pool == e->jumbo)))
		return m;
	if (m->pkt_len <= FRAME_MAX)
		copy = rte_pktmbuf_copy(m, m->pkt_len <= FRAME_SMALL ? e->small : e->jumbo, 0,
					UINT32_MAX);
	rte_pktmbuf_free(m);
	return copy;
}

/* All from one port, n in rx->m, if they are as they should be. */
static bool device_receive_all(struct worker *w, struct device *dev, unsigned n)
{
	const struct rte_mempool *small = w->engine->small;
	struct port *port = RD(dev->slice[0]);
	struct fast_rx *rx = &w->fast.rx;
	uint64_t odd = 0;

	if (unlikely(!port || RD(port->mode) & PORT_DOWN))
		return false;
	for (unsigned i = 0; i < n; i++) {
		const struct rte_mbuf *m = rx->m[i];
		uint64_t rearm; /* data_off, refcnt, nb_segs, port: one load */

		memcpy(&rearm, &m->rearm_data, sizeof(rearm));
		odd |= (uint32_t)(rearm >> 16) ^ 0x10001;
		odd |= m->ol_flags | ((uintptr_t)m->pool ^ (uintptr_t)small);
		rx->data[i] = (uint8_t *)m->buf_addr + (uint16_t)rearm;
		rx->len[i] = m->pkt_len;
	}
	if (unlikely(odd))
		return false;
	rx->from[0] = port;
	rx->count = n;
	worker_burst(w, true);
	return true;
}

/* n more in rx->m, which become fewer. What the next loop looks at of ports is asked for
 * beforehand. */
static void device_receive_each(struct worker *w, struct device *dev, unsigned n)
{
	struct fast_rx *rx = &w->fast.rx;
	unsigned at = rx->count, known = at;

	for (unsigned i = at; i < at + n; i++) {
		struct rte_mbuf *m = device_normal(w->engine, rx->m[i]);
		struct port *port = m ? device_demux(dev, m) : NULL;

		if (unlikely(!port)) {
			dev->strangers++;
			rte_pktmbuf_free(m);
			continue;
		}
		m->ol_flags = 0;
		rte_prefetch0(port);
		rte_prefetch0(counters_of(w, port));
		rx->m[known] = m;
		rx->from[known++] = port;
	}
	for (unsigned i = at; i < known; i++) {
		struct port *port = rx->from[i];

		if (unlikely(RD(port->mode) & PORT_DOWN)) {
			counters_of(w, port)->drops[DP_DROP_PORT_DOWN]++;
			rte_pktmbuf_free(rx->m[i]);
			continue;
		}
		rte_prefetch0(RD(port->peer));
		rte_prefetch0(&port->vnet->local[w->index].work);
		fast_receive(rx, rx->m[i], port);
	}
}

/* What is dropped right away is taken from the device ahead of its turn: the others' packets wait
 * behind it, and what passes is forwarded in full bursts. */
static unsigned device_gather(struct worker *w, struct device *dev, uint16_t queue, bool *full)
{
	struct fast_rx *rx = &w->fast.rx;
	unsigned all = 0, bursts = 0, at, n;

	do {
		at = rx->count;
		n = rte_eth_rx_burst(dev->ethdev, queue, rx->m + at, (uint16_t)(BURST - at));
		device_receive_each(w, dev, n);
		worker_admit(w, at, false);
		all += n;
	} while (n == BURST - at && rx->count <= BURST / 2 && ++bursts < GATHER);
	*full |= n == BURST - at;
	worker_forward(w, false);
	return all;
}

static unsigned device_poll(struct worker *w, struct device *dev, uint16_t queue, bool *full)
{
	struct fast_rx *rx = &w->fast.rx;
	bool one = !RD(dev->sliced);
	unsigned n;

	if (unlikely(w->share->limiting))
		return device_gather(w, dev, queue, full);
	n = rte_eth_rx_burst(dev->ethdev, queue, rx->m, BURST);
	*full |= n == BURST;
	if (!n)
		return 0;
	if (one && device_receive_all(w, dev, n))
		return n;

	device_receive_each(w, dev, n);
	worker_burst(w, one);
	return n;
}

unsigned device_poll_all(struct worker *w)
{
	unsigned n = 0;

	for (unsigned i = w->index; i < DEVICES_MAX; i += w->engine->worker_count) {
		struct device *dev = RD(w->engine->devices[i]);
		bool full = false;

		if (!dev)
			continue;
		for (uint16_t q = 0; q < dev->rx_queues; q++)
			n += device_poll(w, dev, q, &full);
		dev->tx[w->index].full = full ? dev->tx[w->index].full + 1 : 0;
	}
	return n;
}

void device_lost(struct worker *w, struct port *port, struct rte_mbuf *m, enum dp_drop why)
{
	struct counters *c = counters_of(w, port);

	c->punted--;
	c->drops[why]++;
	rte_pktmbuf_free(m);
}

unsigned device_burst(struct device *dev, uint16_t queue, struct rte_mbuf **pkts, unsigned n)
{
	unsigned done = 0, more;

	do { /* drivers may have a limit of their own */
		more = rte_eth_tx_burst(dev->ethdev, queue, pkts + done, (uint16_t)(n - done));
		done += more;
	} while (more && done < n);
	return done;
}

void device_flush(struct worker *w, struct device *dev)
{
	struct device_tx *tx = &dev->tx[w->index];
	const struct device_run *run = tx->runs;
	unsigned n = tx->count, done = 0;

	if (dev->tx_shared)
		rte_spinlock_lock(&dev->tx_lock);
	if (unlikely(dev->rx_queues > 1))
		device_spread(dev, tx->pkts, n);
	else
		done = device_burst(dev, (uint16_t)(w->index % dev->tx_queues), tx->pkts, n);
	if (dev->tx_shared)
		rte_spinlock_unlock(&dev->tx_lock);
	tx->count = tx->run_count = 0;
	for (unsigned i = done; i < n; i++) {
		while (run->end <= i)
			run++;
		if (!tx->pkts[i]) /* taken */
			continue;
		device_lost(w, run->port, tx->pkts[i],
			    RD(dev->up) ? DP_DROP_BACKING_FULL : DP_DROP_NO_BACKING);
	}
}

void device_tx(struct worker *w, struct device *dev, struct port *port, struct rte_mbuf *const *m,
	       unsigned n)
{
	uint16_t vlan = (uint16_t)RD(port->vlan);

	if (RD(dev->tx[w->index].sched)) {
		egress_queue(w, dev, port, m, n);
		return;
	}
	for (unsigned i = 0; i < n; i++) {
		if (vlan && unlikely(!device_tag(m[i], vlan))) {
			counters_of(w, port)->drops[DP_DROP_NO_MEMORY]++;
			rte_pktmbuf_free(m[i]);
			continue;
		}
		device_send(w, dev, port, m + i, 1);
	}
}

/* Few drivers tell how full their queues are. One that has had a full burst for us so often has
 * not been empty since. */
bool device_overflows(const struct worker *w, unsigned packets)
{
	for (unsigned i = w->index; i < DEVICES_MAX; i += w->engine->worker_count) {
		const struct device *dev = RD(w->engine->devices[i]);

		if (dev && !dev->endless && dev->tx[w->index].full * BURST >= packets)
			return true;
	}
	return false;
}

bool device_flush_all(struct worker *w)
{
	bool more = false;

	for (unsigned i = 0; i < DEVICES_MAX; i++) {
		struct device *dev = RD(w->engine->devices[i]);

		if (!dev)
			continue;
		if (RD(dev->tx[w->index].sched))
			more |= egress_run(w, dev);
		if (dev->tx[w->index].count)
			device_flush(w, dev);
	}
	return more;
}
