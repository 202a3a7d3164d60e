/* SPDX-License-Identifier: Apache-2.0 */
#include "base/tape_priv.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { CHANNELS = 3, MANY = 400000 };

static const struct tape_shape shape = { .tracks = 2, .channels = CHANNELS, .blocks = { 4, 8 } };

struct world {
	int fd;
	void *memory;
	struct tape_track tracks[2];
	struct tape *tape;
	uint64_t read[CHANNELS], newest;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct err err;

	w->fd = tape_memory("tape", &shape);
	assert_true(w->fd >= 0);
	assert_int_equal(tape_map(w->fd, &shape, w->tracks, &w->memory, &err), 0);
	assert_int_equal(tape_open(w->fd, &w->tape, &err), 0);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	tape_close(w->tape);
	tape_unmap(w->memory, &shape);
	close(w->fd);
	free(w);
	return 0;
}

/* What a record of this stamp has: of any length up to the most, but mostly short. */
static uint32_t size_of(uint64_t stamp)
{
	uint32_t hash = (uint32_t)((stamp * 0x9e3779b97f4a7c15u) >> 40);

	return hash % 1024 ? hash % 200 : hash % (TAPE_KEPT_MAX + 1);
}

static void write_one(struct tape_track *track, uint64_t stamp)
{
	static _Thread_local uint8_t bytes[TAPE_KEPT_MAX];
	struct tape_record r = { .stamp = stamp, .size = size_of(stamp), .length = 70000,
				 .channel = (uint16_t)(stamp % CHANNELS), .mark = 7 };

	memset(bytes, (int)(stamp & 0xff), r.size);
	tape_write(track, &r, bytes);
}

/* All that is due: each as it was written, and later than the one before it. */
static unsigned read_due(struct world *w)
{
	const struct tape_record *r;
	unsigned n = 0;

	for (; (r = tape_next(w->tape)); n++) {
		const uint8_t *bytes = (const uint8_t *)(r + 1);

		assert_true(r->stamp > w->newest || !w->newest);
		assert_int_equal(r->size, size_of(r->stamp));
		assert_int_equal(r->length, 70000);
		assert_int_equal(r->channel, r->stamp % CHANNELS);
		assert_int_equal(r->mark, 7);
		for (uint32_t i = 0; i < r->size; i++)
			assert_int_equal(bytes[i], r->stamp & 0xff);
		w->newest = r->stamp;
		w->read[r->channel]++;
	}
	return n;
}

static uint64_t missed(struct world *w)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < CHANNELS; i++)
		sum += tape_written(w->tape, i) - w->read[i];
	return sum;
}

/* What was there at a look is due at the next; both tracks in the order of stamps. */
static void in_order(void **state)
{
	struct world *w = *state;

	assert_false(tape_look(w->tape, true));
	for (uint64_t stamp = 1; stamp <= 100; stamp++)
		write_one(&w->tracks[stamp % 3 == 0], stamp);
	assert_false(tape_look(w->tape, false));
	assert_int_equal(read_due(w), 0);
	write_one(&w->tracks[0], 101);
	assert_true(tape_look(w->tape, false));
	assert_int_equal(read_due(w), 100);
	assert_true(tape_look(w->tape, true));
	assert_int_equal(read_due(w), 1);
	assert_int_equal(missed(w), 0);
}

/* One that is late, but not by a look, is still in its place. */
static void late(void **state)
{
	struct world *w = *state;

	write_one(&w->tracks[0], 20);
	assert_false(tape_look(w->tape, false));
	write_one(&w->tracks[1], 10);
	write_one(&w->tracks[1], 30);
	assert_true(tape_look(w->tape, false));
	assert_int_equal(read_due(w), 2);
	assert_int_equal(w->newest, 20);
}

