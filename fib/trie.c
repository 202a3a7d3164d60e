/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A multibit trie with leaf pushing: a route of length len ends in the node of level
 * (len - 1) / STRIDE, where it covers a power of two of neighbouring slots, and is written into
 * every leaf below them that no longer route owns. The owner of a leaf is kept beside it, for the
 * writer: a delete gives back exactly the leaves the route owns.
 *
 * Each change is a sequence of single-word stores, each of which leaves a trie that is right for
 * every address, before or after the change.
 */
#include "fib/fib_priv.h"

static void slot_store(uint32_t *slot, uint32_t value)
{
	__atomic_store_n(slot, value, __ATOMIC_RELEASE);
}

static unsigned level_of(unsigned len)
{
	return len ? (len - 1) / STRIDE : 0;
}

/* What a change writes, and which leaves it may write to: those with an owner in [from, to]. */
struct paint {
	uint32_t value;
	uint8_t owner, from, to;
};

static void paint(struct nodes *n, uint32_t node, unsigned first, unsigned count,
		  const struct paint *p)
{
	struct node_note *note = &n->notes[node];

	for (unsigned i = first; i < first + count; i++) {
		uint32_t slot = n->base[node].slots[i];

		if (slot_is_child(slot)) {
			paint(n, slot & ~SLOT_CHILD, 0, FANOUT, p);
		} else if (note->owner[i] >= p->from && note->owner[i] <= p->to) {
			note->owner[i] = p->owner;
			slot_store(&n->base[node].slots[i], p->value);
		}
	}
}

static void paint_route(struct nodes *n, uint32_t node, const uint8_t *addr, unsigned len,
			const struct paint *p)
{
	unsigned level = level_of(len);

	paint(n, node, addr_index(addr, level), 1u << ((level + 1) * STRIDE - len), p);
}

/* The deepest node there is on the way to the route's; *level (0 at first) tells how deep. */
static uint32_t descend(const struct nodes *n, uint32_t root, const uint8_t *addr, unsigned len,
			unsigned *level)
{
	uint32_t node = root;

	for (*level = 0; *level < level_of(len); ++*level) {
		uint32_t slot = n->base[node].slots[addr_index(addr, *level)];

		if (!slot_is_child(slot))
			break;
		node = slot & ~SLOT_CHILD;
	}
	return node;
}

uint32_t trie_missing(const struct nodes *n, uint32_t root, const uint8_t *addr, unsigned len)
{
	unsigned level;

	descend(n, root, addr, len, &level);
	return level_of(len) - level;
}

void trie_add(struct nodes *n, uint32_t root, const uint8_t *addr, unsigned len, uint32_t value)
{
	struct paint p = { .value = value, .owner = (uint8_t)(len + 1), .to = (uint8_t)(len + 1) };
	unsigned level;
	uint32_t node = descend(n, root, addr, len, &level);

	for (; level < level_of(len); level++) {
		unsigned i = addr_index(addr, level);
		uint32_t child = nodes_take(n, n->base[node].slots[i], n->notes[node].owner[i]);

		slot_store(&n->base[node].slots[i], SLOT_CHILD | child);
		n->notes[node].uses++;
		node = child;
	}
	n->notes[node].uses++;
	paint_route(n, node, addr, len, &p);
}

void trie_change(struct nodes *n, uint32_t root, const uint8_t *addr, unsigned len, uint32_t value)
{
	uint8_t owner = (uint8_t)(len + 1);
	struct paint p = { .value = value, .owner = owner, .from = owner, .to = owner };
	unsigned level;

	paint_route(n, descend(n, root, addr, len, &level), addr, len, &p);
}

void trie_del(struct nodes *n, uint32_t root, const uint8_t *addr, unsigned len,
	      const struct rib_entry *cover)
{
	uint8_t owner = (uint8_t)(len + 1);
	struct paint p = { .value = cover ? cover->value : FIB_MISS,
			   .owner = cover ? (uint8_t)(cover->len + 1) : 0,
			   .from = owner,
			   .to = owner };
	uint32_t path[LEVELS_MAX];
	unsigned level = level_of(len);

	path[0] = root;
	for (unsigned l = 0; l < level; l++)
		path[l + 1] = n->base[path[l]].slots[addr_index(addr, l)] & ~SLOT_CHILD;
	paint_route(n, path[level], addr, len, &p);

	n->notes[path[level]].uses--;
	for (; level > 0 && n->notes[path[level]].uses == 0; level--) {
		/* Nothing ends here or below: all slots are the same leaf of some shorter route. */
		uint32_t child = path[level], parent = path[level - 1];
		unsigned i = addr_index(addr, level - 1);

		n->notes[parent].owner[i] = n->notes[child].owner[0];
		slot_store(&n->base[parent].slots[i], n->base[child].slots[0]);
		nodes_retire(n, child);
		n->notes[parent].uses--;
	}
}
