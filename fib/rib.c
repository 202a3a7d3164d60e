/* SPDX-License-Identifier: Apache-2.0 */
#include "fib/fib_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { CAP_FIRST = 32 };

int rib_init(struct rib *rib, uint32_t addr_len)
{
	*rib = (struct rib){ .addr_len = addr_len,
			     .entry_len = (uint32_t)offsetof(struct rib_entry, addr) + addr_len };
	rib->entry_len = (rib->entry_len + 3u) & ~3u;
	if (getrandom(rib->seed, sizeof(rib->seed), 0) != sizeof(rib->seed))
		return -EIO;
	return 0;
}

void rib_fini(struct rib *rib)
{
	free(rib->table);
}

struct rib_entry *rib_at(const struct rib *rib, uint32_t i)
{
	return (struct rib_entry *)(rib->table + (size_t)i * rib->entry_len);
}

/* The two halves of the 128-bit product, folded. */
static uint64_t fold(uint64_t a, uint64_t b)
{
	unsigned __int128 p = (unsigned __int128)a * b;

	return (uint64_t)p ^ (uint64_t)(p >> 64);
}

static uint32_t home(const struct rib *rib, const uint8_t *addr, unsigned len)
{
	uint64_t w[2] = { 0 };

	memcpy(w, addr, rib->addr_len);
	w[0] = fold(w[0] ^ rib->seed[0], rib->seed[1] | 1);
	w[1] = fold(w[1] ^ w[0] ^ rib->seed[1], (rib->seed[0] | 1) + 2 * len);
	return (uint32_t)w[1] & (rib->cap - 1);
}

static bool same(const struct rib *rib, const struct rib_entry *e, const uint8_t *addr,
		 unsigned len)
{
	return e->len == len && !memcmp(e->addr, addr, rib->addr_len);
}

struct rib_entry *rib_find(const struct rib *rib, const uint8_t *addr, unsigned len)
{
	if (!rib->per_len[len])
		return NULL;
	for (uint32_t i = home(rib, addr, len);; i = (i + 1) & (rib->cap - 1)) {
		struct rib_entry *e = rib_at(rib, i);

		if (!e->used)
			return NULL;
		if (same(rib, e, addr, len))
			return e;
	}
}

struct rib_entry *rib_cover(const struct rib *rib, const uint8_t *addr, unsigned len)
{
	uint8_t masked[16];

	memcpy(masked, addr, rib->addr_len);
	while (len-- > 0) {
		struct rib_entry *e;

		masked[len / 8] &= (uint8_t)(0xff00u >> len % 8);
		e = rib_find(rib, masked, len);
		if (e)
			return e;
	}
	return NULL;
}

static void insert(struct rib *rib, const struct rib_entry *entry)
{
	uint32_t i = home(rib, entry->addr, entry->len);

	while (rib_at(rib, i)->used)
		i = (i + 1) & (rib->cap - 1);
	memcpy(rib_at(rib, i), entry, rib->entry_len);
}

int rib_reserve(struct rib *rib)
{
	struct rib old = *rib;

	if (rib->count < rib->cap - rib->cap / 4)
		return 0;
	rib->cap = old.cap ? old.cap * 2 : CAP_FIRST;
	rib->table = calloc(rib->cap, rib->entry_len);
	if (!rib->table) {
		*rib = old;
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < old.cap; i++)
		if (rib_at(&old, i)->used)
			insert(rib, rib_at(&old, i));
	free(old.table);
	return 0;
}

void rib_add(struct rib *rib, const uint8_t *addr, unsigned len, uint32_t value)
{
	union {
		struct rib_entry entry;
		uint8_t room[offsetof(struct rib_entry, addr) + 17];
	} u = { .entry = { .value = value, .len = (uint8_t)len, .used = true } };

	memcpy(u.room + offsetof(struct rib_entry, addr), addr, rib->addr_len);
	insert(rib, &u.entry);
	rib->count++;
	rib->per_len[len]++;
}

void rib_del(struct rib *rib, struct rib_entry *entry)
{
	uint32_t mask = rib->cap - 1;
	uint32_t hole = (uint32_t)(((uint8_t *)entry - rib->table) / rib->entry_len);

	rib->count--;
	rib->per_len[entry->len]--;
	/* Close the gap: whatever may live in the hole without passing its home moves up. */
	for (uint32_t i = (hole + 1) & mask; rib_at(rib, i)->used; i = (i + 1) & mask) {
		uint32_t from = home(rib, rib_at(rib, i)->addr, rib_at(rib, i)->len);

		if (((i - from) & mask) < ((i - hole) & mask))
			continue;
		memcpy(rib_at(rib, hole), rib_at(rib, i), rib->entry_len);
		hole = i;
	}
	memset(rib_at(rib, hole), 0, rib->entry_len);
}
