/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory that readers walk. Address space is reserved once, and made usable in steps, so that a
 * 32-bit offset is a reference and growth never moves what readers look at. A retired block waits
 * until every reader has passed a quiescent state.
 */
#include "fib/fib_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#include <rte_rcu_qsbr.h>

/* The first step is small, so that small arenas are; then whole huge pages, which is why the first
 * ends where one begins. */
#define STEP_FIRST (64u << 10)
#define STEP       (2u << 20)
#define SLACK      64 /* readers load 4 bytes where only 1 is theirs */

enum { RING_FIRST = 1024, RECLAIM_MOST = 64 };

/* Notes are 8 bytes for each 32 of blocks. */
static size_t notes_bytes(uint64_t block_bytes)
{
	return (block_bytes >> BLOCK_SHIFT) * sizeof(struct block_note);
}

static void *reserve(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* Makes [mapped, end) usable, both blocks and notes. */
static int map(struct blocks *b, uint64_t end)
{
	size_t from = notes_bytes(b->mapped), to = notes_bytes(end);

	if (mprotect((uint8_t *)b->notes + from, to - from, PROT_READ | PROT_WRITE) < 0 ||
	    mprotect(b->base + b->mapped, end - b->mapped, PROT_READ | PROT_WRITE) < 0)
		return -ENOMEM;
	b->mapped = end;
	return 0;
}

int blocks_init(struct blocks *b, const struct fib_arena_conf *conf)
{
	uint64_t max = conf->max_bytes ? conf->max_bytes : FIB_ARENA_BYTES_MAX;
	uint8_t *p;

	/* A first step and whole ones. Blocks that wait for readers are not counted: space for as
	 * much again, if there is. */
	*b = (struct blocks){ .max_bytes = max,
			      .reserved = RTE_MIN(RTE_ALIGN_CEIL(2 * max, (uint64_t)STEP),
						  FIB_ARENA_BYTES_MAX - STEP) + STEP_FIRST,
			      .qsbr = conf->qsbr };
	p = reserve(b->reserved + STEP);
	if (!p)
		return -ENOMEM;
	b->base = (uint8_t *)RTE_PTR_ALIGN_CEIL(p + STEP_FIRST, STEP) - STEP_FIRST;
	if (b->base > p)
		munmap(p, (size_t)(b->base - p));
	if (b->base < p + STEP)
		munmap(b->base + b->reserved, (size_t)(p + STEP - b->base));
	/* Only the usable part can become huge pages. */
	madvise(b->base + STEP_FIRST, b->reserved - STEP_FIRST, MADV_HUGEPAGE);
	b->notes = reserve(notes_bytes(b->reserved));
	if (!b->notes || map(b, STEP_FIRST) < 0) {
		blocks_fini(b);
		return -ENOMEM;
	}
	b->top = 1024; /* offset 0 is no block */
	return 0;
}

void blocks_fini(struct blocks *b)
{
	free(b->ring);
	if (b->notes)
		munmap(b->notes, notes_bytes(b->reserved));
	munmap(b->base, b->reserved);
}

unsigned block_class(uint64_t bytes)
{
	unsigned class = 0;

	while (bytes > 1ull << (BLOCK_SHIFT + class))
		class++;
	return class;
}

static void push(struct blocks *b, uint32_t offset, unsigned class)
{
#ifdef WEFT_CHECKS
	memset(b->base + offset, 0xa5, 1ull << (BLOCK_SHIFT + class));
#endif
	memcpy(b->base + offset, &b->free[class], sizeof(b->free[class]));
	b->free[class] = offset;
}

static uint32_t pop(struct blocks *b, unsigned class)
{
	uint32_t offset = b->free[class];

	memcpy(&b->free[class], b->base + offset, sizeof(b->free[class]));
	return offset;
}

static void reclaim(struct blocks *b, uint32_t most)
{
	while (b->ring_count > b->ring_sealed && most--) {
		struct retired *r = &b->ring[b->ring_head];

		if (b->qsbr && rte_rcu_qsbr_check(b->qsbr, r->token, false) != 1)
			return;
		b->ring_head = (b->ring_head + 1) & (b->ring_cap - 1);
		b->ring_count--;
		b->taken--;
		b->waiting -= 1ull << (BLOCK_SHIFT + r->class);
		push(b, r->offset, r->class);
	}
}

static int map_until(struct blocks *b, uint64_t end)
{
	uint64_t beyond = end + SLACK > STEP_FIRST ? end + SLACK - STEP_FIRST : 0;
	uint64_t mapped = STEP_FIRST + RTE_ALIGN_CEIL(beyond, (uint64_t)STEP);

	if (mapped > b->reserved)
		return -ENOSPC;
	return mapped <= b->mapped ? 0 : map(b, mapped);
}

/* Beyond what was ever used; the gap before an aligned block is free for smaller ones. */
static int carve(struct blocks *b, unsigned class, uint32_t *offset)
{
	uint64_t size = 1ull << (BLOCK_SHIFT + class);
	uint64_t at = RTE_ALIGN_CEIL(b->top, size);
	int r = map_until(b, at + size);

	if (r < 0)
		return r;
	while (b->top < at) {
		unsigned gap = (unsigned)__builtin_ctzll(b->top) - BLOCK_SHIFT;

		push(b, (uint32_t)b->top, gap);
		b->top += 1ull << (BLOCK_SHIFT + gap);
	}
	*offset = (uint32_t)at;
	b->top = at + size;
	return 0;
}

static int ring_room(struct blocks *b)
{
	uint32_t cap = b->ring_cap ? 2 * b->ring_cap : RING_FIRST;
	struct retired *ring;

	if (b->taken < b->ring_cap)
		return 0;
	ring = malloc(cap * sizeof(*ring));
	if (!ring)
		return -ENOMEM;
	for (uint32_t i = 0; i < b->ring_count; i++)
		ring[i] = b->ring[(b->ring_head + i) & (b->ring_cap - 1)];
	free(b->ring);
	b->ring = ring;
	b->ring_cap = cap;
	b->ring_head = 0;
	return 0;
}

int block_take(struct blocks *b, unsigned class, uint32_t *offset)
{
	uint64_t size = 1ull << (BLOCK_SHIFT + class);
	int r;

	reclaim(b, RECLAIM_MOST);
	if (b->used + size > b->max_bytes)
		return -ENOSPC;
	r = ring_room(b);
	if (r < 0)
		return r;
	if (!b->free[class])
		reclaim(b, b->ring_count);
	if (b->free[class])
		*offset = pop(b, class);
	else
		r = carve(b, class, offset);
	if (r < 0)
		return r;
	b->used += size;
	b->taken++;
	return 0;
}

void block_retire(struct blocks *b, uint32_t offset, unsigned class)
{
	uint64_t size = 1ull << (BLOCK_SHIFT + class);

	b->ring[(b->ring_head + b->ring_count) & (b->ring_cap - 1)] =
		(struct retired){ .offset = offset, .class = class };
	b->ring_count++;
	b->ring_sealed++;
	b->used -= size;
	b->waiting += size;
}

void blocks_seal(struct blocks *b)
{
	uint64_t token = b->qsbr && b->ring_sealed ? rte_rcu_qsbr_start(b->qsbr) : 0;

	for (; b->ring_sealed; b->ring_sealed--)
		b->ring[(b->ring_head + b->ring_count - b->ring_sealed) & (b->ring_cap - 1)].token =
			token;
}

int fib_arena_create(const struct fib_arena_conf *conf, struct fib_arena **out)
{
	struct fib_arena *a;
	int r;

	if (conf->max_bytes > FIB_ARENA_BYTES_MAX)
		return -EINVAL;
	a = calloc(1, sizeof(*a));
	if (!a)
		return -ENOMEM;
	r = getrandom(a->seed, sizeof(a->seed), 0) == sizeof(a->seed) ? 0 : -EIO;
	if (!r)
		r = blocks_init(&a->blocks, conf);
	if (r) {
		free(a);
		return r;
	}
	*out = a;
	return 0;
}

void fib_arena_destroy(struct fib_arena *a)
{
	if (!a)
		return;
	blocks_fini(&a->blocks);
	free(a->table);
	free(a);
}

void fib_arena_stats(const struct fib_arena *a, struct fib_arena_stats *stats)
{
	*stats = (struct fib_arena_stats){ .bytes_used = a->blocks.used,
					   .bytes_retired = a->blocks.waiting,
					   .bytes_mapped = a->blocks.mapped,
					   .nodes = a->count };
}
