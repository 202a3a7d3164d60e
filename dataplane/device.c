/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/device_priv.h"

#include "base/log.h"
#include "dataplane/egress_priv.h"
#include "dataplane/engine_priv.h"
#include "dataplane/graph_priv.h"

#include <errno.h>
#include <rte_dev.h>
#include <rte_ethdev.h>
#include <stdlib.h>
#include <string.h>

enum { DESCRIPTORS = 512 };

bool device_any(const struct engine *e)
{
	for (unsigned i = 0; i < DEVICES_MAX; i++)
		if (RD(e->devices[i]))
			return true;
	return false;
}

bool device_up(const struct device *dev)
{
	return dev && RD(dev->up);
}

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

/* All from one port, if they are as they should be. */
static bool device_receive_all(struct worker *w, struct device *dev, struct rte_mbuf **pkts,
			       unsigned n)
{
	const struct rte_mempool *small = w->engine->small;
	struct port *port = RD(dev->slice[0]);
	struct fast_rx *rx = &w->fast.rx;
	uint64_t odd = 0;

	if (unlikely(!port || RD(port->mode) & PORT_DOWN))
		return false;
	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *m = pkts[i];

		odd |= (uint64_t)(m->nb_segs ^ 1) | (uint64_t)(rte_mbuf_refcnt_read(m) ^ 1) |
		       m->ol_flags | ((uintptr_t)m->pool ^ (uintptr_t)small);
		rx->m[i] = m;
		rx->data[i] = rte_pktmbuf_mtod(m, uint8_t *);
		rx->len[i] = m->pkt_len;
		rx->from[i] = port;
	}
	if (unlikely(odd))
		return false;
	rx->count = n;
	worker_burst(w, true);
	return true;
}

static unsigned device_poll(struct worker *w, struct device *dev)
{
	struct rte_mbuf *pkts[BURST];
	unsigned n = rte_eth_rx_burst(dev->ethdev, 0, pkts, BURST);
	bool one = !RD(dev->sliced);
	struct device_tx *own = &dev->tx[w->index];

	own->full = n == BURST ? own->full + 1 : 0;
	if (!n)
		return 0;
	if (one && device_receive_all(w, dev, pkts, n))
		return n;

	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *m = device_normal(w->engine, pkts[i]);
		struct port *port = m ? device_demux(dev, m) : NULL;

		if (unlikely(!port || RD(port->mode) & PORT_DOWN)) {
			if (port)
				counters_of(w, port)->drops[DP_DROP_PORT_DOWN]++;
			else
				dev->strangers++;
			rte_pktmbuf_free(m);
			continue;
		}
		m->ol_flags = 0;
		rte_prefetch0(RD(port->peer));
		fast_receive(&w->fast.rx, m, port);
	}
	worker_burst(w, one);
	return n;
}

