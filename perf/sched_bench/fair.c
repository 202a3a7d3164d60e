/* SPDX-License-Identifier: Apache-2.0 */
/* Shares of a link in virtual time: no clock, so that no noise either. */
#include "perf/sched_bench/bench.h"

#include "dataplane/sched_priv.h"

#include <math.h>
#include <rte_mbuf.h>
#include <string.h>

enum { DEPTH = 8, PACKETS = VNETS * QUEUES * DEPTH, POLL = 26000 /* 10 us */ };
static const uint64_t HZ = 2600000000, RATE = 10000000000;

struct link {
	struct sched *s;
	uint64_t now;
	double bytes[VNETS];
	struct rte_mbuf *again[PACKETS]; /* left or was dropped: comes again */
	unsigned again_count, sent;
};

static void again(void *ctx, struct rte_mbuf *m, enum sched_drop why)
{
	struct link *link = ctx;

	link->again[link->again_count++] = m;
}

static void enqueue_again(struct link *link)
{
	for (; link->again_count; link->again_count--) {
		struct rte_mbuf *m = link->again[link->again_count - 1];

		m->pkt_len = lengths[(link->sent * 7 + link->sent / 1024) % 16];
		link->sent++;
		sched_enqueue(link->s, &m, &m->vlan_tci, &m->hash.usr, 1, link->now);
	}
}

static void run(struct link *link, uint64_t ticks)
{
	struct rte_mbuf *pkts[BURST];

	for (uint64_t end = link->now + ticks; link->now < end; link->now += POLL) {
		unsigned n;

		do {
			n = sched_dequeue(link->s, pkts, BURST, link->now);
			for (unsigned i = 0; i < n; i++) {
				link->bytes[pkts[i]->vlan_tci] += pkts[i]->pkt_len + 24;
				again(link, pkts[i], 0);
			}
			enqueue_again(link);
		} while (n);
	}
}

static void start(struct link *link)
{
	const struct sched_conf conf = { .hz = HZ,
					 .rate = RATE,
					 .overhead = 24,
					 .limit = 4 * PACKETS,
					 .vnets = VNETS,
					 .flows = 64,
					 .drop = again,
					 .ctx = link };
	struct rte_mbuf *m = alloc(PACKETS * sizeof(*m));

	link->now = HZ;
	if (sched_create(&conf, &link->s))
		fatal("sched_create fails");
	for (unsigned i = 0; i < VNETS; i++)
		if (sched_vnet_set(link->s, i, &(struct sched_vnet_conf){ .weight = 1 + i % 8 },
				   link->now))
			fatal("sched_vnet_set fails");
	for (unsigned i = 0; i < PACKETS; i++, m++) {
		m->vlan_tci = (uint16_t)(i % VNETS);
		m->hash.usr = i / VNETS % QUEUES;
		again(link, m, 0);
	}
	enqueue_again(link);
}

void case_fair(void)
{
	struct link *link = alloc(sizeof(*link));
	double total = 0, worst = 0, sum = 0, squares = 0;

	start(link);
	run(link, HZ / 20);
	memset(link->bytes, 0, sizeof(link->bytes));
	run(link, HZ);
	for (unsigned i = 0; i < VNETS; i++)
		total += link->bytes[i];
	for (unsigned i = 0; i < VNETS; i++) {
		double got = link->bytes[i] / (total * (1 + i % 8) / (VNETS / 8 * 36));

		worst = fmax(worst, fabs(got - 1));
		sum += got;
		squares += got * got;
	}
	out_figure("worst error", "weft", worst * 100);
	out_figure("jain", "weft", sum * sum / (VNETS * squares));
	out_figure("used", "weft", total * 8 / (double)RATE * 100);
	sched_destroy(link->s);
}
