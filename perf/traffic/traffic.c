/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/traffic/traffic.h"

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <string.h>

enum {
	AWAY_US = 20,    /* a round that takes longer: the kernel gave our core to somebody else */
	TOGETHER_US = 1000, /* after we are back, the other end is, too: a host takes both cores away at once */
	STALLED_US = 1000, /* no frame for so long: the other end is not on its core, or dead */
	BEHIND_US = 100, /* what was not sent by then never will be */
	SENDER_BURST = 32,
	SINK_BURSTS = 16, /* a round */
};

static unsigned bucket(uint64_t ticks)
{
	unsigned shift;

	if (ticks < 1u << DELAY_SUB)
		return (unsigned)ticks;
	shift = 63 - (unsigned)__builtin_clzll(ticks) - DELAY_SUB;
	return ((shift + 1) << DELAY_SUB) + (unsigned)(ticks >> shift) - (1u << DELAY_SUB);
}

static uint64_t bucket_end(unsigned at)
{
	unsigned shift = at >> DELAY_SUB;
	uint64_t low = at & ((1u << DELAY_SUB) - 1);

	return shift ? (low + (1u << DELAY_SUB) + 1) << (shift - 1) : low + 1;
}

void delays_add(struct delays *d, uint64_t ticks)
{
	d->buckets[bucket(ticks)]++;
	d->count++;
}

uint64_t delays_at(const struct delays *d, double part)
{
	uint64_t below = (uint64_t)((double)d->count * part), sum = 0;

	for (unsigned i = 0; i < DELAY_BUCKETS; i++) {
		sum += d->buckets[i];
		if (sum > below)
			return bucket_end(i);
	}
	return 0;
}

static void take(struct traffic *t, const struct rte_mbuf *m, uint64_t now)
{
	struct sender *s;
	struct stamp stamp;

	if (m->data_len < STAMP_AT + sizeof(stamp))
		return;
	memcpy(&stamp, rte_pktmbuf_mtod(m, const uint8_t *) + STAMP_AT, sizeof(stamp));
	if (stamp.run != t->run || stamp.sender >= t->sender_count)
		return;
	s = &t->senders[stamp.sender];
	s->disordered += (int32_t)(stamp.seq - s->expected) < 0;
	s->expected = stamp.seq + 1;
	if (!stamp.counts)
		return;
	s->came++;
	if (stamp.tsc < t->gap_end && now - t->gap_end < t->hz / 1000000 * TOGETHER_US)
		t->uncertain++;
	else
		delays_add(&s->delays, now - stamp.tsc);
}

static bool sink(struct traffic *t)
{
	struct rte_mbuf *m[BURST];
	unsigned n = rte_eth_rx_burst(t->in, 0, m, BURST);
	uint64_t now = rte_rdtsc();

	if (n)
		t->came_at = now;
	for (unsigned i = 0; i < n; i++)
		take(t, m[i], now);
	rte_pktmbuf_free_bulk(m, n);
	return n == BURST;
}

static void fill(struct traffic *t, struct sender *s, struct rte_mbuf **m, unsigned n)
{
	struct stamp stamp = {.run = t->run, .counts = t->counts};

	stamp.sender = (uint16_t)(s - t->senders) & 0x7fff;
	for (unsigned i = 0; i < n; i++) {
		uint8_t *data = rte_pktmbuf_mtod(m[i], uint8_t *);

		stamp.seq = s->seq++;
		stamp.tsc = rte_rdtsc();
		memcpy(data, s->frame, s->len);
		memcpy(data + STAMP_AT, &stamp, sizeof(stamp));
		m[i]->data_len = (uint16_t)s->len;
		m[i]->pkt_len = s->len;
	}
}

/* The other end was away, or was for as long before. */
static bool stalled(struct traffic *t)
{
	uint64_t now = rte_rdtsc(), silence = now - t->came_at;

	if (silence > t->hz / 1000000 * STALLED_US)
		t->stalled = now + silence;
	return now < t->stalled;
}

static void sender_send(struct traffic *t, struct sender *s, double now)
{
	struct rte_mbuf *m[SENDER_BURST];
	unsigned n = 0, done;

	if (now - s->next > (double)t->hz * BEHIND_US / 1e6)
		s->next = now;
	for (; n < SENDER_BURST && s->next <= now; n++)
		s->next += s->interval;
	if (!n || rte_pktmbuf_alloc_bulk(t->pool, m, n))
		return;
	fill(t, s, m, n);
	done = rte_eth_tx_burst(t->out, 0, m, (uint16_t)n);
	if (done < n)
		rte_pktmbuf_free_bulk(m + done, n - done);
	if (t->counts) {
		s->sent += n;
		s->refused += n - done;
		s->stalled += done < n && stalled(t) ? n - done : 0;
	}
}

void traffic_round(struct traffic *t)
{
	uint64_t now = rte_rdtsc(), took = now - t->last;

	if (took > t->hz / 1000000 * AWAY_US) {
		t->gap_end = now;
		t->gap_ticks += t->counts ? took : 0;
	}
	t->last = now;
	for (unsigned i = 0; i < SINK_BURSTS && sink(t); i++)
		;
	for (unsigned i = 0; i < t->sender_count && !t->quiet; i++)
		if (t->senders[i].interval > 0)
			sender_send(t, &t->senders[i], (double)(rte_rdtsc() - t->began));
}
