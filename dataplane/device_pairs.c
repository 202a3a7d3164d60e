/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's NIC that has several pairs of queues, by net_vhost: all are received from; and a flow's
 * frames go to one of those pairs that the guest uses. */
#include "dataplane/device_pairs_priv.h"

#include "dataplane/egress_priv.h"

#include <errno.h>
#include <rte_eth_vhost.h>
#include <rte_ethdev.h>
#include <rte_pause.h>

static_assert(DEVICE_PAIRS_MAX <= 32, "bits of struct device's pairs");

/* On a thread of DPDK's: a ring was enabled or disabled, or the guest has come or gone. */
static int pairs_event(uint16_t ethdev, enum rte_eth_event_type what, void *arg, void *none)
{
	struct rte_eth_vhost_queue_event event;
	struct device *dev = arg;
	struct rte_eth_link link;

	if (what == RTE_ETH_EVENT_INTR_LSC) {
		if (rte_eth_link_get_nowait(ethdev, &link) == 0 && !link.link_status)
			WR(dev->pairs, 0);
		return 0;
	}
	while (rte_eth_vhost_get_queue_event(ethdev, &event) == 0) {
		uint32_t bit = event.queue_id < DEVICE_PAIRS_MAX ? 1u << event.queue_id : 0;

		if (!event.rx)
			WR(dev->pairs, event.enable ? dev->pairs | bit : dev->pairs & ~bit);
	}
	return 0;
}

static const enum rte_eth_event_type events[] = { RTE_ETH_EVENT_QUEUE_STATE, RTE_ETH_EVENT_INTR_LSC };

int device_pairs_init(struct device *dev)
{
	int rc = 0;

	for (unsigned i = 0; i < RTE_DIM(events) && !rc; i++)
		rc = rte_eth_dev_callback_register(dev->ethdev, events[i], pairs_event, dev);
	return rc;
}

void device_pairs_fini(struct device *dev)
{
	for (unsigned i = 0; i < RTE_DIM(events); i++)
		while (rte_eth_dev_callback_unregister(dev->ethdev, events[i], pairs_event, dev) == -EAGAIN)
			rte_pause(); /* it is running */
}

/* The n-th of the pairs in a mask that has more than n. */
static unsigned nth(uint32_t pairs, unsigned n)
{
	while (n--)
		pairs &= pairs - 1;
	return (unsigned)__builtin_ctz(pairs);
}

static unsigned pair_of(uint32_t pairs, const struct rte_mbuf *m)
{
	unsigned count = (unsigned)__builtin_popcount(pairs);

	return count > 1 ? nth(pairs, (unsigned)((uint64_t)egress_hash(m) * count >> 32)) :
	       pairs	 ? nth(pairs, 0) : 0;
}

void device_spread(struct device *dev, struct rte_mbuf **pkts, unsigned n)
{
	uint32_t pairs = RD(dev->pairs);
	struct rte_mbuf *some[2 * BURST];
	uint8_t at[2 * BURST], pair[2 * BURST];

	for (unsigned i = 0; i < n; i++)
		pair[i] = (uint8_t)pair_of(pairs, pkts[i]);
	for (unsigned q = 0; q < dev->tx_queues; q++) {
		unsigned count = 0, sent;

		for (unsigned i = 0; i < n; i++) {
			at[count] = (uint8_t)i;
			some[count] = pkts[i];
			count += pair[i] == q;
		}
		if (!count)
			continue;
		sent = device_burst(dev, (uint16_t)q, some, count);
		for (unsigned i = 0; i < sent; i++)
			pkts[at[i]] = NULL;
	}
}
