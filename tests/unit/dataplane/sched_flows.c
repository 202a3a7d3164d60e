/* SPDX-License-Identifier: Apache-2.0 */
/* Inside a vnet: flows are kept apart, queues stay short, room is shared. */
#include "tests/unit/dataplane/sched_lab.h"

#include "dataplane/codel_priv.h"

#include <rte_ether.h>
#include <rte_ip.h>
#include <string.h>

enum { SPARSE = 63 };

static void note_sparse(struct lab *lab, struct rte_mbuf *m)
{
	uint64_t delay = lab->now - lab_sent_at(m);

	if (m->hash.usr == SPARSE && delay > lab->worst)
		lab->worst = delay;
}

/* Ten greedy flows fill a vnet's room; a packet now and then waits for a frame or two of each
 * other vnet and for none of the ten. */
static void sparse_flow(void **state)
{
	struct lab *lab = lab_create(100 * MBIT, 2, 4096);

	lab_vnet(lab, 0, 0, 1, 0);
	lab_vnet(lab, 1, 0, 1, 0);
	lab->len = 1514;
	lab_greedy(lab, 1, 10, 100);
	lab_greedy(lab, 0, 10, 100);
	lab_run(lab, LAB_SEC);
	lab->greedy[0] = false; /* so that the sparse ones do not come again */
	lab->seen = note_sparse;
	for (unsigned i = 0; i < 50; i++) {
		lab_send(lab, 0, SPARSE, 1);
		for (unsigned k = 0; k < 40; k++)
			lab_send(lab, 0, k % 10, 1);
		lab_run(lab, 10 * LAB_MS);
	}
	assert_int_equal(lab->vnets[0].drops[SCHED_DROP_GONE], 0);
	assert_true(lab->worst > 0);
	assert_true(lab->worst < LAB_MS); /* 8 frames; 1000 of each vnet are queued: 240 ms */
	lab_destroy(lab);
}

/* The queue is full of one flow's packets: another's get in, the full flow's are dropped. */
static void longest_pays(void **state)
{
	struct lab *lab = lab_create(10 * GBIT, 1, 256);

	lab_vnet(lab, 0, 0, 1, 0);
	lab_send(lab, 0, 1, 1000);
	assert_int_equal(lab->vnets[0].drops[SCHED_DROP_OVERLIMIT], 1000 - sched_queued(lab->s));
	lab_send(lab, 0, 2, 20);
	/* Of the 20 none is missing. */
	for (unsigned left = 20; left;) {
		struct rte_mbuf *m;

		lab->now += LAB_MS / 500;
		assert_int_equal(sched_dequeue(lab->s, &m, 1, lab->now), 1);
		left -= m->hash.usr == 2;
		lab->queued[m - lab->packets] = false;
		lab->free[lab->free_count++] = m;
	}
	lab_destroy(lab);
}

/* One vnet floods; each of the others has room for what it was promised. */
static void room(void **state)
{
	enum { VNETS = 16, LIMIT = 1024, RESERVE = LIMIT / 2 / VNETS };
	struct lab *lab = lab_create(MBIT, VNETS, LIMIT);

	for (unsigned i = 0; i < VNETS; i++)
		lab_vnet(lab, i, 0, 1, 0);
	lab_send(lab, 0, 0, 5000);
	assert_in_range(sched_queued(lab->s), LIMIT / 4, LIMIT * 9 / 16);
	for (unsigned i = 1; i < VNETS; i++)
		lab_send(lab, i, 0, 5000);
	assert_true(sched_queued(lab->s) <= LIMIT);
	for (unsigned i = 1; i < VNETS; i++)
		assert_true(5000 - lab->vnets[i].drops[SCHED_DROP_OVERLIMIT] >= RESERVE);
	lab_destroy(lab);
}

/* A source that sends 10 % too fast, and slows down to 70 % whenever a packet is missing, as
 * TCP does: its packets wait for about the target, while the link stays busy. */
