/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/dataplane/sched_lab.h"

#include <stdlib.h>
#include <string.h>

enum { OVERHEAD = 24, POLL_US = 10 };

uint32_t lab_rnd(struct lab *lab, uint32_t n)
{
	lab->rnd ^= lab->rnd << 13; /* xorshift64 */
	lab->rnd ^= lab->rnd >> 7;
	lab->rnd ^= lab->rnd << 17;
	return (uint32_t)((lab->rnd >> 32) * n >> 32);
}

uint64_t lab_sent_at(const struct rte_mbuf *m)
{
	uint64_t at;

	memcpy(&at, m->dynfield1, sizeof(at));
	return at;
}

static void lab_leaves(struct lab *lab, struct rte_mbuf *m)
{
	size_t i = (size_t)(m - lab->packets);

	assert_true(i < LAB_PACKETS && lab->queued[i]);
	lab->queued[i] = false;
	if (lab->greedy[m->vlan_tci])
		lab->again[lab->again_count++] = m;
	else
		lab->free[lab->free_count++] = m;
}

static void lab_drop(void *ctx, struct rte_mbuf *m, enum sched_drop why)
{
	struct lab *lab = ctx;

	lab->vnets[m->vlan_tci].drops[why]++;
	lab_leaves(lab, m);
}

static void lab_enqueue(struct lab *lab, struct rte_mbuf **pkts, unsigned n)
{
	static const uint16_t mixed[] = { 60, 60, 1514, 60, 576, 1514, 1514, 300 };
	uint16_t vnets[LAB_BURST];
	uint32_t hashes[LAB_BURST];

	for (unsigned i = 0; i < n; i++) {
		struct rte_mbuf *m = pkts[i];

		m->pkt_len = lab->len ? lab->len : mixed[lab_rnd(lab, 8)];
		memcpy(m->dynfield1, &lab->now, sizeof(lab->now));
		vnets[i] = m->vlan_tci;
		hashes[i] = m->hash.usr;
		lab->vnets[vnets[i]].in++;
		lab->queued[m - lab->packets] = true;
	}
	sched_enqueue(lab->s, pkts, vnets, hashes, n, lab->now);
}

static void lab_again(struct lab *lab)
{
	while (lab->again_count) {
		unsigned n = lab->again_count < LAB_BURST ? lab->again_count : LAB_BURST;
		struct rte_mbuf *pkts[LAB_BURST];

		lab->again_count -= n;
		memcpy(pkts, lab->again + lab->again_count, n * sizeof(pkts[0]));
		lab_enqueue(lab, pkts, n);
	}
}

void lab_send(struct lab *lab, unsigned vnet, unsigned flow, unsigned n)
{
	while (n--) {
		struct rte_mbuf *m;

		assert_true(lab->free_count);
		m = lab->free[--lab->free_count];
		m->vlan_tci = (uint16_t)vnet;
		m->hash.usr = flow;
		lab_enqueue(lab, &m, 1);
	}
}

void lab_greedy(struct lab *lab, unsigned vnet, unsigned flows, unsigned depth)
{
	lab->greedy[vnet] = true;
	for (unsigned i = 0; i < depth; i++)
		for (unsigned flow = 0; flow < flows; flow++)
			lab_send(lab, vnet, flow, 1);
}

unsigned lab_take(struct lab *lab, unsigned n)
{
	struct rte_mbuf *pkts[LAB_BURST];

	n = sched_dequeue(lab->s, pkts, n, lab->now);
	for (unsigned i = 0; i < n; i++) {
		struct lab_count *c = &lab->vnets[pkts[i]->vlan_tci];

		c->out++;
		c->bytes += pkts[i]->pkt_len + OVERHEAD;
		if (lab->seen)
			lab->seen(lab, pkts[i]);
		lab_leaves(lab, pkts[i]);
	}
	return n;
}

void lab_run(struct lab *lab, uint64_t ticks)
{
	uint64_t end = lab->now + ticks;

	while (lab->now < end) {
		uint64_t next;

		while (lab_take(lab, LAB_BURST))
			lab_again(lab);
		lab_again(lab); /* what CoDel dropped in the end */
		next = sched_next(lab->s, lab->now);
		lab->now += LAB_HZ / 1000000 * POLL_US;
		if (next > lab->now)
			lab->now = next < end ? next : end;
	}
}

void lab_forget(struct lab *lab)
{
	memset(lab->vnets, 0, sizeof(lab->vnets));
}

uint64_t lab_rate(const struct lab *lab, unsigned vnet, uint64_t ticks)
{
	return (uint64_t)((double)lab->vnets[vnet].bytes * 8 * LAB_HZ / (double)ticks);
}

void lab_vnet(struct lab *lab, unsigned vnet, uint64_t guarantee, uint32_t weight, uint64_t ceiling)
{
	const struct sched_vnet_conf conf = { guarantee, ceiling, weight };

	assert_int_equal(sched_vnet_set(lab->s, vnet, &conf, lab->now), 0);
}

struct lab *lab_create(uint64_t rate, uint32_t vnets, uint32_t limit)
{
	struct lab *lab = calloc(1, sizeof(*lab));
	struct sched_conf conf = { .hz = LAB_HZ,
				   .rate = rate,
				   .overhead = OVERHEAD,
				   .limit = limit,
				   .vnets = vnets,
				   .flows = 64,
				   .drop = lab_drop,
				   .ctx = lab };

	assert_non_null(lab);
	lab->rnd = 88172645463325252;
	lab->now = 3 * LAB_SEC;
	lab->packets = aligned_alloc(RTE_CACHE_LINE_SIZE, LAB_PACKETS * sizeof(*lab->packets));
	assert_non_null(lab->packets);
	memset(lab->packets, 0, LAB_PACKETS * sizeof(*lab->packets));
	while (lab->free_count < LAB_PACKETS) {
		lab->free[lab->free_count] = &lab->packets[lab->free_count];
		lab->free_count++;
	}
	assert_int_equal(sched_create(&conf, &lab->s), 0);
	return lab;
}

void lab_destroy(struct lab *lab)
{
	memset(lab->greedy, 0, sizeof(lab->greedy));
	sched_destroy(lab->s);
	assert_int_equal(lab->free_count + lab->again_count, LAB_PACKETS);
	free(lab->packets);
	free(lab);
}
