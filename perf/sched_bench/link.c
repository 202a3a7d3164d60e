/* SPDX-License-Identifier: Apache-2.0 */
/* All vnets are backlogged: a burst leaves and comes in again at once. */
#include "perf/sched_bench/bench.h"

#include "dataplane/sched_priv.h"

#include <rte_cycles.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <rte_sched.h>

enum {
	BACKLOG = VNETS * QUEUES * 8,
	TURN_PACKETS = 1 << 18, /* of a side in a round */
	STEP = 30 * BURST,	/* ticks between bursts on weft's clock, whatever the machine does */
};
static const uint64_t RATE = 100000000000; /* bytes a second: more than comes */

static uint64_t weft_now;

struct contender {
	const char *name;
	void *state;
	void (*enqueue)(void *state, struct rte_mbuf **pkts, unsigned n);
	unsigned (*dequeue)(void *state, struct rte_mbuf **pkts, unsigned n);
};

static void weft_enqueue(void *state, struct rte_mbuf **pkts, unsigned n)
{
	uint16_t vnets[BURST];
	uint32_t hashes[BURST];

	for (unsigned i = 0; i < n; i++) {
		vnets[i] = pkts[i]->vlan_tci;
		hashes[i] = pkts[i]->hash.usr;
	}
	sched_enqueue(state, pkts, vnets, hashes, n, weft_now);
}

static unsigned weft_dequeue(void *state, struct rte_mbuf **pkts, unsigned n)
{
	weft_now += STEP;
	return sched_dequeue(state, pkts, n, weft_now);
}

static void weft_drop(void *ctx, struct rte_mbuf *m, enum sched_drop why)
{
	fatal("weft drops a packet: reason %d", why);
}

static struct contender side_weft_sched(void)
{
	const struct sched_conf conf = { .hz = rte_get_tsc_hz(),
					 .rate = RATE * 8,
					 .overhead = RTE_SCHED_FRAME_OVERHEAD_DEFAULT,
					 .limit = 2 * BACKLOG,
					 .vnets = VNETS,
					 .flows = 64,
					 .drop = weft_drop };
	struct sched *s;

	if (sched_create(&conf, &s))
		fatal("sched_create fails");
	for (unsigned i = 0; i < VNETS; i++)
		if (sched_vnet_set(s, i, &(struct sched_vnet_conf){ .weight = 1 + i % 8 },
				   weft_now))
			fatal("sched_vnet_set fails");
	return (struct contender){ "weft", s, weft_enqueue, weft_dequeue };
}

static void rte_enqueue(void *state, struct rte_mbuf **pkts, unsigned n)
{
	if (rte_sched_port_enqueue(state, pkts, n) != (int)n)
		fatal("rte_sched drops packets");
}

static unsigned rte_dequeue(void *state, struct rte_mbuf **pkts, unsigned n)
{
	return (unsigned)rte_sched_port_dequeue(state, pkts, n);
}

static struct contender side_rte_sched(void)
{
	struct rte_sched_pipe_params pipe = { .tb_rate = RATE,
					      .tb_size = RATE / 10,
					      .tc_period = 10,
					      .tc_ov_weight = 1,
					      .wrr_weights = { 1, 1, 1, 1 } };
	struct rte_sched_subport_profile_params profile = { .tb_rate = RATE,
							    .tb_size = RATE / 10,
							    .tc_period = 10 };
	struct rte_sched_subport_params subport = { .n_pipes_per_subport_enabled = VNETS,
						    .pipe_profiles = &pipe,
						    .n_pipe_profiles = 1,
						    .n_max_pipe_profiles = 1 };
	struct rte_sched_port_params port = { .name = "bench",
					      .socket = SOCKET_ID_ANY,
					      .rate = RATE,
					      .mtu = 1518,
					      .frame_overhead = RTE_SCHED_FRAME_OVERHEAD_DEFAULT,
					      .n_subports_per_port = 1,
					      .subport_profiles = &profile,
					      .n_subport_profiles = 1,
					      .n_max_subport_profiles = 1,
					      .n_pipes_per_subport = VNETS };
	struct rte_sched_port *p;

	for (unsigned i = 0; i < RTE_SCHED_TRAFFIC_CLASSES_PER_PIPE; i++) {
		pipe.tc_rate[i] = RATE;
		profile.tc_rate[i] = RATE;
		subport.qsize[i] = 64;
	}
	port.socket = 0;
	p = rte_sched_port_config(&port);
	if (!p || rte_sched_subport_config(p, 0, &subport, 0))
		fatal("rte_sched cannot be set up");
	for (unsigned i = 0; i < VNETS; i++)
		if (rte_sched_pipe_config(p, 0, i, 0))
			fatal("rte_sched_pipe_config fails");
	return (struct contender){ "rte_sched", p, rte_enqueue, rte_dequeue };
}

/* As many packets of each flow, in an order that mixes them. */
static void fill(const struct contender *s, struct rte_mempool *pool)
{
	struct rte_mbuf *m;

	for (unsigned k = 0; k < BACKLOG; k++) {
		unsigned i = k * 2654435761u % BACKLOG, vnet = i % VNETS, queue = i / VNETS % QUEUES;

		m = rte_pktmbuf_alloc(pool);
		if (!m)
			fatal("no packet left");
		m->pkt_len = m->data_len = lengths[k % 16];
		if (s->enqueue == rte_enqueue)
			rte_sched_port_pkt_write(s->state, m, 0, vnet, RTE_SCHED_TRAFFIC_CLASS_BE,
						 queue, RTE_COLOR_GREEN);
		else
			m->hash.usr = (vnet * QUEUES + queue) * 0x9e3779b1u >> 8;
		m->vlan_tci = (uint16_t)vnet;
		s->enqueue(s->state, &m, 1);
	}
}

/* Ticks a packet, out and in. */
static double cost(const struct contender *s)
{
	struct rte_mbuf *pkts[BURST];
	uint64_t begin = rte_rdtsc_precise(), done = 0, empty = 0;

	while (done < TURN_PACKETS) {
		unsigned n = s->dequeue(s->state, pkts, BURST);

		s->enqueue(s->state, pkts, n);
		done += n;
		empty = n ? 0 : empty + 1;
		if (empty > 1000000)
			fatal("%s gives nothing", s->name);
	}
	return (double)(rte_rdtsc_precise() - begin) / (double)done;
}

void case_link(void)
{
	struct contender sides[] = { side_weft_sched(), side_rte_sched() };
	double clk[2][ROUNDS];

	for (unsigned i = 0; i < 2; i++) {
		struct rte_mempool *pool = rte_pktmbuf_pool_create(
			sides[i].name, BACKLOG + 2 * BURST, 0, 0, 2048 + RTE_PKTMBUF_HEADROOM, 0);

		if (!pool)
			fatal("no huge pages left for packets");
		fill(&sides[i], pool);
		cost(&sides[i]);
	}
	for (unsigned round = 0; round < ROUNDS; round++)
		for (unsigned i = 0; i < 2; i++)
			clk[i][round] = cost(&sides[i]);
	for (unsigned i = 0; i < 2; i++)
		out_figures("clk a packet", sides[i].name, clk[i], ROUNDS);
}
