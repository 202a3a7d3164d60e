/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Slots hold a value pointer and the key behind it; a deleted slot keeps a tombstone. */
struct hash_map {
	size_t key_len, count, used, cap;
	void **values;
	uint8_t *keys;
};

static char tombstone;
#define TOMBSTONE ((void *)&tombstone)

uint64_t hash_bytes(const void *bytes, size_t len)
{
	const uint8_t *p = bytes;
	uint64_t h = 0xcbf29ce484222325u;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 0x100000001b3u;
	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93u;
	return h ^ (h >> 32);
}

struct hash_map *hash_map_create(size_t key_len)
{
	struct hash_map *m = calloc(1, sizeof(*m));

	if (m)
		m->key_len = key_len;
	return m;
}

void hash_map_destroy(struct hash_map *m)
{
	if (!m)
		return;
	free(m->values);
	free(m->keys);
	free(m);
}

/* The slot that holds key, or the slot where it would go (the first tombstone on the way). */
static size_t hash_map_slot(const struct hash_map *m, const void *key)
{
	size_t mask = m->cap - 1, i = hash_bytes(key, m->key_len) & mask, hole = m->cap;

	for (;; i = (i + 1) & mask) {
		if (!m->values[i])
			return hole < m->cap ? hole : i;
		if (m->values[i] == TOMBSTONE) {
			if (hole == m->cap)
				hole = i;
		} else if (!memcmp(m->keys + i * m->key_len, key, m->key_len)) {
			return i;
		}
	}
}

static int hash_map_grow(struct hash_map *m)
{
	struct hash_map bigger = { .key_len = m->key_len };

	bigger.cap = m->count * 4 < 16 ? 16 : m->cap;
	while (bigger.cap < m->count * 4)
		bigger.cap *= 2;
	bigger.values = calloc(bigger.cap, sizeof(*bigger.values));
	bigger.keys = malloc(bigger.cap * m->key_len);
	if (!bigger.values || !bigger.keys) {
		free(bigger.values);
		free(bigger.keys);
		return -ENOMEM;
	}
	for (size_t i = 0; i < m->cap; i++) {
		if (!m->values[i] || m->values[i] == TOMBSTONE)
			continue;
		size_t to = hash_map_slot(&bigger, m->keys + i * m->key_len);

		bigger.values[to] = m->values[i];
		memcpy(bigger.keys + to * m->key_len, m->keys + i * m->key_len, m->key_len);
	}
	bigger.count = bigger.used = m->count;
	free(m->values);
	free(m->keys);
	*m = bigger;
	return 0;
}

void *hash_map_find(const struct hash_map *m, const void *key)
{
	void *v;

	if (!m->cap)
		return NULL;
	v = m->values[hash_map_slot(m, key)];
	return v == TOMBSTONE ? NULL : v;
}

int hash_map_set(struct hash_map *m, const void *key, void *value)
{
	size_t i;

	if ((m->used + 1) * 4 > m->cap * 3 && hash_map_grow(m) < 0)
		return -ENOMEM;
	i = hash_map_slot(m, key);
	if (!m->values[i] || m->values[i] == TOMBSTONE) {
		m->used += !m->values[i];
		m->count++;
		memcpy(m->keys + i * m->key_len, key, m->key_len);
	}
	m->values[i] = value;
	return 0;
}

void *hash_map_del(struct hash_map *m, const void *key)
{
	size_t i;
	void *v;

	if (!m->cap)
		return NULL;
	i = hash_map_slot(m, key);
	v = m->values[i];
	if (!v || v == TOMBSTONE)
		return NULL;
	m->values[i] = TOMBSTONE;
	m->count--;
	return v;
}

size_t hash_map_count(const struct hash_map *m)
{
	return m->count;
}

int hash_map_next(const struct hash_map *m, size_t *i, const void **key, void **value)
{
	for (; *i < m->cap; (*i)++) {
		if (!m->values[*i] || m->values[*i] == TOMBSTONE)
			continue;
		if (key)
			*key = m->keys + *i * m->key_len;
		*value = m->values[(*i)++];
		return 1;
	}
	return 0;
}
