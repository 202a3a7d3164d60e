/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A path-compressed binary trie of prefixes. Nodes without routes exist where two branches part;
 * `below` counts the weak nodes of a subtree, so that a change of a short route finds what depends
 * on it without walking everything.
 */
#include "vrouter/intake_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int vec_push(struct vec *v, void *p)
{
	if (v->n == v->cap) {
		size_t cap = v->cap ? v->cap * 2 : 64;
		void **bigger = realloc(v->v, cap * sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		v->v = bigger;
		v->cap = cap;
	}
	v->v[v->n++] = p;
	return 0;
}

static unsigned bit(const uint8_t *addr, unsigned at)
{
	return addr[at / 8] >> (7 - at % 8) & 1;
}

/* Leading bits that a and b share, at most max. */
static unsigned common(const uint8_t *a, const uint8_t *b, unsigned max)
{
	unsigned n = 0;

	while (n + 8 <= max && a[n / 8] == b[n / 8])
		n += 8;
	while (n < max && bit(a, n) == bit(b, n))
		n++;
	return n;
}

unsigned trie_table_index(const struct intake *in, const struct table *t)
{
	for (unsigned i = 0; i < TABLES_MAX; i++) {
		if (in->tables[i] == t)
			return i;
	}
	return 0;
}

static struct node *node_new(unsigned table, bool v6, const uint8_t *addr, unsigned len)
{
	unsigned bytes = v6 ? 16 : 4;
	struct node *n = calloc(1, sizeof(*n) + bytes);

	if (!n)
		return NULL;
	n->table = (uint16_t)table;
	n->flags = v6 ? NODE_V6 : 0;
	n->len = (uint8_t)len;
	memcpy(n->addr, addr, len / 8);
	if (len % 8)
		n->addr[len / 8] = addr[len / 8] & (uint8_t)(0xff00u >> len % 8);
	return n;
}

static void adopt(struct node *parent, struct node *child)
{
	parent->child[bit(child->addr, parent->len)] = child;
	child->parent = parent;
	parent->below += child->below;
}

struct node *trie_get(struct intake *in, struct table *t, bool v6, const uint8_t *addr,
		      unsigned len)
{
	struct node **slot = &t->root[v6], *parent = NULL, *at, *n, *glue;
	unsigned table = t->root[v6] ? t->root[v6]->table : trie_table_index(in, t), c = 0;

	while ((at = *slot)) {
		c = common(at->addr, addr, at->len < len ? at->len : len);
		if (c < at->len)
			break;
		if (at->len == len)
			return at;
		parent = at;
		slot = &at->child[bit(addr, at->len)];
	}
	n = node_new(table, v6, addr, len);
	if (!n)
		return NULL;
	if (at && c < len) {
		glue = node_new(table, v6, addr, c);
		if (!glue) {
			free(n);
			return NULL;
		}
		adopt(glue, at);
		adopt(glue, n);
		glue->parent = parent;
		*slot = glue;
		return n;
	}
	if (at)
		adopt(n, at);
	n->parent = parent;
	*slot = n;
	return n;
}

struct node *trie_find(const struct table *t, bool v6, const uint8_t *addr, unsigned len)
{
	struct node *n = t->root[v6];

	while (n && n->len <= len && common(n->addr, addr, n->len) == n->len) {
		if (n->len == len)
			return n;
		n = n->child[bit(addr, n->len)];
	}
	return NULL;
}

/* The node after n's subtree, inside top's (NULL top: the whole trie). */
struct node *trie_skip(const struct node *n, const struct node *top)
{
	for (; n != top && n->parent; n = n->parent) {
		if (n == n->parent->child[0] && n->parent->child[1])
			return n->parent->child[1];
	}
	return NULL;
}

/* Preorder. */
struct node *trie_next(const struct node *n, const struct node *top)
{
	if (n->child[0])
		return n->child[0];
	if (n->child[1])
		return n->child[1];
	return trie_skip(n, top);
}

/* Counts n as weak or not, up to the root. */
void trie_weaken(struct node *n)
{
	bool weak = n->neighs > 0, was = n->flags & NODE_WEAK;

	for (const struct alias *a = n->routes; a; a = a->next)
		weak |= a->rank == RANK_DEFAULT;
	if (weak == was)
		return;
	n->flags ^= NODE_WEAK;
	for (; n; n = n->parent)
		n->below += weak ? 1u : -1u;
}

/* Frees n, and parents that were kept for it, when nothing needs them. */
void trie_prune(struct intake *in, struct node *n)
{
	while (n && !n->routes && !n->neighs && !n->nh && !(n->flags & NODE_DIRTY) &&
	       !(n->child[0] && n->child[1])) {
		struct node *child = n->child[0] ? n->child[0] : n->child[1], *parent = n->parent;
		struct node **slot = &in->tables[n->table]->root[n->flags & NODE_V6];

		if (parent)
			slot = &parent->child[parent->child[1] == n];
		*slot = child;
		if (child)
			child->parent = parent;
		free(n);
		n = parent;
	}
}

/* Nodes only; routes and next hops must be gone. */
void trie_free(struct node *root)
{
	struct node *n = root;

	while (n) {
		struct node *parent = n->parent;

		if (n->child[0] || n->child[1]) {
			n = n->child[0] ? n->child[0] : n->child[1];
			continue;
		}
		if (parent)
			parent->child[parent->child[1] == n] = NULL;
		free(n);
		n = parent;
	}
}

/* Forgets queued nodes that came and went, so that the queue is bounded by what there is.
 * Between messages only: nobody may hold a node. */
void nodes_shrink(struct intake *in)
{
	size_t keep = 0, n = in->dirty.n;

	if (n < in->dirty_limit)
		return;

	for (size_t i = 0; i < n; i++) {
		struct node *d = in->dirty.v[i];

		if (d->routes || d->neighs || d->nh) {
			in->dirty.v[keep++] = d;
			continue;
		}
		d->flags &= (uint8_t)~NODE_DIRTY;
		trie_prune(in, d);
	}
	in->dirty.n = keep;
	in->dirty_limit = keep * 2 + 65536;
}

void node_dirty(struct intake *in, struct node *n)
{
	if (n->flags & NODE_DIRTY)
		return;
	n->flags |= NODE_DIRTY;
	if (vec_push(&in->dirty, n) < 0) {
		in->tables[n->table]->all = true;
		n->flags &= (uint8_t)~NODE_DIRTY;
	}
}

static bool link_local(const uint8_t addr[16])
{
	return addr[0] == 0xfe && (addr[1] & 0xc0) == 0x80;
}

void link_local_zone(uint8_t addr[16], uint32_t ifindex)
{
	static const uint8_t zero[6];

	if (link_local(addr) && !memcmp(addr + 2, zero, sizeof(zero)))
		memcpy(addr + 4, &ifindex, sizeof(ifindex));
}

uint32_t node_zone(const struct node *n)
{
	uint32_t ifindex = 0;

	if (n->flags & NODE_V6 && n->len == 128 && link_local(n->addr))
		memcpy(&ifindex, n->addr + 4, sizeof(ifindex));
	return ifindex;
}

void node_prefix(const struct node *n, const struct nh *nh, struct intake_prefix *p)
{
	memset(p, 0, sizeof(*p));
	p->family = n->flags & NODE_V6 ? 6 : 4;
	p->len = n->len;
	memcpy(p->addr, n->addr, n->flags & NODE_V6 ? 16 : 4);
	if (nh && node_zone(n)) {
		memset(p->addr + 4, 0, 4);
		p->port = (uint16_t)(nh->port + 1);
	}
}