/* Round and round, each time read in time: nothing is missed. */
static void round_and_round(void **state)
{
	struct world *w = *state;
	uint64_t stamp = 1;

	for (unsigned round = 0; round < 400; round++) {
		for (unsigned i = 0; i < 200; i++, stamp++)
			write_one(&w->tracks[stamp % 2], stamp);
		tape_look(w->tape, true);
		read_due(w);
	}
	assert_int_equal(w->newest, stamp - 1);
	assert_int_equal(missed(w), 0);
}

/* Too slow: the newest are there, whole, and the others counted. */
static void overwritten(void **state)
{
	struct world *w = *state;
	uint64_t stamp = 1;
	unsigned n;

	for (; stamp <= 100000; stamp++)
		write_one(&w->tracks[0], stamp);
	assert_true(tape_look(w->tape, true));
	n = read_due(w);
	assert_true(n > 1000 && n < 100000);
	assert_int_equal(w->newest, 100000);
	assert_int_equal(missed(w), 100000 - n);
	write_one(&w->tracks[0], stamp);
	tape_look(w->tape, true);
	assert_int_equal(read_due(w), 1);
}

static void *write_many(void *arg)
{
	for (uint64_t stamp = 1; stamp <= MANY; stamp++)
		write_one(arg, stamp);
	return NULL;
}

/* While it is written, as fast as that goes. */
static void meanwhile(void **state)
{
	struct world *w = *state;
	pthread_t writer;

	assert_int_equal(pthread_create(&writer, NULL, write_many, &w->tracks[1]), 0);
	while (w->newest < MANY) {
		tape_look(w->tape, true);
		read_due(w);
	}
	pthread_join(writer, NULL);
	assert_int_equal(w->read[0] + w->read[1] + w->read[2] + missed(w), MANY);
}

/* Whoever else has the descriptor can read, and nothing more. */
static void sealed(void **state)
{
	struct world *w = *state;
	size_t bytes = tape_bytes(&shape);

	assert_ptr_equal(mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, w->fd, 0), MAP_FAILED);
	assert_int_equal(pwrite(w->fd, "x", 1, 0), -1);
	assert_int_equal(ftruncate(w->fd, 0), -1);
	assert_int_equal(ftruncate(w->fd, 1 << 30), -1);
	assert_int_equal(fallocate(w->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 1 << 20), -1);
}

static void no_tape(void **state)
{
	struct tape_shape bad[] = { shape, shape, shape, shape, shape };
	struct tape_track tracks[2];
	int open_end = memfd_create("x", MFD_ALLOW_SEALING), small = memfd_create("y", MFD_ALLOW_SEALING);
	struct tape *tape;
	struct err err;
	void *memory;

	bad[0].tracks = 0;
	bad[1].tracks = TAPE_TRACKS_MAX + 1;
	bad[2].channels = TAPE_CHANNELS_MAX + 1;
	bad[3].blocks[1] = 5;
	bad[4].blocks[0] = 2;
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(tape_bytes(&bad[i]), 0);
		assert_int_equal(tape_memory("x", &bad[i]), -EINVAL);
	}
	assert_int_equal(ftruncate(open_end, (off_t)tape_bytes(&shape)), 0);
	assert_int_equal(tape_map(open_end, &shape, tracks, &memory, &err), -EINVAL);
	assert_int_equal(tape_open(open_end, &tape, &err), -EBADMSG);
	assert_int_equal(ftruncate(small, TAPE_PAGE), 0);
	assert_int_equal(fcntl(small, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	assert_int_equal(tape_map(small, &shape, tracks, &memory, &err), -EINVAL);
	assert_int_equal(tape_open(small, &tape, &err), -EBADMSG);
	close(open_end);
	close(small);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(late, setup, teardown),
		cmocka_unit_test_setup_teardown(round_and_round, setup, teardown),
		cmocka_unit_test_setup_teardown(overwritten, setup, teardown),
		cmocka_unit_test_setup_teardown(meanwhile, setup, teardown),
		cmocka_unit_test_setup_teardown(sealed, setup, teardown),
		cmocka_unit_test(no_tape),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
