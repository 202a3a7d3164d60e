/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* FNV-1a, 64 bit, finished with an avalanche. Not for keys an adversary chooses in bulk. */
uint64_t hash_bytes(const void *bytes, size_t len);

/*
 * An open-addressing map from a fixed-size key to a pointer. Keys are copied in; padding bytes
 * of the key type must be zeroed by the caller. Single-threaded.
 */
struct hash_map;

struct hash_map *hash_map_create(size_t key_len); /* NULL: out of memory */
void hash_map_destroy(struct hash_map *m);        /* NULL allowed; values are the caller's */
void *hash_map_find(const struct hash_map *m, const void *key); /* NULL: absent */
int hash_map_set(struct hash_map *m, const void *key, void *value); /* value not NULL; -ENOMEM */
void *hash_map_del(struct hash_map *m, const void *key);            /* the old value or NULL */
size_t hash_map_count(const struct hash_map *m);

/* Iteration: `size_t i = 0; while (hash_map_next(m, &i, &key, &value)) ...`. Deleting the entry
 * just returned is allowed, adding is not. */
int hash_map_next(const struct hash_map *m, size_t *i, const void **key, void **value);

#endif
