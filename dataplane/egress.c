/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/egress_priv.h"

#include "dataplane/capture_priv.h"
#include "dataplane/ip_priv.h"
#include "dataplane/sched_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <rte_cycles.h>

enum {
	EGRESS_FLOWS = 64,    /* queues of a vnet */
	EGRESS_LIMIT = 12288, /* packets of a device, of 32768 buffers */
	EGRESS_OVERHEAD = 24, /* bytes of a frame: preamble, check sequence, gap (IEEE 802.3) */
};

static_assert(EGRESS_LIMIT >= 2 * DEVICE_VNETS, "as sched_priv.h wants it");

/* A worker's part of a rate. */
static uint64_t egress_part(const struct engine *e, uint64_t rate)
{
	uint64_t part = rate / e->worker_count;

	return rate && part < SCHED_RATE_MIN ? SCHED_RATE_MIN : part;
}

static void egress_drop(void *arg, struct rte_mbuf *m, enum sched_drop why)
{
	static const enum dp_drop names[SCHED_DROPS] = {
		[SCHED_DROP_OVERLIMIT] = DP_DROP_QUEUE_FULL,
		[SCHED_DROP_CODEL] = DP_DROP_QUEUE_DELAY,
		[SCHED_DROP_GONE] = DP_DROP_NO_BACKING,
	};
	struct worker *w = arg;

	pkt_drop(w->engine, w->index, m, names[why]);
}

/* What a worker does between two rounds, its scheduler being its own. */
struct egress_order {
	struct device *dev;
	unsigned index;
	bool gone;
	struct sched_vnet_conf conf;
	uint64_t rate;
};

static void egress_obey(struct worker *w, void *arg)
{
	const struct egress_order *o = arg;
	struct sched *s = o->dev->tx[w->index].sched;

	sched_rate_set(s, o->rate, w->now);
	if (o->gone)
		sched_vnet_del(s, o->index);
	else
		sched_vnet_set(s, o->index, &o->conf, w->now);
}

/* What the vnet of this index is to get now. */
static struct egress_order egress_order(struct engine *e, struct device *dev, unsigned index)
{
	const struct vnet *vnet = dev->vnets[index];
	struct egress_order order = { .dev = dev, .index = index, .gone = true,
				      .rate = egress_part(e, dev->rate) };
	bool no_ceiling = false;

	order.conf.weight = vnet ? vnet->weight : 1;
	for (unsigned i = 0; i < DEVICE_VLANS; i++) {
		const struct port *port = dev->slice[i];

		if (!port || port->vnet != vnet)
			continue;
		order.gone = false;
		no_ceiling |= !port->ceiling;
		order.conf.guarantee += port->guarantee;
		order.conf.ceiling += port->ceiling;
	}
	order.conf.guarantee = egress_part(e, order.conf.guarantee);
	order.conf.ceiling = no_ceiling ? 0 : egress_part(e, order.conf.ceiling);
	return order;
}

static void egress_apply(struct engine *e, struct device *dev, unsigned index)
{
	struct egress_order order = egress_order(e, dev, index);

	for (unsigned i = 0; i < e->worker_count && dev->rate; i++)
		worker_call(e->workers[i], egress_obey, &order);
}

/* A scheduler for each worker, which sees it once it knows all vnets. */
static int egress_open(struct engine *e, struct device *dev, struct err *err)
{
	struct sched *s[WORKERS_MAX] = { 0 };
	int rc = 0;

	for (unsigned i = 0; i < e->worker_count && !rc; i++) {
		struct sched_conf conf = { .hz = e->workers[i]->hz,
					   .rate = egress_part(e, dev->rate),
					   .overhead = EGRESS_OVERHEAD, .limit = EGRESS_LIMIT,
					   .vnets = DEVICE_VNETS, .flows = EGRESS_FLOWS,
					   .drop = egress_drop, .ctx = e->workers[i] };

		rc = sched_create(&conf, &s[i]);
		for (unsigned k = 0; k < DEVICE_VNETS && !rc; k++) {
			struct egress_order order = { 0 };

			if (!dev->vnets[k])
				continue;
			order = egress_order(e, dev, k);
			rc = sched_vnet_set(s[i], k, &order.conf, rte_rdtsc());
		}
	}
	for (unsigned i = 0; i < e->worker_count; i++) {
		if (rc)
			sched_destroy(s[i]);
		else
			WR(dev->tx[i].sched, s[i]);
	}
	return rc ? err_sys(err, rc, "a scheduler for %s", dev->devargs) : 0;
}

