/* SPDX-License-Identifier: Apache-2.0 */
/* The writers' side, and the memory. */
#include "base/tape_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

size_t tape_bytes(const struct tape_shape *s)
{
	size_t bytes = TAPE_PAGE;

	if (!s->tracks || s->tracks > TAPE_TRACKS_MAX || !s->channels ||
	    s->channels > TAPE_CHANNELS_MAX)
		return 0;
	for (unsigned i = 0; i < s->tracks; i++) {
		uint32_t blocks = s->blocks[i];

		if (blocks < 4 || blocks > TAPE_BLOCKS_MAX || (blocks & (blocks - 1)))
			return 0;
		bytes += tape_head_bytes(s) + (size_t)blocks * TAPE_BLOCK;
	}
	return bytes;
}

int tape_memory(const char *name, const struct tape_shape *shape)
{
	size_t bytes = tape_bytes(shape);
	int fd = bytes ? memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING) : -1, code;

	if (fd < 0)
		return bytes ? -errno : -EINVAL;
	/* With its pages: who writes shall not have to wait for them. */
	code = fallocate(fd, 0, 0, (off_t)bytes) < 0 ||
	       fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) < 0 ? -errno : 0;
	if (code) {
		close(fd);
		return code;
	}
	return fd;
}

int tape_map(int fd, const struct tape_shape *shape, struct tape_track *tracks, void **out,
	     struct err *err)
{
	size_t bytes = tape_bytes(shape);
	int seals = fcntl(fd, F_GET_SEALS);
	struct tape_label *label;
	struct stat st;
	void *memory;

	if (!bytes)
		return err_set(err, -EINVAL, "no tape has such a shape");
	if (seals < 0 || !(seals & F_SEAL_SHRINK) || fstat(fd, &st) < 0 || (size_t)st.st_size < bytes)
		return err_set(err, -EINVAL, "that is no memory for a tape of %zu bytes", bytes);
	memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (memory == MAP_FAILED)
		return err_sys(err, -errno, "a tape of %zu bytes", bytes);
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE | F_SEAL_SEAL) < 0) {
		int code = err_sys(err, -errno, "a tape cannot be sealed");

		munmap(memory, bytes);
		return code;
	}
	for (unsigned i = 0; i < shape->tracks; i++) {
		tracks[i] = (struct tape_track){ .size = (uint64_t)shape->blocks[i] * TAPE_BLOCK };
		tape_find(shape, memory, i, &tracks[i].head, &tracks[i].counts, &tracks[i].data);
	}
	label = memory;
	label->shape = *shape;
	__atomic_store_n(&label->magic, TAPE_MAGIC, __ATOMIC_RELEASE);
	*out = memory;
	return 0;
}

void tape_unmap(void *memory, const struct tape_shape *shape)
{
	if (memory)
		munmap(memory, tape_bytes(shape));
}

void tape_write(struct tape_track *t, const struct tape_record *record, const void *bytes)
{
	static const uint64_t pad = TAPE_PAD;
	uint64_t mask = t->size - 1, room = tape_room(record->size), skip = 0;
	uint64_t left = TAPE_BLOCK - (t->at & (TAPE_BLOCK - 1));
	uint8_t *to;

	if (room > left)
		skip = left;
	/* A reader that sees any of what follows sees this too. */
	__atomic_store_n(&t->head->begun, t->at + skip + room, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	if (skip)
		memcpy(t->data + (t->at & mask), &pad, sizeof(pad));
	t->at += skip;
	to = t->data + (t->at & mask);
	memcpy(to, record, sizeof(*record));
	memcpy(to + sizeof(*record), bytes, record->size);
	t->at += room;
	__atomic_store_n(&t->counts[record->channel], t->counts[record->channel] + 1,
			 __ATOMIC_RELAXED);
	__atomic_store_n(&t->head->ended, t->at, __ATOMIC_RELEASE);
}
