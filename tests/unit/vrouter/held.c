/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/vrouter/held.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void need(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "the intake breaks the engine's order: %s\n", what);
	abort();
}

/* Room for one more in an array that grows by doubling. */
static void *grown(void *p, size_t n, size_t size)
{
	if (n & (n - 1) || n == 1)
		return p;
	p = realloc(p, (n ? n * 2 : 2) * size);
	need(p != NULL, "memory");
	return p;
}

static struct held_nh *nh_at(const struct held *h, uint32_t id)
{
	for (size_t i = 0; i < h->nh_count; i++) {
		if (h->nhs[i].nh.id == id)
			return &h->nhs[i];
	}
	return NULL;
}

static struct held_route *route_at(const struct held *h, uint32_t table,
				   const struct intake_prefix *p)
{
	for (size_t i = 0; i < h->route_count; i++) {
		if (h->routes[i].table == table && !memcmp(&h->routes[i].prefix, p, sizeof(*p)))
			return &h->routes[i];
	}
	return NULL;
}

static bool fib_known(const struct held *h, uint32_t table)
{
	for (size_t i = 0; i < h->fib_count; i++) {
		if (h->fibs[i] == table)
			return true;
	}
	return false;
}

static void fib_set(void *arg, uint32_t table)
{
	struct held *h = arg;

	need(!fib_known(h, table) || h->syncing, "a FIB twice");
	if (fib_known(h, table))
		return;
	need(h->fib_count < 64, "64 FIBs");
	h->fibs[h->fib_count++] = table;
	h->changes++;
}

static void fib_del(void *arg, uint32_t table)
{
	struct held *h = arg;
	size_t keep = 0;

	need(fib_known(h, table), "deletes an unknown FIB");
	for (size_t i = 0; i < h->route_count; i++)
		need(h->routes[i].table != table, "deletes a FIB that has routes");
	for (unsigned i = 0; i < HELD_PORTS; i++)
		need(h->ports[i].table != table, "deletes a port's FIB");
	for (size_t i = 0; i < h->fib_count; i++) {
		if (h->fibs[i] != table)
			h->fibs[keep++] = h->fibs[i];
	}
	h->fib_count = keep;
	h->changes++;
}

static void nh_set(void *arg, const struct intake_nh *nh)
{
	struct held *h = arg;
	struct held_nh *at = nh_at(h, nh->id);
	uint32_t *members = NULL;

	need(nh->id != 0, "next hop 0");
	need((nh->kind == INTAKE_NH_GROUP) == (nh->member_count > 0), "a group without members");
	need(!at || (at->nh.kind == INTAKE_NH_GROUP) == (nh->kind == INTAKE_NH_GROUP),
	     "a group becomes none");
	if (nh->member_count) {
		members = calloc(nh->member_count, sizeof(*members));
		need(members && nh->member_count <= 64, "members");
	}
	for (unsigned i = 0; i < nh->member_count; i++) {
		const struct intake_nh *m = held_nh(h, nh->members[i]);

		need(m && m->kind != INTAKE_NH_GROUP, "a group names an unknown next hop");
		members[i] = nh->members[i];
	}
	if (!at) {
		h->nhs = grown(h->nhs, h->nh_count, sizeof(*h->nhs));
		at = &h->nhs[h->nh_count++];
	} else {
		free((void *)at->nh.members);
	}
	*at = (struct held_nh){ .nh = *nh };
	at->nh.members = members;
	h->changes++;
}

static void nh_del(void *arg, uint32_t id)
{
	struct held *h = arg;
	struct held_nh *at = nh_at(h, id);

	need(at != NULL, "deletes an unknown next hop");
	for (size_t i = 0; i < h->route_count; i++)
		need(h->routes[i].nh != id, "deletes a next hop under a route");
	for (size_t i = 0; i < h->nh_count; i++) {
		for (unsigned m = 0; m < h->nhs[i].nh.member_count; m++)
			need(h->nhs[i].nh.members[m] != id, "deletes a next hop under a group");
	}
	free((void *)at->nh.members);
	*at = h->nhs[--h->nh_count];
	h->changes++;
}

static void route_set(void *arg, uint32_t table, const struct intake_prefix *p, uint32_t nh)
{
	struct held *h = arg;
	struct held_route *at = route_at(h, table, p);

	need(fib_known(h, table), "a route before its FIB");
	need(held_nh(h, nh) != NULL, "a route before its next hop");
	if (!at) {
		h->routes = grown(h->routes, h->route_count, sizeof(*h->routes));
		at = &h->routes[h->route_count++];
	}
	*at = (struct held_route){ .table = table, .nh = nh, .prefix = *p };
	h->changes++;
}

