/* SPDX-License-Identifier: Apache-2.0 */
/* The readers' side. Nothing in the memory is believed: who writes it is another process. */
#include "base/tape_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* Positions are counted on and on. Of what is up to `seen` the reader has read what is up to
 * `copied`; of that, what is in `copy` from `at` up to `got` was not given yet. */
struct track {
	const struct tape_head *head;
	const uint64_t *counts;
	const uint8_t *data;
	uint64_t size, due, seen, copied;
	uint32_t at, got; /* in copy */
	uint8_t *copy;	  /* up to a block */
	const struct tape_record *next; /* in copy; NULL: none was looked for */
};

struct tape {
	void *memory;
	size_t bytes;
	struct tape_shape shape;
	struct track tracks[TAPE_TRACKS_MAX];
	struct track *given; /* whose record the caller has */
};

static int tape_attach(struct tape *t, struct err *err)
{
	const struct tape_label *label = t->memory;
	size_t bytes;

	if (__atomic_load_n(&label->magic, __ATOMIC_ACQUIRE) != TAPE_MAGIC)
		return err_set(err, -EBADMSG, "that is no tape");
	t->shape = label->shape;
	bytes = tape_bytes(&t->shape);
	if (!bytes || bytes > t->bytes)
		return err_set(err, -EBADMSG, "a tape of a shape that cannot be");
	for (unsigned i = 0; i < t->shape.tracks; i++) {
		struct track *k = &t->tracks[i];

		tape_find(&t->shape, t->memory, i, (struct tape_head **)(uintptr_t)&k->head,
			  (uint64_t **)(uintptr_t)&k->counts, (uint8_t **)(uintptr_t)&k->data);
		k->size = (uint64_t)t->shape.blocks[i] * TAPE_BLOCK;
		k->copy = malloc(TAPE_BLOCK);
		if (!k->copy)
			return err_sys(err, -ENOMEM, "a tape");
	}
	return 0;
}

int tape_open(int fd, struct tape **out, struct err *err)
{
	struct tape *t = calloc(1, sizeof(*t));
	int seals = fcntl(fd, F_GET_SEALS), code;
	struct stat st;

	if (!t)
		return err_sys(err, -ENOMEM, "a tape");
	if (seals < 0 || !(seals & F_SEAL_SHRINK) || fstat(fd, &st) < 0 || st.st_size < TAPE_PAGE) {
		free(t);
		return err_set(err, -EBADMSG, "that is no tape");
	}
	t->bytes = (size_t)st.st_size;
	t->memory = mmap(NULL, t->bytes, PROT_READ, MAP_SHARED, fd, 0);
	if (t->memory == MAP_FAILED) {
		code = err_sys(err, -errno, "a tape");
		free(t);
		return code;
	}
	code = tape_attach(t, err);
	if (code) {
		tape_close(t);
		return code;
	}
	*out = t;
	return 0;
}

void tape_close(struct tape *t)
{
	if (!t)
		return;
	for (unsigned i = 0; i < TAPE_TRACKS_MAX; i++)
		free(t->tracks[i].copy);
	munmap(t->memory, t->bytes);
	free(t);
}

/* Where the next record is not read yet. */
static uint64_t track_at(const struct track *k)
{
	return k->copied - (k->got - k->at);
}

bool tape_look(struct tape *t, bool all)
{
	bool due = false;

	for (unsigned i = 0; i < t->shape.tracks; i++) {
		struct track *k = &t->tracks[i];
		uint64_t ended = __atomic_load_n(&k->head->ended, __ATOMIC_ACQUIRE) & ~(uint64_t)7;

		k->due = all ? ended : k->seen;
		k->seen = ended;
		due |= track_at(k) < k->due;
	}
	return due;
}

/* The oldest block that will not be overwritten soon. */
static uint64_t track_safe(const struct track *k, uint64_t begun)
{
	uint64_t safe = begun - k->size + 2 * (uint64_t)TAPE_BLOCK;

	return safe & ~(uint64_t)(TAPE_BLOCK - 1);
}

/* Copies what goes on at `copied`, of one block. False: there is nothing that was seen. */
static bool track_fill(struct track *k)
{
	uint64_t left, begun;

	for (;;) {
		if (k->copied >= k->seen)
			return false;
		left = TAPE_BLOCK - (k->copied & (TAPE_BLOCK - 1));
		if (left > k->seen - k->copied)
			left = k->seen - k->copied;
		memcpy(k->copy, k->data + (k->copied & (k->size - 1)), left);
		/* Pairs with the fence of tape_write(). */
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		begun = __atomic_load_n(&k->head->begun, __ATOMIC_RELAXED);
		if (begun - k->copied <= k->size)
			break;
		/* Too slow: overwritten meanwhile, or long ago. */
		if (begun < k->size || track_safe(k, begun) <= k->copied)
			return false; /* no writer says such a thing */
		k->copied = track_safe(k, begun);
	}
	k->copied += left;
	k->got = (uint32_t)left;
	k->at = 0;
	return true;
}

/* Finds k->next. */
static bool track_peek(struct track *k, uint32_t channels)
{
	while (!k->next) {
		const struct tape_record *r = (const struct tape_record *)(k->copy + k->at);
		uint32_t left = k->got - k->at;

		if (!left) {
			k->at = k->got = 0;
			if (!track_fill(k))
				return false;
			continue;
		}
		if (left < sizeof(*r) || r->stamp == TAPE_PAD || r->size > TAPE_KEPT_MAX ||
		    tape_room(r->size) > left || r->channel >= channels)
			k->at = k->got; /* to where the next block begins, or the next look goes on */
		else
			k->next = r;
	}
	return true;
}

const struct tape_record *tape_next(struct tape *t)
{
	struct track *best = NULL;
	bool due = false;

	if (t->given) {
		t->given->at += (uint32_t)tape_room(t->given->next->size);
		t->given->next = NULL;
		t->given = NULL;
	}
	for (unsigned i = 0; i < t->shape.tracks; i++) {
		struct track *k = &t->tracks[i];

		if (!track_peek(k, t->shape.channels))
			continue;
		due |= track_at(k) < k->due;
		if (!best || k->next->stamp < best->next->stamp)
			best = k;
	}
	if (!due)
		return NULL;
	t->given = best;
	return best->next;
}

uint32_t tape_channels(const struct tape *t)
{
	return t->shape.channels;
}

uint64_t tape_written(const struct tape *t, uint32_t channel)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < t->shape.tracks; i++)
		sum += __atomic_load_n(&t->tracks[i].counts[channel], __ATOMIC_RELAXED);
	return sum;
}