static void standing_queue(void **state)
{
	struct lab *lab = lab_create(100 * MBIT, 1, 8192);
	double rate = 110, seen = 0;
	struct sched_stats stats, before;
	uint64_t packets = 0, late = 0, dropped = 0;

	lab->len = 1514;
	lab_vnet(lab, 0, 0, 1, 0);
	lab_send(lab, 0, 0, 300); /* 37 ms */
	for (unsigned ms = 0; ms < 5000; ms++) {
		for (seen += rate * 1000 / 8 / 1538; seen >= 1; seen--)
			lab_send(lab, 0, 0, 1);
		lab_run(lab, LAB_MS);
		if (lab->vnets[0].drops[SCHED_DROP_CODEL] > dropped)
			rate *= 0.7;
		else
			rate += 0.05;
		dropped = lab->vnets[0].drops[SCHED_DROP_CODEL];
		if (ms == 1000) {
			sched_vnet_stats(lab->s, 0, &before);
			lab_forget(lab);
			dropped = 0;
		}
	}
	sched_vnet_stats(lab->s, 0, &stats);
	for (unsigned i = 0; i < SCHED_DELAYS; i++) {
		uint64_t n = stats.delay[i] - before.delay[i];

		packets += n;
		if (i && sched_delay_bound(lab->s, i - 1) >= 25 * LAB_MS)
			late += n;
	}
	assert_true(dropped > 3);
	assert_true(packets > 4 * 8127 * 6 / 10);
	assert_true(late * 100 < packets); /* p99 is within some targets */
	assert_int_equal(stats.drops[SCHED_DROP_OVERLIMIT], 0);
	lab_destroy(lab);
}

/* A source that does not slow down: it loses what does not fit, and waits no longer for it. */
static void stubborn(void **state)
{
	struct lab *lab = lab_create(100 * MBIT, 1, 60000);
	unsigned queued = 0;

	lab->len = 1514;
	lab_vnet(lab, 0, 0, 1, 0);
	for (unsigned ms = 0; ms < 20000; ms += 10) {
		lab_send(lab, 0, 0, 83); /* 2 % too many */
		lab_run(lab, 10 * LAB_MS);
		if (ms >= 10000 && sched_queued(lab->s) > queued)
			queued = sched_queued(lab->s);
	}
	assert_true(lab->vnets[0].drops[SCHED_DROP_CODEL] > 0);
	assert_int_equal(lab->vnets[0].drops[SCHED_DROP_OVERLIMIT], 0);
	assert_true(queued < 400); /* without CoDel: 3460 */
	lab_destroy(lab);
}

static struct rte_mbuf frame_of(uint8_t *bytes, uint16_t len)
{
	return (struct rte_mbuf){ .buf_addr = bytes, .data_len = len, .pkt_len = len };
}

static void ecn4(void **state)
{
	uint8_t f[34] = { [12] = 8, [14] = 0x45, [22] = 64, [23] = 6, [26] = 10, [30] = 10 };
	struct rte_mbuf m = frame_of(f, sizeof(f));
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(f + 14);

	assert_false(ecn_mark(&m));
	for (unsigned ident = 0; ident < 65536; ident++) {
		ip->packet_id = (uint16_t)ident;
		ip->type_of_service = (uint8_t)((ident & 0xfc) | (1 + ident % 3));
		ip->hdr_checksum = 0;
		ip->hdr_checksum = rte_ipv4_cksum(ip);
		assert_true(ecn_mark(&m));
		assert_int_equal(ip->type_of_service, (ident & 0xfc) | 3);
		assert_int_equal(rte_raw_cksum(ip, sizeof(*ip)), 0xffff);
	}
	for (m.data_len = 0; m.data_len < sizeof(f); m.data_len++)
		assert_false(ecn_mark(&m));
}

static void ecn6_tagged(void **state)
{
	uint8_t f[58] = { [12] = 0x81, [16] = 0x86, [17] = 0xdd, [18] = 0x60, [19] = 0x20 };
	struct rte_mbuf m = frame_of(f, sizeof(f));

	assert_true(ecn_mark(&m));
	assert_int_equal(f[18], 0x60);
	assert_int_equal(f[19], 0x30);
	f[19] = 0;
	assert_false(ecn_mark(&m));
	for (m.data_len = 0; m.data_len < sizeof(f); m.data_len++)
		assert_false(ecn_mark(&m));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sparse_flow),	  cmocka_unit_test(longest_pays),
		cmocka_unit_test(room),		  cmocka_unit_test(standing_queue),
		cmocka_unit_test(stubborn),	  cmocka_unit_test(ecn4),
		cmocka_unit_test(ecn6_tagged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
