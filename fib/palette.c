/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values become colors, numbered from 1 in the order in which the table first uses them, those of a
 * batch by value: so tables have the same colors that differ only in what their values are, or in
 * which routes have which, and most have so few that 8 bits hold one. A
 * color whose last route went is not used again before every reader has been quiescent.
 */
#include "fib/fib_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_rcu_qsbr.h>

enum { CAP_FIRST = PALETTE_SMALL };

static uint32_t *values(const struct palette *p, const struct blocks *b)
{
	return (uint32_t *)(b->base + p->offset);
}

static uint32_t place(const struct palette *p, uint32_t value)
{
	return (value * 0x9e3779b1u) >> (32 - __builtin_ctz(2 * p->cap));
}

static void hash_add(struct palette *p, const struct blocks *b, uint32_t color)
{
	uint32_t at = place(p, values(p, b)[color]);

	while (p->hash[at])
		at = (at + 1) & (2 * p->cap - 1);
	p->hash[at] = color;
}

static uint32_t *hash_find(const struct palette *p, const struct blocks *b, uint32_t value)
{
	uint32_t at = place(p, value);

	while (p->hash[at] && values(p, b)[p->hash[at]] != value)
		at = (at + 1) & (2 * p->cap - 1);
	return &p->hash[at];
}

static void hash_del(struct palette *p, const struct blocks *b, uint32_t color)
{
	uint32_t mask = 2 * p->cap - 1;
	uint32_t hole = (uint32_t)(hash_find(p, b, values(p, b)[color]) - p->hash);

	for (uint32_t i = (hole + 1) & mask; p->hash[i]; i = (i + 1) & mask) {
		uint32_t home = place(p, values(p, b)[p->hash[i]]);

		if (((i - home) & mask) < ((i - hole) & mask))
			continue;
		p->hash[hole] = p->hash[i];
		hole = i;
	}
	p->hash[hole] = 0;
}

static void set_free(struct palette *p, uint32_t color)
{
	p->free[color / 64] |= 1ull << color % 64;
}

static void free_lists(struct palette *p)
{
	free(p->refs);
	free(p->hash);
	free(p->free);
	free(p->waiting);
}

/* The writer's arrays for cap colors; those of p are in them. */
static int lists_create(struct palette *to, const struct palette *p, uint32_t cap)
{
	*to = *p;
	to->cap = cap;
	to->refs = calloc(cap, sizeof(*to->refs));
	to->hash = calloc(2 * (size_t)cap, sizeof(*to->hash));
	to->free = calloc((cap + 63) / 64, sizeof(*to->free));
	to->waiting = calloc(cap, sizeof(*to->waiting));
	if (!to->refs || !to->hash || !to->free || !to->waiting) {
		free_lists(to);
		return -ENOMEM;
	}
	if (p->cap) {
		memcpy(to->refs, p->refs, p->cap * sizeof(*p->refs));
		memcpy(to->free, p->free, (p->cap + 63) / 64 * sizeof(*p->free));
	}
	for (uint32_t color = p->cap ? p->cap : 1; color < cap; color++)
		set_free(to, color);
	for (uint32_t i = 0; i < p->waiting_count; i++)
		to->waiting[i] = p->waiting[(p->waiting_head + i) & (p->cap - 1)];
	to->waiting_head = 0;
	return 0;
}

static int grow(struct palette *p, struct blocks *b)
{
	uint32_t cap = p->cap ? 2 * p->cap : CAP_FIRST;
	struct palette to;
	int r = lists_create(&to, p, cap);

	if (r)
		return r;
	r = block_take(b, block_class(cap * sizeof(uint32_t)), &to.offset);
	if (r) {
		free_lists(&to);
		return r;
	}
	memset(values(&to, b), 0xff, cap * sizeof(uint32_t));
	if (p->cap)
		memcpy(values(&to, b), values(p, b), p->cap * sizeof(uint32_t));
	for (uint32_t color = 1; color < p->cap; color++)
		if (p->refs[color])
			hash_add(&to, b, color);
	free_lists(p);
	if (p->cap)
		block_retire(b, p->offset, block_class(p->cap * sizeof(uint32_t)));
	p->refs = to.refs;
	p->hash = to.hash;
	p->free = to.free;
	p->waiting = to.waiting;
	p->waiting_head = 0;
	/* Readers look here after they have found a color: before it is published, this is. */
	__atomic_store_n(&p->cap, cap, __ATOMIC_RELEASE);
	__atomic_store_n(&p->offset, to.offset, __ATOMIC_RELEASE);
	return 0;
}

int palette_init(struct palette *p, struct blocks *b)
{
	int r;

	*p = (struct palette){ .count = 1 };
	r = grow(p, b);
	if (!r)
		p->refs[COLOR_MISS] = 1; /* its value is FIB_MISS, as all unused ones' is */
	return r;
}

void palette_fini(struct palette *p, struct blocks *b)
{
	block_retire(b, p->offset, block_class(p->cap * sizeof(uint32_t)));
	free_lists(p);
}

static void reclaim(struct palette *p, struct blocks *b)
{
	while (p->waiting_count) {
		struct retired *r = &p->waiting[p->waiting_head];

		if (b->qsbr && rte_rcu_qsbr_check(b->qsbr, r->token, false) != 1)
			return;
		p->waiting_head = (p->waiting_head + 1) & (p->cap - 1);
		p->waiting_count--;
		p->count--;
		set_free(p, r->offset);
	}
}

uint32_t palette_color(const struct palette *p, const struct blocks *b, uint32_t value)
{
	return *hash_find(p, b, value);
}

static uint32_t take_lowest(struct palette *p)
{
	uint32_t word = 0, color;

	while (!p->free[word])
		word++;
	color = word * 64 + (uint32_t)__builtin_ctzll(p->free[word]);
	p->free[word] &= p->free[word] - 1;
	return color;
}

int palette_get(struct palette *p, struct blocks *b, uint32_t value, uint32_t *color)
{
	uint32_t *found = hash_find(p, b, value);
	int r;

	if (!*found) {
		reclaim(p, b);
		if (p->count == p->cap) {
			r = grow(p, b);
			if (r)
				return r;
		}
		*color = take_lowest(p);
		p->count++;
		p->used++;
		values(p, b)[*color] = value;
		hash_add(p, b, *color);
	} else {
		*color = *found;
	}
	p->refs[*color]++;
	return 0;
}

void palette_put(struct palette *p, struct blocks *b, uint32_t color)
{
	if (color == COLOR_MISS || --p->refs[color])
		return;
	p->used--;
	hash_del(p, b, color);
	p->waiting[(p->waiting_head + p->waiting_count++) & (p->cap - 1)] = (struct retired){
		.token = b->qsbr ? rte_rcu_qsbr_start(b->qsbr) : 0, .offset = color
	};
}

uint32_t palette_value(const struct palette *p, const struct blocks *b, uint32_t color)
{
	return values(p, b)[color];
}

uint64_t palette_bytes_lookup(const struct palette *p)
{
	return (uint64_t)p->used * sizeof(uint32_t);
}

uint64_t palette_bytes_rib(const struct palette *p)
{
	return (uint64_t)p->used *
	       (sizeof(*p->refs) + 2 * sizeof(*p->hash) + sizeof(*p->waiting));
}
