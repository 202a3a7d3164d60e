/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nodes live in one array whose address space is reserved at once and made usable in steps, so
 * that a 32-bit index is a reference and growth never moves what readers look at. A node that is
 * unlinked waits in the retired list until every reader has passed a quiescent state.
 */
#include "fib/fib_priv.h"

#include <errno.h>
#include <sys/mman.h>

#include <rte_rcu_qsbr.h>

enum { NODES_FIRST = 64, NODES_STEP = (2 << 20) / sizeof(struct node) }; /* 4 KiB; 2 MiB */

static void list_push(struct nodes *n, struct node_list *list, uint32_t node)
{
	if (list->count++)
		n->notes[list->tail].next = node;
	else
		list->head = node;
	list->tail = node;
}

static uint32_t list_pop(struct nodes *n, struct node_list *list)
{
	uint32_t node = list->head;

	list->head = n->notes[node].next;
	list->count--;
	return node;
}

static void *reserve(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

int nodes_init(struct nodes *n, uint32_t limit, struct rte_rcu_qsbr *qsbr)
{
	*n = (struct nodes){ .limit = limit, .qsbr = qsbr };
	n->base = reserve((size_t)limit * sizeof(*n->base));
	if (!n->base)
		return -ENOMEM;
	n->notes = reserve((size_t)limit * sizeof(*n->notes));
	if (!n->notes) {
		munmap(n->base, (size_t)limit * sizeof(*n->base));
		return -ENOMEM;
	}
	/* Only the usable part can become huge pages, so small tables stay small. */
	madvise(n->base, (size_t)limit * sizeof(*n->base), MADV_HUGEPAGE);
	return 0;
}

void nodes_fini(struct nodes *n)
{
	munmap(n->notes, (size_t)n->limit * sizeof(*n->notes));
	munmap(n->base, (size_t)n->limit * sizeof(*n->base));
}

static int grow(struct nodes *n)
{
	uint32_t step = n->mapped ? RTE_MIN(n->mapped, (uint32_t)NODES_STEP) : NODES_FIRST;
	uint32_t mapped = RTE_MIN(n->mapped + step, n->limit);

	if (mapped == n->mapped)
		return -ENOMEM;
	if (mprotect(n->base, mapped * sizeof(*n->base), PROT_READ | PROT_WRITE) < 0 ||
	    mprotect(n->notes, mapped * sizeof(*n->notes), PROT_READ | PROT_WRITE) < 0)
		return -ENOMEM;
	n->mapped = mapped;
	return 0;
}

static void reclaim(struct nodes *n)
{
	while (n->retired.count) {
		uint64_t token = n->notes[n->retired.head].token;

		if (n->qsbr && rte_rcu_qsbr_check(n->qsbr, token, false) != 1)
			return;
		list_push(n, &n->free, list_pop(n, &n->retired));
	}
}

int nodes_reserve(struct nodes *n, uint32_t count)
{
	if (n->free.count < count)
		reclaim(n);
	while (n->free.count + (n->mapped - n->used) < count) {
		int r = grow(n);

		if (r < 0)
			return r;
	}
	return 0;
}

uint32_t nodes_take(struct nodes *n, uint32_t leaf, uint8_t owner)
{
	uint32_t node = n->free.count ? list_pop(n, &n->free) : n->used++;

	for (unsigned i = 0; i < FANOUT; i++) {
		n->base[node].slots[i] = leaf;
		n->notes[node].owner[i] = owner;
	}
	n->notes[node].uses = 0;
	return node;
}

void nodes_retire(struct nodes *n, uint32_t node)
{
	n->notes[node].token = n->qsbr ? rte_rcu_qsbr_start(n->qsbr) : 0;
	list_push(n, &n->retired, node);
}

uint64_t nodes_bytes(const struct nodes *n)
{
	return (uint64_t)n->mapped * (sizeof(struct node) + sizeof(struct node_note));
}