unsigned device_poll_all(struct worker *w)
{
	unsigned n = 0;

	for (unsigned i = w->index; i < DEVICES_MAX; i += w->engine->worker_count) {
		struct device *dev = RD(w->engine->devices[i]);

		if (dev)
			n += device_poll(w, dev);
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

static void device_flush(struct worker *w, struct device *dev)
{
	struct device_tx *tx = &dev->tx[w->index];
	unsigned n = tx->count, done = 0, more;

	do { /* drivers may have a limit of their own */
		more = rte_eth_tx_burst(dev->ethdev, (uint16_t)w->index, tx->pkts + done,
					(uint16_t)(n - done));
		done += more;
	} while (more && done < n);
	tx->count = 0;
	for (unsigned i = done; i < n; i++)
		device_lost(w, tx->ports[i], tx->pkts[i],
			    RD(dev->up) ? DP_DROP_BACKING_FULL : DP_DROP_NO_BACKING);
}

void device_tx(struct worker *w, struct device *dev, struct port *port, struct rte_mbuf *const *m,
	       unsigned n)
{
	struct device_tx *tx = &dev->tx[w->index];
	uint16_t vlan = (uint16_t)RD(port->vlan);
	unsigned count = tx->count;

	if (RD(tx->sched)) {
		egress_queue(w, dev, port, m, n);
		return;
	}
	/* The port is charged before the driver owns them, and what it does not take is taken
	 * from that again. */
	counters_of(w, port)->punted += n;
	for (unsigned i = 0; i < n; i++) {
		if (vlan && unlikely(!device_tag(m[i], vlan))) {
			device_lost(w, port, m[i], DP_DROP_NO_MEMORY);
			continue;
		}
		tx->pkts[count] = m[i];
		tx->ports[count++] = port;
	}
	tx->count = count;
	if (count >= BURST)
		device_flush(w, dev);
}

/* Few drivers tell how full their queues are. One that has had a full burst for us so often has
 * not been empty since; as many frames again do not wait for long without loss. */
bool device_overflows(const struct worker *w)
{
	for (unsigned i = w->index; i < DEVICES_MAX; i += w->engine->worker_count) {
		const struct device *dev = RD(w->engine->devices[i]);

		if (dev && !dev->endless && dev->tx[w->index].full * BURST >= DESCRIPTORS)
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

void device_watch(struct engine *e)
{
	for (unsigned i = 0; i < DEVICES_MAX; i++) {
		struct device *dev = e->devices[i];
		struct rte_eth_link link;

		if (!dev)
			continue;
		if (rte_eth_link_get_nowait(dev->ethdev, &link) == 0)
			WR(dev->up, link.link_status);
		if (RD(dev->strangers) != dev->reported) {
			log_warn("%s: %lu frames so far of no port's VLAN, or too big", dev->devargs,
				 (unsigned long)RD(dev->strangers));
			dev->reported = RD(dev->strangers);
		}
	}
}

static int device_start(struct engine *e, struct device *dev)
{
	struct rte_eth_conf conf = { 0 };
	uint16_t rx = DESCRIPTORS, tx = DESCRIPTORS;
	int rc = rte_eth_dev_configure(dev->ethdev, 1, (uint16_t)e->worker_count, &conf);

	if (!rc)
		rc = rte_eth_dev_adjust_nb_rx_tx_desc(dev->ethdev, &rx, &tx);
	/* Jumbo frames come in chains where the driver can, and are joined in device_normal(). */
	if (!rc)
		rc = rte_eth_rx_queue_setup(dev->ethdev, 0, rx, SOCKET_ID_ANY, NULL, e->small);
	for (unsigned i = 0; !rc && i < e->worker_count; i++)
		rc = rte_eth_tx_queue_setup(dev->ethdev, (uint16_t)i, tx, SOCKET_ID_ANY, NULL);
	if (!rc)
		rc = rte_eth_dev_start(dev->ethdev);
	if (!rc)
		rte_eth_promiscuous_enable(dev->ethdev); /* a virtual device may know no other way */
	return rc;
}

static void device_free(struct engine *e, void *arg)
{
	struct device *dev = arg;
	struct rte_eth_dev_info info;
	struct rte_device *bus = rte_eth_dev_info_get(dev->ethdev, &info) ? NULL : info.device;

	for (unsigned w = 0; w < WORKERS_MAX; w++)
		rte_pktmbuf_free_bulk(dev->tx[w].pkts, dev->tx[w].count);
	egress_free(dev);
	rte_eth_dev_stop(dev->ethdev);
	rte_eth_dev_close(dev->ethdev);
	if (bus)
		rte_dev_remove(bus);
	free(dev);
}

static int device_open(struct engine *e, const char *devargs, struct device **out, struct err *err)
{
	struct rte_dev_iterator iter;
	struct device *dev;
	unsigned at = 0;
	int rc;

	while (at < DEVICES_MAX && e->devices[at])
		at++;
	if (at == DEVICES_MAX)
		return err_set(err, -ENOSPC, "%s: all %d devices are in use", devargs, DEVICES_MAX);
	dev = calloc(1, sizeof(*dev));
	if (!dev)
		return err_set(err, -ENOMEM, "%s: out of memory", devargs);
	snprintf(dev->devargs, sizeof(dev->devargs), "%s", devargs);
	dev->endless = strstr(devargs, "infinite_rx=1");
	rc = rte_dev_probe(devargs);
	if (rc < 0) {
		free(dev);
		return err_sys(err, rc, "%s: no such device, or it does not open", devargs);
	}
	dev->ethdev = RTE_MAX_ETHPORTS;
	RTE_ETH_FOREACH_MATCHING_DEV(dev->ethdev, devargs, &iter) {
		rte_eth_iterator_cleanup(&iter);
		break;
	}
	if (dev->ethdev == RTE_MAX_ETHPORTS) {
		free(dev);
		return err_set(err, -ENODEV, "%s: not an Ethernet device", devargs);
	}
	rc = device_start(e, dev);
	if (rc) {
		device_free(e, dev);
		return err_sys(err, rc, "%s: the device does not start", devargs);
	}
	WR(dev->up, 1); /* until device_watch() knows better */
	WR(e->devices[at], dev);
	for (unsigned i = 0; i < e->worker_count; i++)
		worker_wake(e->workers[i]); /* from now on it must look by itself */
	*out = dev;
	return 0;
}

bool device_serves(const struct port *port, const char *devargs, uint16_t vlan)
{
	return port->dev && port->vlan == vlan && !strcmp(port->dev->devargs, devargs);
}

/* The last reference gone: no worker may look at it once this returns and readers were quiescent. */
static void device_put(struct engine *e, struct device *dev)
{
	if (--dev->refs)
		return;
	for (unsigned i = 0; i < DEVICES_MAX; i++)
		if (e->devices[i] == dev)
			WR(e->devices[i], NULL);
	engine_defer(e, device_free, dev);
}

int device_attach(struct engine *e, struct port *port, const char *devargs, uint16_t vlan,
		  struct err *err)
{
	struct device *dev = NULL;
	int rc;

	device_detach(e, port);
	engine_reclaim(e); /* so that a device that has just been let go can be opened again */
	for (unsigned i = 0; i < DEVICES_MAX && !dev; i++)
		if (e->devices[i] && !strcmp(e->devices[i]->devargs, devargs))
			dev = e->devices[i];
	if (dev && dev->slice[vlan])
		return err_set(err, -EEXIST, "%s: VLAN %u of %s is another port's", port->name, vlan,
			       devargs);
	if (!dev) {
		rc = device_open(e, devargs, &dev, err);
		if (rc)
			return err_prefix(err, rc, "%s", port->name);
	}
	dev->refs++;
	if (vlan)
		WR(dev->sliced, dev->sliced + 1);
	WR(port->vlan, vlan);
	WR(port->dev, dev);
	WR(dev->slice[vlan], port);
	return 0;
}

void device_detach(struct engine *e, struct port *port)
{
	struct device *dev = port->dev;

	if (!dev)
		return;
	WR(dev->slice[port->vlan], NULL);
	egress_clear(e, port);
	if (port->vlan)
		WR(dev->sliced, dev->sliced - 1);
	WR(port->dev, NULL);
	device_put(e, dev);
}
