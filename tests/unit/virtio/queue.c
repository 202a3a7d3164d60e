/* SPDX-License-Identifier: Apache-2.0 */
/* The device's half of a virtqueue against a driver's half, in all layouts. */
#include "tests/unit/test.h"
#include "tests/unit/virtio/driver.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS = 40000, PARTS_MAX = 5, CHAINS = VQ_SIZE_MAX, PART = 64 };

#define FEATURE(bit) (1ull << (bit))

static const uint64_t layouts[] = {
	0,
	FEATURE(VIRTIO_RING_F_EVENT_IDX),
	FEATURE(VIRTIO_RING_F_INDIRECT_DESC),
	FEATURE(VIRTIO_RING_F_EVENT_IDX) | FEATURE(VIRTIO_RING_F_INDIRECT_DESC),
	FEATURE(VIRTIO_F_RING_PACKED),
	FEATURE(VIRTIO_F_RING_PACKED) | FEATURE(VIRTIO_RING_F_EVENT_IDX),
	FEATURE(VIRTIO_F_RING_PACKED) | FEATURE(VIRTIO_RING_F_INDIRECT_DESC),
	FEATURE(VIRTIO_F_RING_PACKED) | FEATURE(VIRTIO_RING_F_EVENT_IDX) |
		FEATURE(VIRTIO_RING_F_INDIRECT_DESC),
};

struct model {
	struct ram ram;
	struct driver d;
	struct vq q;
	struct buffer part[CHAINS][PARTS_MAX]; /* by id */
	unsigned parts[CHAINS];
	uint32_t written[CHAINS];
	struct vq_chain held[CHAINS]; /* popped, not pushed */
	unsigned held_count, in_flight, served;
	bool busy[CHAINS + 1]; /* places in memory */
	unsigned place[CHAINS]; /* by id */
};

static void set_up_model(struct model *m, uint64_t features, uint16_t size)
{
	memset(m, 0, sizeof(*m));
	ram_init(&m->ram);
	driver_init(&m->d, &m->ram, 0, size, features);
	assert_int_equal(vq_activate(&m->q, &m->ram.mem, &m->d.conf, features), 0);
}

/* What is in flight never overlaps. */
static void offer(struct model *m)
{
	unsigned place = 0;
	struct buffer b[PARTS_MAX];
	unsigned n = 1 + (unsigned)random() % PARTS_MAX, out = (unsigned)random() % (n + 1);
	bool table = m->d.indirect && random() % 2;
	uint64_t at;
	int id;

	while (m->busy[place])
		place++;
	at = BUFFERS + (uint64_t)place * 1024;
	if (n > m->d.conf.size)
		n = out = 1;
	for (unsigned i = 0; i < n; i++)
		b[i] = (struct buffer){ at + i * PART, 1 + (uint32_t)random() % PART, i >= out };
	id = driver_add(&m->d, b, n, table ? at + PARTS_MAX * PART : 0);
	if (id < 0)
		return;
	memcpy(m->part[id], b, sizeof(b));
	m->parts[id] = n;
	m->place[id] = place;
	m->busy[place] = true;
	m->in_flight++;
}

static void take(struct model *m)
{
	struct vq_chain *c = &m->held[m->held_count];
	int n = vq_pop(&m->q, c);
	unsigned id = c->id, out = 0;

	assert_int_equal(n, m->in_flight > m->held_count);
	if (!n)
		return;
	assert_int_equal(c->out_count + c->in_count, m->parts[id]);
	for (unsigned i = 0; i < m->parts[id]; i++) {
		assert_ptr_equal(c->iov[i].iov_base, m->ram.host + m->part[id][i].gpa);
		assert_int_equal(c->iov[i].iov_len, m->part[id][i].len);
		out += !m->part[id][i].writable;
	}
	assert_int_equal(c->out_count, out);
	m->held_count++;
}

static void give_back(struct model *m)
{
	unsigned i = m->held_count ? (unsigned)random() % m->held_count : 0;
	struct vq_chain *c = &m->held[i];

	if (!m->held_count)
		return;
	m->written[c->id] = c->in_len ? (uint32_t)random() % (uint32_t)(c->in_len + 1) : 0;
	vq_push(&m->q, c, m->written[c->id]);
	m->held[i] = m->held[--m->held_count];
	m->served++;
	m->in_flight--;
}

static void collect(struct model *m)
{
	uint32_t written;
	int id;

	while ((id = driver_get(&m->d, &written)) >= 0) {
		assert_int_equal(written, m->written[id]);
		m->busy[m->place[id]] = false;
		m->served--;
	}
	assert_int_equal(m->served, 0);
}

