/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tape whose writer says anything. Input: where its track has begun and ended (8 bytes each), then
 * the bytes of the label if the first byte of them is odd, else of the track from its begin.
 * Whatever is returned lies within what may be read.
 */
#include "base/tape_priv.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CHANNELS = 5, LEAST = 17, LOOKS = 3 };

static const struct tape_shape shape = { .tracks = 1, .channels = CHANNELS, .blocks = { 4 } };

static uint8_t *memory(int *fd)
{
	static uint8_t *m;
	static int memfd;

	if (!m) {
		memfd = tape_memory("fuzz", &shape);
		m = mmap(NULL, tape_bytes(&shape), PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
		if (m == MAP_FAILED)
			abort();
	}
	*fd = memfd;
	return m;
}

static void read_all(struct tape *t)
{
	const struct tape_record *r;
	volatile uint8_t last;

	for (unsigned i = 0; i < LOOKS; i++) {
		tape_look(t, i);
		while ((r = tape_next(t))) {
			if (r->channel >= tape_channels(t) || r->size > TAPE_KEPT_MAX)
				abort();
			tape_written(t, r->channel);
			if (r->size)
				last = ((const uint8_t *)(r + 1))[r->size - 1];
			(void)last;
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd;
	uint8_t *m = memory(&fd), *track;
	struct tape_label label = { TAPE_MAGIC, shape };
	struct tape_head *head;
	uint64_t *counts;
	struct tape *t;

	if (size < LEAST)
		return 0;
	tape_find(&shape, m, 0, &head, &counts, &track);
	memcpy(&head->begun, data, 8);
	memcpy(&head->ended, data + 8, 8);
	data += 16;
	size -= 16;
	if (data[0] & 1)
		memcpy(&label.shape, data + 1, size - 1 < sizeof(shape) ? size - 1 : sizeof(shape));
	else
		memcpy(track, data + 1, size - 1 < TAPE_BLOCK ? size - 1 : TAPE_BLOCK);
	memcpy(m, &label, sizeof(label));
	if (tape_open(fd, &t, NULL))
		return 0;
	read_all(t);
	tape_close(t);
	return 0;
}
