/* SPDX-License-Identifier: Apache-2.0 */
/* Frames in the rings to and from the relay whose port is deleted: their vnet counts them. */
#include "dataplane/stats_priv.h"
#include "tests/unit/dataplane/lab.h"
#include "tests/unit/test.h"

static uint8_t frame[100];

static int setup(void **state)
{
	*state = lab_engine();
	lab_build(*state);
	lab_ip4(frame, 0x0a010001, 64, 1, 86);
	return 0;
}

static int teardown(void **state)
{
	objects_clear(*state);
	engine_reclaim(*state);
	return 0;
}

static uint64_t lost(struct engine *e, uint32_t v)
{
	struct dp_vnet_stats s = { 0 };

	stats_vnet(e, lab_port(e, v * 100 + 2)->vnet, &s);
	return s.drops[DP_DROP_NO_BACKING];
}

/* As the relay does, before its port goes; seen by the worker afterwards. */
static void arrive(struct engine *e, uint32_t id)
{
	struct rte_mbuf *m = lab_mbuf(e, frame, sizeof(frame));

	pkt_name(m, lab_port(e, id));
	assert_int_equal(rte_ring_enqueue(e->workers[0]->from_relay, m), 0);
}

static void delete_port(struct engine *e, uint32_t id)
{
	struct err err;

	assert_int_equal(port_del(e, id, &err), 0);
	engine_reclaim(e);
}

static void to_the_worker(void **state)
{
	struct engine *e = *state;

	arrive(e, 101);
	arrive(e, 201);
	delete_port(e, 101);
	assert_int_equal(worker_poll(e->workers[0]), 2);
	assert_int_equal(lost(e, 1), 1);
	assert_int_equal(lost(e, 2), 0);
	while (lab_take(e, frame, 0, NULL))
		;
	assert_int_equal(rte_mempool_in_use_count(e->small), 0);
}

/* The ring to the relay is full, and what waits outside is of nobody. */
static void to_the_relay(void **state)
{
	struct engine *e = *state;
	struct worker *w = e->workers[0];
	struct rte_ring *ring = w->to_relay[LANE_REST].ring;
	struct rte_mbuf *m = lab_mbuf(e, frame, sizeof(frame));

	pkt_name(m, lab_port(e, 101));
	worker_to_relay(w, m, LANE_REST);
	for (unsigned n = rte_ring_free_count(ring); n; n--)
		assert_int_equal(rte_ring_enqueue(ring, lab_mbuf(e, frame, sizeof(frame))), 0);
	delete_port(e, 101);
	worker_flush_relay(w);
	assert_int_equal(lost(e, 1), 1);
	while (rte_ring_dequeue(ring, (void **)&m) == 0)
		rte_pktmbuf_free(m);
	assert_int_equal(rte_mempool_in_use_count(e->small), 0);
}

/* Another vnet in its place is not charged. */
static void with_its_vnet(void **state)
{
	struct engine *e = *state;
	uint32_t slot = lab_port(e, 101)->vnet->slot;
	struct dp_vnet again = { .id = 3, .name = "again" };
	struct dp_vnet_stats s = { 0 };
	struct vnet *vnet;
	struct err err;

	arrive(e, 101);
	assert_int_equal(vnet_del(e, 1, &err), 0);
	engine_reclaim(e);
	assert_int_equal(vnet_set(e, &again, &err), 0);
	vnet = hash_map_find(e->vnet_map, &again.id);
	assert_int_equal(vnet->slot, slot);
	assert_int_equal(worker_poll(e->workers[0]), 1);
	stats_vnet(e, vnet, &s);
	assert_int_equal(s.drops[DP_DROP_NO_BACKING], 0);
	assert_int_equal(rte_mempool_in_use_count(e->small), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(to_the_worker, setup, teardown),
		cmocka_unit_test_setup_teardown(to_the_relay, setup, teardown),
		cmocka_unit_test_setup_teardown(with_its_vnet, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
