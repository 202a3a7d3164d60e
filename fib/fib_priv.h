/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FIB_FIB_PRIV_H
#define FIB_FIB_PRIV_H

/*
 * A table is a tree of nodes of 8 address bits each. A word stands for a node's slot: a leaf (a
 * color, which the table's palette turns into the value) or a reference to the node that looks at
 * the next 8 bits. Readers walk words and nodes; the writer keeps the routes in a tree of its own
 * (rib.c) that holds a reference to each node it had made.
 */

#include "fib/fib.h"

#include <assert.h>
#include <stdbool.h>

/* Words: the offset of a node in the arena with the code of its form in the low bits, or a color
 * and LEAF. Offsets are multiples of 32. FLAT: it belongs to a flat root, is no other table's, and
 * is written in place. */
#define CODE_MASK  0x0fu
#define FLAT       0x10u
#define WORD_SHIFT 5
#define NODE_MASK  0xffffffe0u

enum code {
	HALF8,    /* 32 bytes: up to 16 runs of slots with the same leaf, of 8-bit colors */
	HALF16,   /* up to 10 runs of 16-bit colors */
	HALF32,   /* up to 4 islands of any words in a sea of one word */
	FULL8,    /* 64 bytes: up to 32 runs */
	FULL8_2,  /* two of them, each for a half of the slots */
	FULL16,   /* 64 bytes: up to 21 runs */
	FULL16_2,
	FULL16_4,
	FULL32,   /* 64 bytes: up to 10 islands */
	FULL32_2,
	FULL32_4,
	BITMAP32, /* 256 bytes: up to 55 slots of any words among others of one word */
	DIRECT8,  /* a color a slot */
	DIRECT16,
	DIRECT32, /* a word a slot */
	LEAF,     /* no node */
	CODES,
};

enum { SLOTS = 256, NODE_BYTES_MAX = SLOTS * 4, LEVELS = 16, COLOR_MISS = 0 };

/*
 * The form of a node, by code. A node is lines of 1 << (8 - shift) each; slot b is in the line at
 * (b >> shift) << stride. A line begins with the first slots of its runs but the lowest, from high
 * to low, zeroes behind them; how many of those `starts` bytes are above b is the run that b is in.
 * The values follow at `values`, 1 << width bytes each, from the highest run to the lowest; where
 * `islands`, the first is the sea and run 2i - 1 is island i. BITMAP32 has no starts, see
 * bitmap_value(). (By field, since vectors of codes look fields up 16 at a time.)
 */
struct forms {
	uint16_t bytes[CODES];
	uint8_t shift[CODES], stride[CODES], starts[CODES], values[CODES], width[CODES];
	uint8_t islands[CODES];
};

extern const struct forms forms;

static inline uint32_t leaf_of(uint32_t color)
{
	return color << WORD_SHIFT | LEAF;
}

static inline bool is_leaf(uint32_t word)
{
	return (word & CODE_MASK) == LEAF;
}

static inline uint32_t color_of(uint32_t leaf)
{
	return leaf >> WORD_SHIFT;
}

/* BITMAP32 is a bit for each slot that has a word of its own, the word of the others, and those
 * words. Which of the words is the slot's? */
typedef uint64_t loose_u64 __attribute__((may_alias));

static inline unsigned bitmap_value(const uint8_t *node, unsigned slot)
{
	const loose_u64 *bits = (const loose_u64 *)node;
	uint64_t own = bits[slot / 64] >> slot % 64 & 1, below = (1ull << slot % 64) - 1;
	int value = __builtin_popcountll(bits[slot / 64] & below) + 1;

	for (unsigned i = 0; i < 3; i++)
		value += i < slot / 64 ? __builtin_popcountll(bits[i]) : 0;
	return (unsigned)value & -(unsigned)own;
}

/* node.c: slots to node and back. node has room for NODE_BYTES_MAX and is written as far as the
 * form goes; all slots alike and a leaf: LEAF, and nothing is written. bitmaps: BITMAP32 may be. */
enum code node_encode(const uint32_t slots[SLOTS], bool bitmaps, uint8_t *node);
void node_decode(enum code code, const uint8_t *node, uint32_t slots[SLOTS]);
/* Another word for one slot, if that is all there is to it: the node is then as node_encode() would
 * make it. False: it is not, and the node is as before. */
bool node_patch(enum code code, uint8_t *node, unsigned slot, uint32_t word);

/*
 * arena.c: blocks of 32 << class bytes, aligned to their size, in one stretch of address space that
 * never moves. Offset 0 is no block but 64 bytes of zeroes, where readers look for want of better.
 */
enum { BLOCK_SHIFT = 5, BLOCK_CLASSES = 20 };

struct retired {
	uint64_t token;
	uint32_t offset, class;
};

/* Of a block that is a node, the writer's. */
struct block_note {
	uint32_t refs, hash;
};

