/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host's tap hands over any frame with any header (struct virtio_net_hdr). Input: one byte that
 * says which host, whether the others' taps take what it asks for, and how often the payload is
 * repeated; the header; the frame. Whatever happens, nothing leaves vnet 1, what comes out and what
 * is dropped are as many frames as went in or bridges made, and no buffer is lost.
 */
#include "dataplane/offload_priv.h"
#include "dataplane/stats_priv.h"
#include "tests/unit/dataplane/lab.h"

#include <rte_ip.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint32_t hosts[] = { 101, 102, 108, 109, 110 };

static void put16(uint8_t *to, size_t v)
{
	to[0] = (uint8_t)(v >> 8);
	to[1] = (uint8_t)v;
}

/* The frame; grow: its tail is repeated until it is as long as a host's may be. Lengths and header
 * checksums are put right, or hardly any would get anywhere. */
static struct rte_mbuf *make(struct engine *e, const uint8_t *frame, size_t size, bool grow)
{
	struct rte_mbuf *m = offload_alloc(e);
	uint8_t *to;
	size_t len;

	if (!m)
		abort();
	to = rte_pktmbuf_mtod(m, uint8_t *);
	memcpy(to, frame, size);
	for (len = size; grow && len < 60000; len++)
		to[len] = to[len - size / 2 - 1];
	if (grow && size >= 54 && to[12] == 0x86)
		put16(to + 18, len - 54);
	if (size >= 34 && to[12] == 8) {
		if (grow)
			put16(to + 16, len - 14);
		put16(to + 24, 0);
		put16(to + 24, rte_be_to_cpu_16((uint16_t)~rte_raw_cksum(to + 14, 20)));
	}
	rte_pktmbuf_append(m, (uint16_t)len);
	return m;
}

static uint64_t dropped(struct engine *e)
{
	uint64_t sum = 0;

	for (uint32_t id = 101; id <= 110; id++)
		for (unsigned i = 0; i < DP_DROP_COUNT; i++)
			sum += lab_drops(e, id, i);
	return sum;
}

/* That bridges made. */
static uint64_t copies(struct engine *e)
{
	uint64_t sum = 0;

	for (uint32_t id = 105; id <= 107; id++) {
		const struct counters *c = &lab_port(e, id)->local[0].count;

		sum += c->wire_tx_packets - c->wire_rx_packets;
		for (unsigned i = 0; i < DP_DROP_COUNT; i++)
			sum += c->drops[i];
	}
	return sum;
}

static uint64_t take(struct engine *e)
{
	struct worker *w = e->workers[0];
	struct rte_mbuf *m;
	uint64_t n = 0;

	for (unsigned lane = 0; lane < LANES; lane++)
		while (rte_ring_dequeue(w->to_relay[lane].ring, (void **)&m) == 0) {
			const struct port *port = port_by_handle(e, pkt(m)->handle);

			if (port->id / 100 != 1 || (m->ol_flags && !port->offloads) ||
			    m->nb_segs != 1 || pkt_longest(m) > 1518)
				abort();
			n += pkt_frames(m);
			rte_pktmbuf_free(m);
		}
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct engine *e = lab_engine();
	uint64_t drops, made, in, out;
	struct virtio_net_hdr h;
	struct rte_mbuf *m;
	static bool built;

	if (!built)
		lab_build(e);
	built = true;
	if (size < 1 + sizeof(h) + 15 || size > FRAME_SMALL)
		return 0;
	memcpy(&h, data + 1, sizeof(h));
	m = make(e, data + 1 + sizeof(h), size - 1 - sizeof(h), data[0] & 0x80);
	for (unsigned i = 0; i < RTE_DIM(hosts); i++)
		WR(lab_port(e, hosts[i])->offloads, data[0] & 0x40);
	e->workers[0]->now += e->workers[0]->hz / 100;
	if (offload_take(m, &h) < 0) {
		rte_pktmbuf_free(m);
	} else {
		drops = dropped(e);
		made = copies(e);
		in = pkt_frames(m);
		fast_receive(&e->workers[0]->fast.rx, m, lab_port(e, hosts[data[0] % 5]));
		worker_burst(e->workers[0], true);
		worker_flush_relay(e->workers[0]);
		out = take(e);
		if (in + copies(e) - made != out + dropped(e) - drops)
			abort();
	}
	if (rte_mempool_in_use_count(e->small) || rte_mempool_in_use_count(e->jumbo) ||
	    rte_mempool_in_use_count(e->super))
		abort();
	return 0;
}
