/* SPDX-License-Identifier: Apache-2.0 */
/* What a router's FIBs in the engine have, page by page, in the intake's terms. */
#include "control/verification_priv.h"

#include "base/hash.h"
#include "base/rd.h"
#include "control/engine.h"
#include "control/router.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The next hops of a page, by their ids. */
struct page {
	struct verification *x;
	const struct router *router;
	struct hash_map *nhs;
	unsigned routes;
	bool bad; /* what the engine says cannot be, or there is no memory */
};

struct page_nh {
	struct dp_nh head;
	uint32_t members[DP_NH_GROUP_MAX];
};

static void take_nh(struct page *p, struct rd r)
{
	struct page_nh *nh = calloc(1, sizeof(*nh));

	if (nh)
		rd_copy(&r, &nh->head, sizeof(nh->head));
	if (nh && nh->head.member_count <= DP_NH_GROUP_MAX)
		rd_copy(&r, nh->members, nh->head.member_count * sizeof(nh->members[0]));
	if (!nh || r.bad || nh->head.member_count > DP_NH_GROUP_MAX ||
	    hash_map_find(p->nhs, &nh->head.id) || hash_map_set(p->nhs, &nh->head.id, nh) < 0) {
		free(nh);
		p->bad = true;
	}
}

/* All but the members. A port that is none of the router's is one that no intake has. */
static struct intake_nh nh_of(const struct page *p, const struct dp_nh *nh)
{
	static const enum intake_nh_kind kinds[] = {
		[DP_NH_PUNT] = INTAKE_NH_PUNT, [DP_NH_DROP] = INTAKE_NH_DROP, [DP_NH_ADJ] = INTAKE_NH_ADJ,
		[DP_NH_GROUP] = INTAKE_NH_GROUP, [DP_NH_LOCAL] = INTAKE_NH_LOCAL,
	};
	struct intake_nh out = { .id = nh->id, .member_count = nh->member_count };

	if (nh->kind < sizeof(kinds) / sizeof(kinds[0]))
		out.kind = kinds[nh->kind];
	out.port = nh->kind == DP_NH_ADJ ? (unsigned)router_nic_of(p->router, nh->port) : 0;
	memcpy(out.mac, nh->mac, sizeof(out.mac));
	return out;
}

/* A link-local address holds its port: struct dp_route in dataplane/api.h. */
static struct intake_prefix prefix_of(const struct page *p, const struct dp_route *route)
{
	struct intake_prefix out = { .family = route->family, .len = route->len };
	uint32_t zone;

	memcpy(out.addr, route->addr, sizeof(out.addr));
	memcpy(&zone, route->addr + 4, sizeof(zone));
	if (route->family != 6 || route->len != 128 || route->addr[0] != 0xfe ||
	    (route->addr[1] & 0xc0) != 0x80 || !zone)
		return out;
	memset(out.addr + 4, 0, sizeof(zone));
	out.port = (uint16_t)(router_nic_of(p->router, be32toh(zone)) + 1);
	return out;
}

static void take_route(struct page *p, struct rd r)
{
	struct intake_nh nh, hops[DP_NH_GROUP_MAX];
	const struct page_nh *known;
	struct intake_prefix prefix;
	struct dp_route route;

	rd_copy(&r, &route, sizeof(route));
	known = r.bad ? NULL : hash_map_find(p->nhs, &route.nh);
	for (unsigned i = 0; known && i < known->head.member_count; i++) {
		const struct page_nh *member = hash_map_find(p->nhs, &known->members[i]);

		if (member)
			hops[i] = nh_of(p, &member->head);
		else
			known = NULL;
	}
	if (!known) {
		p->bad = true;
		return;
	}
	nh = nh_of(p, &known->head);
	nh.hops = hops;
	prefix = prefix_of(p, &route);
	verify_add_fib(p->x->verify, p->x->table, &prefix, &nh);
	p->routes++;
	p->x->page.after = 1;
	p->x->page.len = route.len;
	memcpy(p->x->page.addr, route.addr, sizeof(route.addr));
}

static void take_page(struct page *p, const struct buf *results)
{
	struct rd r = rd_of(results->data, results->len);
	size_t at = 0;
	void *nh;

	while (r.left && !p->bad) {
		struct rd peek = r, body;
		struct dp_record rec;

		rd_copy(&peek, &rec, sizeof(rec));
		body = rd_sub(&r, rec.len);
		if (r.bad || rec.len < sizeof(rec))
			p->bad = true;
		else if (rec.op == DP_NH_SET)
			take_nh(p, body);
		else if (rec.op == DP_ROUTE_SET)
			take_route(p, body);
	}
	while (hash_map_next(p->nhs, &at, NULL, &nh))
		free(nh);
	hash_map_destroy(p->nhs);
}

static void on_page(void *arg, const struct buf *results)
{
	struct verification *x = arg;
	struct node *n = verification_node(x);
	struct page p = { .x = x };

	x->asking = false;
	if (x->over || !n || !engine_is_up(x->daemon->engine) || engine_pid(x->daemon->engine) != x->engine) {
		verification_taken(x, -EAGAIN);
		return;
	}
	p.router = n->router;
	p.nhs = hash_map_create(sizeof(uint32_t));
	if (p.nhs)
		take_page(&p, results);
	if (!p.nhs || p.bad) {
		verification_taken(x, -EAGAIN);
		return;
	}
	if (p.routes < x->page.most) {
		x->page.after = 0;
		x->fib += x->page.family == 6;
		x->page.family = x->page.family == 4 ? 6 : 4;
	}
	verification_read(x);
}

void verification_read(struct verification *x)
{
	struct node *n = verification_node(x);

	x->page.fib = n ? router_fib_at(n->router, x->fib, &x->table) : 0;
	if (!x->page.fib) {
		verification_taken(x, n ? 0 : -EAGAIN);
		return;
	}
	x->asking = true;
	engine_ask(x->daemon->engine,
		   &(struct engine_question){ DP_ROUTE_GET, sizeof(x->page), &x->page }, 1, on_page, x);
}