static unsigned egress_index(const struct device *dev, const struct vnet *vnet)
{
	unsigned index = 0;

	while (index < DEVICE_VNETS && dev->vnets[index] != vnet)
		index++;
	return index;
}

static int egress_check(const struct port *port, const struct dp_port *rec, uint64_t rate,
			struct err *err)
{
	const struct device *dev = port->dev;
	uint64_t others = 0;

	if ((rec->guarantee || rec->ceiling) && !rate)
		return err_set(err, -EINVAL, "port %s: a guarantee or ceiling needs the rate of %s",
			       rec->name, dev->devargs);
	if ((rec->rate && rec->rate < SCHED_RATE_MIN) ||
	    (rec->guarantee && rec->guarantee < SCHED_RATE_MIN) ||
	    (rec->ceiling && rec->ceiling < SCHED_RATE_MIN))
		return err_set(err, -EINVAL, "port %s: rates are %d bits a second or more", rec->name,
			       SCHED_RATE_MIN);
	if (rec->ceiling && rec->ceiling < rec->guarantee)
		return err_set(err, -EINVAL, "port %s: its ceiling is below its guarantee",
			       rec->name);
	for (unsigned i = 0; i < DEVICE_VLANS; i++)
		if (dev->slice[i] && dev->slice[i] != port)
			others += dev->slice[i]->guarantee;
	if (others > rate || rec->guarantee > rate - others)
		return err_set(err, -ENOSPC,
			       "port %s: %s has %" PRIu64 " of %" PRIu64
			       " bits a second left to guarantee, not %" PRIu64,
			       rec->name, dev->devargs, rate > others ? rate - others : 0, rate,
			       rec->guarantee);
	return 0;
}

int egress_set(struct engine *e, struct port *port, const struct dp_port *rec, struct err *err)
{
	struct device *dev = port->dev;
	uint64_t rate = rec->rate ? rec->rate : dev->rate;
	unsigned index;
	int rc = egress_check(port, rec, rate, err);

	if (rc)
		return rc;
	index = egress_index(dev, port->vnet);
	if (index == DEVICE_VNETS)
		index = egress_index(dev, NULL);
	if (index == DEVICE_VNETS)
		return err_set(err, -ENOSPC, "port %s: more than %d vnets on %s", rec->name,
			       DEVICE_VNETS, dev->devargs);
	dev->vnets[index] = port->vnet;
	WR(port->egress, index);
	port->guarantee = rec->guarantee;
	port->ceiling = rec->ceiling;
	dev->rate = rate;
	if (rate && !dev->tx[0].sched) {
		rc = egress_open(e, dev, err);
		if (rc)
			dev->rate = 0;
		return rc;
	}
	egress_apply(e, dev, index);
	return 0;
}

void egress_clear(struct engine *e, struct port *port)
{
	struct device *dev = port->dev;
	unsigned index = egress_index(dev, port->vnet);
	bool last = true;

	port->guarantee = port->ceiling = 0;
	if (index == DEVICE_VNETS)
		return;
	egress_apply(e, dev, index);
	for (unsigned i = 0; i < DEVICE_VLANS; i++)
		last &= !dev->slice[i] || dev->slice[i]->vnet != port->vnet;
	if (last)
		dev->vnets[index] = NULL;
}

void egress_weigh(struct engine *e, struct vnet *vnet)
{
	for (unsigned i = 0; i < DEVICES_MAX; i++) {
		struct device *dev = e->devices[i];
		unsigned index = dev ? egress_index(dev, vnet) : DEVICE_VNETS;

		if (index < DEVICE_VNETS)
			egress_apply(e, dev, index);
	}
}

void egress_free(struct device *dev)
{
	for (unsigned i = 0; i < WORKERS_MAX; i++)
		sched_destroy(dev->tx[i].sched);
}