static void route_del(void *arg, uint32_t table, const struct intake_prefix *p)
{
	struct held *h = arg;
	struct held_route *at = route_at(h, table, p);

	need(at != NULL, "deletes an unknown route");
	*at = h->routes[--h->route_count];
	h->changes++;
}

static void port_set(void *arg, unsigned port, uint32_t table, bool up, bool fwd4, bool fwd6)
{
	struct held *h = arg;

	need(port < HELD_PORTS && (!table || fib_known(h, table)), "a port before its FIB");
	h->ports[port].told = true;
	h->ports[port].table = table;
	h->ports[port].up = up;
	h->ports[port].fwd4 = fwd4;
	h->ports[port].fwd6 = fwd6;
	h->changes++;
}

static void node_set(void *arg, bool punt_ip4, bool punt_ip6)
{
	struct held *h = arg;

	h->punt4 = punt_ip4;
	h->punt6 = punt_ip6;
	h->changes++;
}

static void sync_begin(void *arg)
{
	struct held *h = arg;

	need(!h->syncing, "sync_begin twice");
	h->syncing = true;
	for (size_t i = 0; i < h->nh_count; i++)
		h->nhs[i].marked = true;
	for (size_t i = 0; i < h->route_count; i++)
		h->routes[i].marked = true;
}

static void sync_end(void *arg)
{
	struct held *h = arg;

	need(h->syncing, "sync_end alone");
	h->syncing = false;
	for (size_t i = 0; i < h->route_count;) {
		if (h->routes[i].marked)
			route_del(h, h->routes[i].table, &h->routes[i].prefix);
		else
			i++;
	}
	for (unsigned groups = 1; groups < 2; groups--) { /* then the others */
		for (size_t i = 0; i < h->nh_count;) {
			if (h->nhs[i].marked && (h->nhs[i].nh.member_count > 0) == groups)
				nh_del(h, h->nhs[i].nh.id);
			else
				i++;
		}
	}
}

static void flush(void *arg)
{
	struct held *h = arg;

	h->flushes++;
}

const struct intake_sink held_sink = {
	.fib_set = fib_set, .fib_del = fib_del, .nh_set = nh_set, .nh_del = nh_del,
	.route_set = route_set, .route_del = route_del, .port_set = port_set,
	.node_set = node_set, .sync_begin = sync_begin, .sync_end = sync_end, .flush = flush,
};

void held_fini(struct held *h)
{
	for (size_t i = 0; i < h->nh_count; i++)
		free((void *)h->nhs[i].nh.members);
	free(h->nhs);
	free(h->routes);
	*h = (struct held){ 0 };
}

const struct intake_nh *held_nh(const struct held *h, uint32_t id)
{
	const struct held_nh *at = nh_at(h, id);

	return at ? &at->nh : NULL;
}

static bool covers(const struct intake_prefix *p, const uint8_t *addr)
{
	unsigned whole = p->len / 8, rest = p->len % 8;

	return !memcmp(p->addr, addr, whole) &&
	       (!rest || (p->addr[whole] ^ addr[whole]) >> (8 - rest) == 0);
}

const struct intake_nh *held_lookup(const struct held *h, uint32_t table, unsigned family,
				    const uint8_t *addr)
{
	const struct held_route *best = NULL;

	for (size_t i = 0; i < h->route_count; i++) {
		const struct held_route *r = &h->routes[i];

		if (r->table == table && r->prefix.family == family && !r->prefix.port &&
		    (!best || r->prefix.len > best->prefix.len) && covers(&r->prefix, addr))
			best = r;
	}
	return best ? held_nh(h, best->nh) : NULL;
}

const struct intake_nh *held_forward(const struct held *h, unsigned port, unsigned family,
				     const uint8_t *addr)
{
	const struct intake_nh *nh;

	if (!h->ports[port].table || (family == 6 ? h->punt6 : h->punt4) ||
	    !(family == 6 ? h->ports[port].fwd6 : h->ports[port].fwd4))
		return NULL;
	nh = held_lookup(h, h->ports[port].table, family, addr);
	return nh && nh->kind != INTAKE_NH_PUNT && nh->kind != INTAKE_NH_LOCAL ? nh : NULL;
}

void held_verify(const struct held *h, struct verify *v)
{
	for (size_t i = 0; i < h->route_count; i++) {
		struct intake_nh nh = *held_nh(h, h->routes[i].nh), hops[64];

		for (unsigned m = 0; m < nh.member_count; m++)
			hops[m] = *held_nh(h, nh.members[m]);
		nh.hops = hops;
		verify_add_fib(v, h->routes[i].table, &h->routes[i].prefix, &nh);
	}
}