/* All that is offered is taken in order with its very buffers, all that is given back in whatever
 * order arrives with its length, for as long as it takes the indices to wrap. */
static void carries_chains(void **state)
{
	static struct model m;
	static const uint16_t sizes[] = { 1, 2, 8, 256 };

	srandom(1);
	for (unsigned l = 0; l < sizeof(layouts) / sizeof(layouts[0]) * 4; l++) {
		set_up_model(&m, layouts[l / 4], sizes[l % 4]);
		for (unsigned i = 0; i < STEPS; i++) {
			unsigned what = (unsigned)random() % 8;

			if (what < 3)
				offer(&m);
			else if (what < 5)
				take(&m);
			else if (what < 7)
				give_back(&m);
			else
				collect(&m);
		}
		ram_fini(&m.ram);
	}
}

/* Packed queues need not be a power of two long. */
static void packed_of_any_size(void **state)
{
	static struct model m;

	srandom(2);
	set_up_model(&m, FEATURE(VIRTIO_F_RING_PACKED) | FEATURE(VIRTIO_RING_F_EVENT_IDX), 7);
	for (unsigned i = 0; i < STEPS; i++) {
		offer(&m);
		take(&m);
		give_back(&m);
		if (i % 3 == 0)
			collect(&m);
	}
	ram_fini(&m.ram);
}

/* A driver that sleeps until so many are done is woken then, not before and not twice. */
static void interrupts_when_asked(void **state)
{
	static struct model m;

	for (unsigned l = 0; l < sizeof(layouts) / sizeof(layouts[0]); l++) {
		set_up_model(&m, layouts[l], 8);
		for (unsigned round = 0; round < 1000; round++) {
			uint16_t after = m.d.event_idx ? (uint16_t)(1 + round % 3) : 1;
			struct buffer b = { BUFFERS, 8, true };
			uint32_t written;

			for (unsigned i = 0; i < 3; i++) {
				int id = driver_add(&m.d, &b, 1, 0);

				assert_true(id >= 0);
				m.parts[id] = 1;
				m.part[id][0] = b;
				m.in_flight++;
			}
			driver_wake_after(&m.d, after);
			for (unsigned i = 1; i <= 3; i++) {
				bool due = m.d.event_idx ? i == after : true;

				take(&m);
				give_back(&m);
				assert_int_equal(vq_interrupt_due(&m.q), due);
				assert_false(vq_interrupt_due(&m.q));
			}
			while (driver_get(&m.d, &written) >= 0)
				m.served--;
			driver_quiet(&m.d);
		}
		ram_fini(&m.ram);
	}
}

static void quiet_means_quiet(void **state)
{
	static struct model m;
	uint32_t written;

	for (unsigned l = 0; l < sizeof(layouts) / sizeof(layouts[0]); l++) {
		set_up_model(&m, layouts[l], 8);
		if (m.d.event_idx && !m.d.packed)
			continue;
		driver_quiet(&m.d);
		offer(&m);
		take(&m);
		give_back(&m);
		assert_false(vq_interrupt_due(&m.q));
		assert_true(driver_get(&m.d, &written) >= 0);
		ram_fini(&m.ram);
	}
}

/* While the device works it is not kicked; what comes between its last look and its sleep is seen. */
static void kicks_are_not_lost(void **state)
{
	static struct model m;

	for (unsigned l = 0; l < sizeof(layouts) / sizeof(layouts[0]); l++) {
		set_up_model(&m, layouts[l], 8);
		for (unsigned round = 0; round < 1000; round++) {
			struct buffer b = { BUFFERS, 8, true };
			uint32_t written;

			assert_false(vq_kicks_on(&m.q));
			assert_true(driver_add(&m.d, &b, 1, 0) >= 0);
			assert_true(driver_kick_due(&m.d));
			vq_kicks_off(&m.q);
			assert_int_equal(vq_pop(&m.q, &m.held[0]), 1);
			assert_true(driver_add(&m.d, &b, 1, 0) >= 0);
			assert_false(driver_kick_due(&m.d));
			assert_true(vq_kicks_on(&m.q));
			assert_int_equal(vq_pop(&m.q, &m.held[1]), 1);
			vq_push(&m.q, &m.held[0], 1);
			vq_push(&m.q, &m.held[1], 1);
			while (driver_get(&m.d, &written) >= 0)
				;
		}
		ram_fini(&m.ram);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(carries_chains),	 cmocka_unit_test(packed_of_any_size),
		cmocka_unit_test(interrupts_when_asked), cmocka_unit_test(quiet_means_quiet),
		cmocka_unit_test(kicks_are_not_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
