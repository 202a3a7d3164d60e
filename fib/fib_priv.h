/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FIB_FIB_PRIV_H
#define FIB_FIB_PRIV_H

#include "fib/fib.h"

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>

enum { STRIDE = 4, FANOUT = 1 << STRIDE, LEVELS_MAX = 128 / STRIDE };

static_assert(8 % STRIDE == 0, "an index never crosses a byte");

/*
 * A slot is a leaf (a value or FIB_MISS) or, with the top bit set, the index of a child node.
 * FIB_MISS has the top bit too: no node has the index 0x7fffffff.
 */
#define SLOT_CHILD 0x80000000u

struct node {
	uint32_t slots[FANOUT];
};

static inline bool slot_is_child(uint32_t slot)
{
	return slot - SLOT_CHILD < FIB_MISS - SLOT_CHILD;
}

static inline uint32_t slot_load(const uint32_t *slot)
{
	return __atomic_load_n(slot, __ATOMIC_ACQUIRE);
}

/* The index into a node of the given level, 0 at the root. */
static inline unsigned addr_index(const uint8_t *addr, unsigned level)
{
	unsigned bit = level * STRIDE;

	return (unsigned)addr[bit / 8] >> (8 - STRIDE - bit % 8) & (FANOUT - 1);
}

/* nodes.c: the memory that readers walk, and what the writer knows of each node. */

struct node_note {
	uint64_t token;         /* retired: reusable when the readers have passed this */
	uint32_t uses;          /* routes that end in this node + children */
	uint32_t next;          /* in the free or the retired list */
	uint8_t owner[FANOUT];  /* of each leaf: length + 1 of the route it is from, 0: none */
};

struct node_list {
	uint32_t head, tail, count;
};

struct nodes {
	struct node *base; /* never moves: address space is reserved once, for the limit */
	struct node_note *notes;
	uint32_t limit;  /* nodes of address space */
	uint32_t mapped; /* nodes of usable memory */
	uint32_t used;   /* nodes handed out at least once */
	struct node_list free, retired;
	struct rte_rcu_qsbr *qsbr;
};

int nodes_init(struct nodes *n, uint32_t limit, struct rte_rcu_qsbr *qsbr);
void nodes_fini(struct nodes *n);
int nodes_reserve(struct nodes *n, uint32_t count); /* the next count takes succeed; -ENOMEM */
uint32_t nodes_take(struct nodes *n, uint32_t leaf, uint8_t owner); /* all slots that leaf */
void nodes_retire(struct nodes *n, uint32_t node); /* already unlinked; readers may be in it */
uint64_t nodes_bytes(const struct nodes *n);

/* rib.c: the routes of one family as they were set, hashed by prefix. Writer only. */

struct rib_entry {
	uint32_t value;
	uint8_t len;
	bool used, marked;
	uint8_t addr[]; /* addr_len bytes */
};

struct rib {
	uint8_t *table; /* cap entries of entry_len bytes, linear probing */
	uint32_t cap, count;
	uint32_t addr_len, entry_len;
	uint64_t seed[2];       /* secret: a guest chooses its prefixes, but not its collisions */
	uint32_t per_len[129];  /* routes of each length */
};

int rib_init(struct rib *rib, uint32_t addr_len);
void rib_fini(struct rib *rib);
struct rib_entry *rib_at(const struct rib *rib, uint32_t i); /* i < cap; may be unused */
struct rib_entry *rib_find(const struct rib *rib, const uint8_t *addr, unsigned len);
/* The longest route that is shorter than len and covers addr. */
struct rib_entry *rib_cover(const struct rib *rib, const uint8_t *addr, unsigned len);
int rib_reserve(struct rib *rib); /* room for one more; -ENOMEM */
void rib_add(struct rib *rib, const uint8_t *addr, unsigned len, uint32_t value); /* absent */
/* Entries behind it may move to it: look at its place again when iterating. */
void rib_del(struct rib *rib, struct rib_entry *entry);

/* trie.c: the lookup structure. root is a node; the caller reserved trie_missing() nodes. */

uint32_t trie_missing(const struct nodes *n, uint32_t root, const uint8_t *addr, unsigned len);
void trie_add(struct nodes *n, uint32_t root, const uint8_t *addr, unsigned len, uint32_t value);
void trie_change(struct nodes *n, uint32_t root, const uint8_t *addr, unsigned len,
		 uint32_t value);
/* cover: what uncovers, NULL: nothing. */
void trie_del(struct nodes *n, uint32_t root, const uint8_t *addr, unsigned len,
	      const struct rib_entry *cover);

/* fib.c */

enum { ROOT4, ROOT6 }; /* the nodes that are always there */

struct fib {
	struct nodes nodes; /* first: the only thing readers touch */
	uint32_t max_routes;
	struct rib rib[2]; /* by root */
};

#endif