struct blocks {
	uint8_t *base;
	struct block_note *notes; /* by offset >> BLOCK_SHIFT */
	uint64_t max_bytes, reserved, mapped, top;
	uint64_t used, waiting; /* bytes in blocks that are taken; retired */
	uint32_t free[BLOCK_CLASSES]; /* offset of the first, which holds that of the next; 0: none */
	struct rte_rcu_qsbr *qsbr;
	/* Retired blocks, oldest first: a ring with room for every block there is, so that giving
	 * one back never fails. Those from `sealed` on have no token yet. */
	struct retired *ring;
	uint32_t ring_cap, ring_head, ring_count, ring_sealed, taken;
};

int blocks_init(struct blocks *b, const struct fib_arena_conf *conf);
void blocks_fini(struct blocks *b);
unsigned block_class(uint64_t bytes);
/* -ENOSPC: the arena's limit. -ENOMEM. */
int block_take(struct blocks *b, unsigned class, uint32_t *offset);
void block_retire(struct blocks *b, uint32_t offset, unsigned class);
/* What was retired until now is out of every reader's reach when each has been quiescent once. */
void blocks_seal(struct blocks *b);

/* intern.c: each distinct node once, counted. */
struct fib_arena {
	struct blocks blocks;
	uint32_t *table; /* words of the nodes by hash: cap places, linear probing; 0: empty */
	uint32_t cap, count;
	uint64_t seed[4]; /* secret: guests choose what is hashed */
};

static inline const uint8_t *word_node(const struct fib_arena *a, uint32_t word)
{
	return a->blocks.base + (word & NODE_MASK);
}

static inline struct block_note *word_note(const struct fib_arena *a, uint32_t word)
{
	return &a->blocks.notes[word >> BLOCK_SHIFT];
}

/* *word: a node with these slots, or the leaf that they are; the caller holds a reference. */
int intern_slots(struct fib_arena *a, const uint32_t slots[SLOTS], bool bitmaps, uint32_t *word);
/* The same with the slots of a node that is there, and another word for one of them. -EAGAIN: that
 * takes another form, or other runs. */
int intern_patched(struct fib_arena *a, uint32_t known, unsigned slot, uint32_t slot_word,
		   uint32_t *word);
void intern_unref(struct fib_arena *a, uint32_t word); /* leaf allowed */

/* palette.c: the colors of one table. The first values are PALETTE_SMALL: few enough for registers. */
enum { PALETTE_SMALL = 64 };

struct palette {
	uint32_t offset; /* of the values by color, in the arena: what readers use */
	uint32_t cap;    /* for readers, too */
	uint32_t count;  /* colors that are not free, COLOR_MISS too */
	uint32_t used;   /* those of routes */
	uint32_t *refs;  /* by color */
	uint32_t *hash;  /* 2 * cap places: color by value; 0: empty */
	uint64_t *free;  /* bitmap of cap colors */
	struct retired *waiting; /* colors no route has any more: a ring of cap */
	uint32_t waiting_head, waiting_count;
};

int palette_init(struct palette *p, struct blocks *b);
void palette_fini(struct palette *p, struct blocks *b);
/* Counts one more use. *color: 1 or more. */
int palette_get(struct palette *p, struct blocks *b, uint32_t value, uint32_t *color);
/* COLOR_MISS: no route has it. */
uint32_t palette_color(const struct palette *p, const struct blocks *b, uint32_t value);
void palette_put(struct palette *p, struct blocks *b, uint32_t color); /* COLOR_MISS allowed */
uint32_t palette_value(const struct palette *p, const struct blocks *b, uint32_t color);
/* Of the colors that routes have, readers' values or the rest; without room for more. */
uint64_t palette_bytes_lookup(const struct palette *p);
uint64_t palette_bytes_rib(const struct palette *p);

/*
 * rib.c: the routes as they were set. A rib_node has those whose prefixes end in its 8 bits, by
 * position: 1 << bits | the bits, so that longer ones come later.
 */
struct rib_kid {
	struct rib_node *node;
	uint32_t word; /* held: what readers find there */
	uint8_t slot;
};

struct rib_node {
	struct rib_node *parent, *next; /* next: in a list of changed ones */
	struct rib_kid *kids;           /* by slot */
	uint32_t *colors;               /* by position, RIB_MARKED may be set */
	uint16_t *positions;
	uint16_t route_count, route_cap, kid_count, kid_cap;
	uint32_t inherited; /* the color of shorter routes */
	uint32_t before;    /* CHANGED_WORD: the word until the change is published */
	uint16_t place;     /* CHANGED_WORD: which of the parent's kids it is */
	uint8_t below;      /* CHANGED_BELOW, not CHANGED_MANY: the slot whose word changed */
	uint8_t level, slot, changed;
};

enum { CHANGED_ROUTES = 1, CHANGED_BELOW = 2, CHANGED_MANY = 4, CHANGED_WORD = 8 };
#define RIB_MARKED 0x80000000u

