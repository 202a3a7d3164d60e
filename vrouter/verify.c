/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each view of a take is an array, sorted by table and prefix. Next hops are interned over all
 * views and takes, so that comparing is comparing numbers: 0 is nothing, n is nhs[n - 1].
 */
#include "vrouter/verify.h"

#include "base/hash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { HOPS_MAX = 64, LEFT_OUT_MAX = 32 };

struct key { /* compared as bytes */
	uint32_t table;
	struct intake_prefix prefix;
};

struct entry {
	struct key key;
	uint32_t nh;
	uint64_t routes;
	bool unsure;
};

struct difference {
	struct key key;
	uint32_t nhs[VERIFY_VIEWS];
	uint64_t routes[VERIFY_FIB];
};

struct interned {
	struct verify_nh nh;
	uint64_t hash;
	uint32_t same; /* the next of this hash, as a number; 0: none */
	struct verify_hop hops[];
};

struct view {
	struct entry *entries;
	size_t count, cap, routes;
	bool told;
};

struct verify {
	struct view views[VERIFY_VIEWS];
	bool full[2], bad;
	unsigned takes;
	struct interned **nhs;
	size_t nh_count, nh_cap;
	struct hash_map *by_hash; /* number of the first */
	struct difference *found; /* that all takes had */
	size_t found_count, changing;
	struct left_out {
		uint32_t table;
		size_t prefixes;
	} left_out[LEFT_OUT_MAX]; /* of the last take */
	unsigned left_out_count;
};

int verify_create(struct verify **out)
{
	struct verify *v = calloc(1, sizeof(*v));

	if (v)
		v->by_hash = hash_map_create(sizeof(uint64_t));
	if (!v || !v->by_hash) {
		free(v);
		return -ENOMEM;
	}
	*out = v;
	return 0;
}

void verify_destroy(struct verify *v)
{
	if (!v)
		return;
	for (unsigned i = 0; i < VERIFY_VIEWS; i++)
		free(v->views[i].entries);
	for (size_t i = 0; i < v->nh_count; i++)
		free(v->nhs[i]);
	free(v->nhs);
	free(v->found);
	hash_map_destroy(v->by_hash);
	free(v);
}

void verify_begin(struct verify *v)
{
	for (unsigned i = 0; i < VERIFY_VIEWS; i++) {
		v->views[i].count = v->views[i].routes = 0;
		v->views[i].told = i != VERIFY_KERNEL;
	}
	v->full[0] = v->full[1] = v->bad = false;
	v->left_out_count = 0;
}

/* Room for one more. */
static bool grow(void **array, size_t count, size_t *cap, size_t size)
{
	size_t more = *cap ? *cap * 2 : 64;
	void *p;

	if (count < *cap)
		return true;
	p = reallocarray(*array, more, size);
	if (!p)
		return false;
	*array = p;
	*cap = more;
	return true;
}

static int by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct verify_hop));
}

static void hop_of(const struct intake_nh *nh, struct verify_hop *out)
{
	memset(out, 0, sizeof(*out)); /* padding, too */
	out->kind = nh->kind;
	if (nh->kind != INTAKE_NH_ADJ)
		return;
	out->port = nh->port;
	memcpy(out->mac, nh->mac, sizeof(out->mac));
}

static uint32_t intern(struct verify *v, enum intake_nh_kind kind, const struct verify_hop *hops,
		       unsigned n)
{
	uint64_t hash = hash_bytes(hops, n * sizeof(*hops)) + kind;
	uint32_t first = (uint32_t)(uintptr_t)hash_map_find(v->by_hash, &hash), at;
	struct interned *nh;

	for (at = first; at; at = v->nhs[at - 1]->same) {
		nh = v->nhs[at - 1];
		if (nh->nh.kind == kind && nh->nh.hop_count == n &&
		    !memcmp(nh->hops, hops, n * sizeof(*hops)))
			return at;
	}
	nh = malloc(sizeof(*nh) + n * sizeof(*hops));
	if (!nh || !grow((void **)&v->nhs, v->nh_count, &v->nh_cap, sizeof(*v->nhs)) ||
	    hash_map_set(v->by_hash, &hash, (void *)(uintptr_t)(v->nh_count + 1)) < 0) {
		free(nh);
		v->bad = true;
		return 0;
	}
	*nh = (struct interned){ .nh = { kind, n, nh->hops }, .hash = hash, .same = first };
	memcpy(nh->hops, hops, n * sizeof(*hops));
	v->nhs[v->nh_count] = nh;
	return (uint32_t)++v->nh_count;
}

