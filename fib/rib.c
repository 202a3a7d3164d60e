/* SPDX-License-Identifier: Apache-2.0 */
#include "fib/fib_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct rib_node *rib_node_create(struct rib_node *parent, unsigned slot)
{
	struct rib_node *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	n->parent = parent;
	n->slot = (uint8_t)slot;
	if (parent) {
		n->level = (uint8_t)(parent->level + 1);
		n->inherited = rib_slot_color(parent, slot);
	}
	return n;
}

void rib_node_destroy(struct rib_node *n)
{
	if (!n)
		return;
	for (unsigned i = 0; i < n->kid_count; i++)
		rib_node_destroy(n->kids[i].node);
	free(n->kids);
	free(n->colors);
	free(n->positions);
	free(n);
}

uint64_t rib_node_bytes(const struct rib_node *n)
{
	return sizeof(*n) + n->kid_count * sizeof(*n->kids) +
	       n->route_count * (sizeof(*n->colors) + sizeof(*n->positions));
}

/* The first kid whose slot is not below. */
static unsigned kid_index(const struct rib_node *n, unsigned slot)
{
	unsigned low = 0, high = n->kid_count;

	if (high == SLOTS)
		return slot;
	while (low < high) {
		unsigned mid = (low + high) / 2;

		if (n->kids[mid].slot < slot)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

struct rib_kid *rib_kid_find(const struct rib_node *n, unsigned slot)
{
	unsigned i = kid_index(n, slot);

	return i < n->kid_count && n->kids[i].slot == slot ? &n->kids[i] : NULL;
}

static unsigned bigger(unsigned cap)
{
	return cap < 4 ? cap + 2 : cap + cap / 2;
}

int rib_kid_add(struct rib_node *n, struct rib_node *kid, uint32_t word)
{
	unsigned i = kid_index(n, kid->slot);

	if (n->kid_count == n->kid_cap) {
		unsigned cap = bigger(n->kid_cap);
		struct rib_kid *kids = realloc(n->kids, cap * sizeof(*kids));

		if (!kids)
			return -ENOMEM;
		n->kids = kids;
		n->kid_cap = (uint16_t)cap;
	}
	memmove(&n->kids[i + 1], &n->kids[i], (n->kid_count - i) * sizeof(*n->kids));
	n->kids[i] = (struct rib_kid){ .node = kid, .word = word, .slot = kid->slot };
	n->kid_count++;
	return 0;
}

void rib_kid_del(struct rib_node *n, unsigned slot)
{
	unsigned i = kid_index(n, slot);

	n->kid_count--;
	memmove(&n->kids[i], &n->kids[i + 1], (n->kid_count - i) * sizeof(*n->kids));
}

static unsigned route_index(const struct rib_node *n, unsigned position)
{
	unsigned low = 0, high = n->route_count;

	while (low < high) {
		unsigned mid = (low + high) / 2;

		if (n->positions[mid] < position)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

uint32_t *rib_route_find(const struct rib_node *n, unsigned position)
{
	unsigned i = route_index(n, position);

	return i < n->route_count && n->positions[i] == position ? &n->colors[i] : NULL;
}

/* Gives room back that is more than as much again; where that fails, it stays. */
void rib_node_trim(struct rib_node *n)
{
	unsigned cap = n->route_count + n->route_count / 2 + 2;
	uint16_t *positions;
	uint32_t *colors;

	if (n->route_cap <= 2 * n->route_count + 4)
		return;
	colors = realloc(n->colors, cap * sizeof(*colors));
	if (!colors)
		return;
	n->colors = colors;
	n->route_cap = (uint16_t)cap;
	positions = realloc(n->positions, cap * sizeof(*positions));
	if (positions)
		n->positions = positions;
}

static int route_room(struct rib_node *n)
{
	unsigned cap = bigger(n->route_cap);
	uint16_t *positions;
	uint32_t *colors;

	if (n->route_count < n->route_cap)
		return 0;
	positions = realloc(n->positions, cap * sizeof(*positions));
	if (!positions)
		return -ENOMEM;
	n->positions = positions;
	colors = realloc(n->colors, cap * sizeof(*colors));
	if (!colors)
		return -ENOMEM;
	n->colors = colors;
	n->route_cap = (uint16_t)cap;
	return 0;
}

int rib_route_add(struct rib_node *n, unsigned position, uint32_t color)
{
	unsigned i = route_index(n, position), behind = n->route_count - i;
	int r = route_room(n);

	if (r)
		return r;
	memmove(&n->positions[i + 1], &n->positions[i], behind * sizeof(*n->positions));
	memmove(&n->colors[i + 1], &n->colors[i], behind * sizeof(*n->colors));
	n->positions[i] = (uint16_t)position;
	n->colors[i] = color;
	n->route_count++;
	return 0;
}

void rib_route_del(struct rib_node *n, unsigned position)
{
	unsigned i = route_index(n, position), behind;

	behind = --n->route_count - i;
	memmove(&n->positions[i], &n->positions[i + 1], behind * sizeof(*n->positions));
	memmove(&n->colors[i], &n->colors[i + 1], behind * sizeof(*n->colors));
}

void rib_paint(const struct rib_node *n, uint32_t *restrict colors)
{
	const uint16_t *positions = n->positions;
	const uint32_t *route_colors = n->colors, inherited = n->inherited;
	unsigned count = n->route_count, i = 0;

	for (unsigned slot = 0; slot < SLOTS; slot++)
		colors[slot] = inherited;
	for (; i < count && positions[i] < SLOTS; i++) {
		unsigned bits = 31 - (unsigned)__builtin_clz(positions[i]);
		uint32_t *to = &colors[(positions[i] & ~(1u << bits)) << (8 - bits)];
		uint32_t color = route_colors[i] & ~RIB_MARKED;

		for (uint32_t *end = to + (256u >> bits); to < end; to += 2)
			to[0] = to[1] = color;
	}
	/* Most are of all 8 bits, and come last. */
	for (; i < count; i++)
		colors[positions[i] - SLOTS] = route_colors[i] & ~RIB_MARKED;
}

uint32_t rib_slot_color(const struct rib_node *n, unsigned slot)
{
	for (unsigned position = SLOTS | slot; n->route_count && position; position >>= 1) {
		const uint32_t *color = rib_route_find(n, position);

		if (color)
			return *color & ~RIB_MARKED;
	}
	return n->inherited;
}