struct rib_node *rib_node_create(struct rib_node *parent, unsigned slot);
void rib_node_destroy(struct rib_node *node); /* and all below; the words are given back before */
uint64_t rib_node_bytes(const struct rib_node *node); /* without room for more */
void rib_node_trim(struct rib_node *node);
struct rib_kid *rib_kid_find(const struct rib_node *node, unsigned slot);
int rib_kid_add(struct rib_node *node, struct rib_node *kid, uint32_t word);
void rib_kid_del(struct rib_node *node, unsigned slot);
uint32_t *rib_route_find(const struct rib_node *node, unsigned position);
int rib_route_add(struct rib_node *node, unsigned position, uint32_t color);
void rib_route_del(struct rib_node *node, unsigned position);
/* Which color each slot has of the node's own and of shorter routes. */
void rib_paint(const struct rib_node *node, uint32_t *restrict colors);
/* That of one slot. */
uint32_t rib_slot_color(const struct rib_node *node, unsigned slot);

/* The level at which a prefix of this length ends, and its position there. */
static inline unsigned rib_level(unsigned len)
{
	return len ? (len - 1) / 8 : 0;
}

static inline unsigned rib_position(const uint8_t *addr, unsigned len)
{
	unsigned level = rib_level(len), bits = len - level * 8;

	return 1u << bits | (unsigned)addr[level] >> (8 - bits);
}

/* fib.c */

/* One family of a table, as the writer has it. */
struct table {
	struct rib_node *rib;
	uint32_t routes;
	uint32_t flat;    /* offset of the array by the first 16 bits; 0: the root is a node */
	uint64_t charged; /* bytes of nodes, as if each place had its own */
};

struct fib {
	/* What readers touch: one cache line. */
	uint32_t root[2]; /* of IPv4, of IPv6: a word, or offset | FLAT */
	const uint8_t *base;
	struct palette palette; /* begins with its offset */

	struct fib_arena *arena;
	struct table tables[2];
	uint32_t max_routes;
	uint64_t max_bytes, bytes_rib;
	enum fib_root root_kind;
};

/* What max_bytes limits. */
static inline uint64_t fib_bytes(const struct fib *fib)
{
	return sizeof(*fib) + fib->bytes_rib + palette_bytes_rib(&fib->palette) +
	       palette_bytes_lookup(&fib->palette) + fib->tables[0].charged +
	       fib->tables[1].charged;
}

static_assert(offsetof(struct fib, palette.offset) + sizeof(uint32_t) <= 64, "readers' line");

/* publish.c: what changed in the rib reaches the readers. */
struct changes {
	struct fib *fib;
	struct table *table;
	struct rib_node *changed[LEVELS]; /* by level */
	uint32_t root, flat; /* the table's after the change */
};

void changes_note(struct changes *c, struct rib_node *node, unsigned how);
/* Makes all that readers will see, out of their sight. On error it is as if it had not been called;
 * otherwise changes_show() or changes_drop() follows. */
int changes_prepare(struct changes *c);
void changes_drop(struct changes *c);
void changes_show(struct changes *c);
/* The caller has set the rib back: so does what was derived in it. */
void changes_forget(struct changes *c);
void table_clear(struct fib *fib, struct table *t); /* no reader has it any more */

/* A value of any width is loaded as 4 bytes, from where it is. */
typedef uint32_t loose_u32 __attribute__((aligned(1), may_alias));

/* The word that a line has for a slot, which so many runs' starts are above. */
static inline uint32_t line_word(const uint8_t *line, enum code code, unsigned slot, unsigned run)
{
	uint32_t value;

	if (code == BITMAP32)
		run = bitmap_value(line, slot);
	else if (forms.islands[code])
		run = run % 2 ? run / 2 + 1 : 0;
	line += forms.values[code] + (run << forms.width[code]);
	/* A word may be of a page, which is written in place. */
	if (forms.width[code] == 2)
		return __atomic_load_n((const uint32_t *)line, __ATOMIC_ACQUIRE);
	value = *(const loose_u32 *)line;
	return leaf_of(value & (forms.width[code] ? 0xffff : 0xff));
}

/* Of the slot's line. */
static inline const uint8_t *line_of(const uint8_t *base, uint32_t word, unsigned slot)
{
	enum code code = word & CODE_MASK;

	return base + (word & NODE_MASK) + ((slot >> forms.shift[code]) << forms.stride[code]);
}

/* lookup_body.h, compiled for a kind of vectors: bursts of up to LANES. */
enum { LANES = 64 };

typedef void lookup_fn(const struct fib *const *fibs, const uint8_t *dst, uint32_t *values,
		       unsigned n);

struct lookup_body {
	lookup_fn *lookup4, *lookup6;
};

extern const struct lookup_body lookup_scalar, lookup_avx2, lookup_avx512;

#endif