static uint32_t nh_number(struct verify *v, const struct intake_nh *nh)
{
	struct verify_hop hops[HOPS_MAX];
	unsigned n = nh->member_count < HOPS_MAX ? nh->member_count : HOPS_MAX;

	if (nh->kind == INTAKE_NH_ADJ)
		hop_of(nh, &hops[n++]);
	else if (nh->kind != INTAKE_NH_GROUP)
		n = 0;
	for (unsigned i = 0; i < n && nh->kind == INTAKE_NH_GROUP; i++)
		hop_of(&nh->hops[i], &hops[i]);
	qsort(hops, n, sizeof(hops[0]), by_bytes);
	return intern(v, nh->kind, hops, n);
}

static void add(struct verify *v, enum verify_view view, const struct intake_entry *e)
{
	struct view *w = &v->views[view];
	struct entry *to;

	if (!grow((void **)&w->entries, w->count, &w->cap, sizeof(*w->entries))) {
		v->bad = true;
		return;
	}
	to = &w->entries[w->count++];
	*to = (struct entry){ .key = { e->table, e->prefix }, .routes = e->routes, .unsure = e->unsure };
	to->nh = e->nh ? nh_number(v, e->nh) : 0;
	w->routes += e->nh != NULL;
}

struct adding {
	struct verify *v;
	enum verify_view view;
};

static void add_entry(void *arg, const struct intake_entry *e)
{
	const struct adding *a = arg;

	add(a->v, a->view, e);
}

void verify_add_intake(struct verify *v, enum verify_view view, const struct intake *in)
{
	struct adding a = { v, view };

	intake_each_entry(in, add_entry, &a);
	v->views[view].told = true;
	v->full[0] |= intake_is_full(in, false);
	v->full[1] |= intake_is_full(in, true);
}

void verify_add_fib(struct verify *v, uint32_t table, const struct intake_prefix *p,
		    const struct intake_nh *nh)
{
	const struct intake_entry e = { .table = table, .prefix = *p, .nh = nh };

	add(v, VERIFY_FIB, &e);
}

static int by_key(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct key));
}

/* The next key of any view, and what each has of it (NULL: nothing). */
static bool step(struct verify *v, size_t at[VERIFY_VIEWS], const struct entry *is[VERIFY_VIEWS])
{
	const struct key *least = NULL;

	for (unsigned i = 0; i < VERIFY_VIEWS; i++) {
		is[i] = at[i] < v->views[i].count ? &v->views[i].entries[at[i]] : NULL;
		if (is[i] && (!least || by_key(&is[i]->key, least) < 0))
			least = &is[i]->key;
	}
	for (unsigned i = 0; least && i < VERIFY_VIEWS; i++) {
		if (is[i] && by_key(&is[i]->key, least) != 0)
			is[i] = NULL;
		at[i] += is[i] != NULL;
	}
	return least != NULL;
}

/* What the guest forwards anyhow, or another route hides, the kernel may have as it likes. */
static bool excused(const struct verify *v, const struct difference *d, const struct entry *intake)
{
	bool punted = !d->nhs[VERIFY_INTAKE] ||
		      v->nhs[d->nhs[VERIFY_INTAKE] - 1]->nh.kind == INTAKE_NH_PUNT;

	return !v->views[VERIFY_KERNEL].told || v->full[d->key.prefix.family == 6] ||
	       (intake && intake->unsure && (punted || d->nhs[VERIFY_KERNEL] == d->nhs[VERIFY_INTAKE]));
}

static bool compare(const struct verify *v, const struct entry *const is[VERIFY_VIEWS],
		    struct difference *d)
{
	bool kernel;

