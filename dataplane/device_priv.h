/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPLANE_DEVICE_PRIV_H
#define DATAPLANE_DEVICE_PRIV_H

#include "dataplane/worker_priv.h"

#include <rte_ether.h>
#include <rte_spinlock.h>
#include <string.h>

/*
 * DPDK devices, opened by devargs when the first port names them and closed with the last one,
 * and their slices by VLAN: the tag is taken off what is received and put on what is sent.
 */
int device_attach(struct engine *e, struct port *port, const char *devargs, uint16_t vlan,
		  struct err *err);			  /* control thread */
void device_detach(struct engine *e, struct port *port); /* control thread */
bool device_serves(const struct port *port, const char *devargs, uint16_t vlan);
bool device_up(const struct device *dev);  /* its link, when last looked at */
void device_watch(struct engine *e);	   /* control thread, now and then: link states, log */
bool device_any(const struct engine *e);

/* device_xdp.c: an interface of the kernel's by AF_XDP; control thread. */
bool device_is_xdp(const char *devargs);
int device_xdp_pool(struct device *dev); /* makes its buffers */
/* It has started, or has tried to. */
void device_xdp_opened(const struct engine *e, struct device *dev, bool started);
/* The driver has closed it. */
void device_xdp_closed(struct engine *e, struct device *dev);
/* It is one, and one has been closed just now: the kernel lets go of its queue some milliseconds later. */
bool device_xdp_closing(const struct engine *e, const char *devargs);

/* Worker's side. */
unsigned device_poll_all(struct worker *w); /* receives a burst of each device and forwards it */
/* One of them has been ahead of us for so many packets. */
bool device_overflows(const struct worker *w, unsigned packets);
bool device_flush_all(struct worker *w); /* whether there is more to send later */

enum { DEVICE_VLANS = 4096, DEVICE_VNETS = 1024, DEVICE_DESCRIPTORS = 512, DEVICE_PAIRS_MAX = 8,
       DEVICE_XDP_FDS = 8 };

struct sched;

/* Room for what two rounds of a node may add. */
struct device_tx {
	unsigned count, run_count;
	struct rte_mbuf *pkts[2 * BURST];
	struct device_run {
		struct port *port; /* charged for pkts from the last run's end to this one's */
		unsigned end;
	} runs[2 * BURST];
	unsigned full;		 /* rounds in a row with a burst that was all that was asked for */
	struct sched *sched;	 /* NULL: as fast as the driver takes them */
};

struct device {
	char devargs[128];
	uint16_t ethdev;
	uint16_t rx_queues; /* one, but for a guest's NIC with several pairs */
	uint16_t tx_queues;
	bool tx_shared; /* workers use the same queue */
	struct rte_mempool *pool; /* of a kernel's interface; else NULL: the engine's */
	unsigned xdp_count; /* what is open for a kernel's interface */
	int xdp_fds[DEVICE_XDP_FDS];
	uint32_t pairs; /* a bit for each that a guest receives on, of those with several pairs */
	rte_spinlock_t tx_lock;
	bool endless; /* a file that is played for ever: never ahead of us */
	unsigned refs;
	uint32_t sliced;		  /* ports with a VLAN */
	struct port *slice[DEVICE_VLANS]; /* by VLAN, 0: untagged; RCU */
	uint32_t up;
	uint64_t rate;			  /* that is shared out, bits a second; 0: unknown */
	struct vnet *vnets[DEVICE_VNETS]; /* the schedulers' indices */
	uint64_t strangers, reported; /* frames of no slice, or without a buffer */
	struct device_tx tx[WORKERS_MAX];
};

/* Counts why a packet that port was charged for did not leave, and frees it. */
void device_lost(struct worker *w, struct port *port, struct rte_mbuf *m, enum dp_drop why);

/* Port is charged for what has just been added to tx, which is not nothing. */
static inline void device_charge(struct device_tx *tx, struct port *port)
{
	if (!tx->run_count || tx->runs[tx->run_count - 1].port != port)
		tx->runs[tx->run_count++].port = port;
	tx->runs[tx->run_count - 1].end = tx->count;
}

/* False: no room in front of the frame. */
static inline bool device_tag(struct rte_mbuf *m, uint16_t vlan)
{
	static const uint16_t tpid = RTE_BE16(RTE_ETHER_TYPE_VLAN);
	uint16_t tci = rte_cpu_to_be_16(vlan);
	uint8_t *to = (uint8_t *)rte_pktmbuf_prepend(m, sizeof(struct rte_vlan_hdr));
	uint64_t macs;
	uint32_t rest;

	if (unlikely(!to))
		return false;
	memcpy(&macs, to + 4, sizeof(macs));
	memcpy(&rest, to + 12, sizeof(rest));
	memcpy(to, &macs, sizeof(macs));
	memcpy(to + 8, &rest, sizeof(rest));
	memcpy(to + 12, &tpid, sizeof(tpid));
	memcpy(to + 14, &tci, sizeof(tci));
	return true;
}

/* The four bytes after the MACs of what VLAN vlan sends. */
static inline uint32_t device_vlan_tag(uint16_t vlan)
{
	return RTE_BE16(RTE_ETHER_TYPE_VLAN) | (uint32_t)rte_cpu_to_be_16(vlan) << 16;
}

/* Gives packets to a queue of the driver's; returns how many of them it has taken. */
unsigned device_burst(struct device *dev, uint16_t queue, struct rte_mbuf **pkts, unsigned n);

/* Gives what is in tx to the driver. */
void device_flush(struct worker *w, struct device *dev);

/* Sends n <= BURST packets that are as they are to be on the wire; not where a scheduler is. */
static inline void device_send(struct worker *w, struct device *dev, struct port *port,
			       struct rte_mbuf *const *m, unsigned n)
{
	struct device_tx *tx = &dev->tx[w->index];

	/* The port is charged before the driver owns them, and what it does not take is taken
	 * from that again. */
	counters_of(w, port)->punted += n;
	if (n == 1)
		tx->pkts[tx->count] = m[0];
	else
		memcpy(tx->pkts + tx->count, m, n * sizeof(*m));
	tx->count += n;
	device_charge(tx, port);
	if (tx->count >= BURST)
		device_flush(w, dev);
}

/* Sends n <= BURST packets, which have reached port from its wire, by the device behind the port. */
void device_tx(struct worker *w, struct device *dev, struct port *port, struct rte_mbuf *const *m,
	       unsigned n);

#endif