/* The delay that `share` of all packets stay below, as far as the buckets tell. */
static uint64_t egress_delay(const struct sched *s, const uint64_t *delay, double share)
{
	uint64_t all = 0, sum = 0;
	unsigned b = 0;

	for (unsigned i = 0; i < SCHED_DELAYS; i++)
		all += delay[i];
	for (; b < SCHED_DELAYS - 1; b++) {
		sum += delay[b];
		if ((double)sum >= share * (double)all)
			break;
	}
	return all ? sched_delay_bound(s, b < SCHED_DELAYS - 1 ? b : SCHED_DELAYS - 2) : 0;
}

void egress_stats(const struct engine *e, const struct port *port, struct dp_port_stats *out)
{
	static const double shares[DP_DELAY_COUNT] = { 0.5, 0.99, 0.999 };
	const struct device *dev = port->dev;
	uint64_t delay[SCHED_DELAYS] = { 0 };
	struct sched_stats stats;

	if (!dev || !dev->rate)
		return;
	out->state |= DP_PORT_SHARED;
	for (unsigned i = 0; i < e->worker_count; i++) {
		sched_vnet_stats(dev->tx[i].sched, port->egress, &stats);
		out->queued += stats.queued;
		out->marked += stats.marked;
		for (unsigned b = 0; b < SCHED_DELAYS; b++)
			delay[b] += stats.delay[b];
	}
	for (unsigned i = 0; i < DP_DELAY_COUNT; i++)
		out->delay_ns[i] = (uint64_t)((double)egress_delay(dev->tx[0].sched, delay, shares[i]) *
					      1e9 / (double)e->workers[0]->hz);
}

uint32_t egress_hash(const struct rte_mbuf *m)
{
	const uint8_t *data = rte_pktmbuf_mtod(m, const uint8_t *);
	uint32_t len = m->data_len;
	uint64_t words[4], h = 0;
	uint32_t ports = 0;

	if (len >= 38 && data[12] == 8 && data[13] == 0) {
		memcpy(words, data + 26, 8);
		if (data[14] == 0x45 && !((data[20] & 0x3f) | data[21]))
			memcpy(&ports, data + 34, sizeof(ports));
		h = flow_mix(flow_mix(h, words[0]), (uint64_t)data[23] << 32 | ports);
	} else if (len >= 58 && data[12] == 0x86 && data[13] == 0xdd) {
		memcpy(words, data + 22, sizeof(words));
		if (data[20] == IPPROTO_TCP || data[20] == IPPROTO_UDP)
			memcpy(&ports, data + 54, sizeof(ports));
		for (unsigned i = 0; i < 4; i++)
			h = flow_mix(h, words[i]);
		h = flow_mix(h, (uint64_t)data[20] << 32 | ports);
	}
	return (uint32_t)(h >> 32);
}

void egress_queue(struct worker *w, struct device *dev, struct port *port,
		  struct rte_mbuf *const *m, unsigned n)
{
	struct rte_mbuf *pkts[BURST];
	uint32_t hashes[BURST];
	uint16_t vnets[BURST], index = (uint16_t)RD(port->egress), vlan = (uint16_t)RD(port->vlan);
	unsigned count = 0;

	for (unsigned i = 0; i < n; i++) {
		hashes[count] = egress_hash(m[i]);
		if (vlan && unlikely(!device_tag(m[i], vlan))) {
			port_drop(port, w->index, m[i], DP_DROP_NO_MEMORY);
			continue;
		}
		pkt_name(m[i], port);
		vnets[count] = index;
		pkts[count++] = m[i];
	}
	sched_enqueue(dev->tx[w->index].sched, pkts, vnets, hashes, count, w->now);
}

bool egress_run(struct worker *w, struct device *dev)
{
	struct device_tx *tx = &dev->tx[w->index];
	struct rte_mbuf *pkts[BURST];
	unsigned n = sched_dequeue(tx->sched, pkts, BURST, w->now);

	for (unsigned i = 0; i < n; i++) {
		struct port *port = port_by_handle(w->engine, pkt(pkts[i])->handle);

		if (unlikely(!port)) {
			pkt_drop(w->engine, w->index, pkts[i], DP_DROP_NO_BACKING);
			continue;
		}
		counters_of(w, port)->punted++;
		tx->pkts[tx->count] = pkts[i];
		tx->count++;
		device_charge(tx, port);
	}
	return n || sched_queued(tx->sched);
}