	memset(d, 0, sizeof(*d));
	for (unsigned i = 0; i < VERIFY_VIEWS; i++) {
		if (!is[i])
			continue;
		d->key = is[i]->key;
		d->nhs[i] = is[i]->nh;
		if (i < VERIFY_FIB)
			d->routes[i] = is[i]->routes;
	}
	kernel = d->nhs[VERIFY_KERNEL] != d->nhs[VERIFY_INTAKE] ||
		 d->routes[VERIFY_KERNEL] != d->routes[VERIFY_INTAKE];
	return d->nhs[VERIFY_INTAKE] != d->nhs[VERIFY_FIB] ||
	       (kernel && !excused(v, d, is[VERIFY_INTAKE]));
}

static bool same(const struct difference *a, const struct difference *b)
{
	return !by_key(a, b) && !memcmp(a->nhs, b->nhs, sizeof(a->nhs)) &&
	       !memcmp(a->routes, b->routes, sizeof(a->routes));
}

/* Both are sorted. Keeps of v->found what is in `now` too. */
static void keep_common(struct verify *v, const struct difference *now, size_t count)
{
	size_t keep = 0, at = 0;

	for (size_t i = 0; i < v->found_count; i++) {
		while (at < count && by_key(&now[at], &v->found[i]) < 0)
			at++;
		if (at < count && same(&now[at], &v->found[i]))
			v->found[keep++] = now[at];
	}
	v->found_count = keep;
	v->changing = count - keep;
}

/* Tables come one after the other. */
static void leave_out(struct verify *v, uint32_t table)
{
	unsigned n = v->left_out_count;

	if (n && v->left_out[n - 1].table == table)
		v->left_out[n - 1].prefixes++;
	else if (n < LEFT_OUT_MAX)
		v->left_out[v->left_out_count++] = (struct left_out){ table, 1 };
}

int verify_end(struct verify *v)
{
	const struct entry *is[VERIFY_VIEWS];
	size_t at[VERIFY_VIEWS] = { 0 }, count = 0, cap = 0;
	struct difference *now = NULL;

	for (unsigned i = 0; i < VERIFY_VIEWS; i++) {
		if (v->views[i].count)
			qsort(v->views[i].entries, v->views[i].count, sizeof(struct entry), by_key);
	}
	while (!v->bad && step(v, at, is)) {
		struct difference d;

		if (!compare(v, is, &d)) {
			if (d.routes[VERIFY_INTAKE] && !d.nhs[VERIFY_INTAKE] && !d.nhs[VERIFY_FIB])
				leave_out(v, d.key.table);
			continue;
		}
		if (grow((void **)&now, count, &cap, sizeof(*now)))
			now[count++] = d;
		else
			v->bad = true;
	}
	if (v->bad) {
		free(now);
		return -ENOMEM;
	}
	if (v->takes++) {
		keep_common(v, now, count);
		free(now);
		return 0;
	}
	v->found = now;
	v->found_count = count;
	return 0;
}

void verify_sum(const struct verify *v, struct verify_sum *out)
{
	*out = (struct verify_sum){ .takes = v->takes, .differences = v->found_count,
				    .changing = v->changing };
	for (unsigned i = 0; i < VERIFY_VIEWS; i++)
		out->routes[i] = v->views[i].routes;
}

void verify_each_left_out(const struct verify *v,
			  void (*cb)(void *arg, uint32_t table, size_t prefixes), void *arg)
{
	for (unsigned i = 0; i < v->left_out_count; i++)
		cb(arg, v->left_out[i].table, v->left_out[i].prefixes);
}

void verify_each(const struct verify *v, size_t most,
		 void (*cb)(void *arg, const struct verify_difference *d), void *arg)
{
	for (size_t i = 0; i < v->found_count && i < most; i++) {
		const struct difference *f = &v->found[i];
		struct verify_difference d = { .table = f->key.table, .prefix = f->key.prefix };

		for (unsigned w = 0; w < VERIFY_VIEWS; w++)
			d.nhs[w] = f->nhs[w] ? &v->nhs[f->nhs[w] - 1]->nh : NULL;
		d.routes = f->routes[VERIFY_KERNEL] != f->routes[VERIFY_INTAKE];
		cb(arg, &d);
	}
}
