/* SPDX-License-Identifier: Apache-2.0 */
#include "control/quota.h"

#include "control/physical.h"
#include "control/store.h"
#include "control/user.h"
#include "control/vnet.h"
#include "vrouter/image.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* What the guest is given when the file does not say. Routers in a row mostly have the same image. */
static int memory_of(const struct weftd *d, const struct topology_node *n, struct image *last,
		     struct err *err)
{
	char store[512];
	int code;

	if (n->memory_mib)
		return (int)n->memory_mib;
	if (!strcmp(last->name, n->guest_image))
		return (int)last->memory_mib;
	snprintf(store, sizeof(store), "%s/images", d->state);
	code = image_find(store, n->guest_image, last, err);
	return code ? code : (int)last->memory_mib;
}

/* The ceiling of a link at a physical port; without one, all that the port has. Mbit/s. */
static int64_t rate_of(const struct weftd *d, const struct topology *t, const struct topology_link *l)
{
	uint64_t bits = l->share.ceiling;

	for (unsigned end = 0; end < 2; end++) {
		const struct topology_node *n = &t->nodes[l->node[end]];

		if (n->kind != TOPOLOGY_PHYSICAL)
			continue;
		if (!bits)
			bits = physical_rate(d->physical, n->ports[l->port[end]].name);
		return bits ? (int64_t)((bits + 999999) / 1000000) : QUOTA_MAX;
	}
	return 0;
}

int quota_add(const struct weftd *d, const struct topology *t, struct quota_use *use, struct err *err)
{
	struct image last = { .name = "" };
	int mib, code = 0;

	use->n[QUOTA_VNETS]++;
	use->n[QUOTA_CORES] += t->guarantee;
	use->n[QUOTA_WEIGHT] += t->weight;
	for (unsigned i = 0; i < t->link_count; i++)
		use->n[QUOTA_RATE] += rate_of(d, t, &t->links[i]);
	for (unsigned i = 0; i < t->node_count; i++) {
		const struct topology_node *n = &t->nodes[i];

		use->n[QUOTA_HOSTS] += n->kind == TOPOLOGY_HOST;
		if (n->kind != TOPOLOGY_ROUTER)
			continue;
		use->n[QUOTA_GUESTS]++;
		use->n[QUOTA_ROUTES] += n->fib_routes;
		mib = memory_of(d, n, &last, err);
		if (mib < 0)
			code = err_prefix(err, mib, "node %s", n->name);
		else
			use->n[QUOTA_MEMORY] += mib;
	}
	return code;
}

struct quota_use quota_used(const struct weftd *d, uint32_t user, const struct vnet *except)
{
	struct quota_use use = { { 0 } };
	const struct vnet *v;

	TAILQ_FOREACH (v, &d->vnets, entry)
		if (v->owner == user && v != except)
			quota_add(d, v->topology, &use, NULL);
	return use;
}

static const char *amount(char text[32], int64_t n, unsigned parts)
{
	snprintf(text, 32, parts == 1 ? "%.0f" : "%.3f", (double)n / parts);
	return text;
}

int quota_judge(const struct quota *q, const char *user, const char *vnet, const struct quota_use *others,
		const struct quota_use *had, const struct quota_use *want, struct err *err)
{
	for (unsigned i = 0; i < QUOTA_COUNT; i++) {
		int64_t most = q->most[i], left = most > others->n[i] ? most - others->n[i] : 0;
		unsigned parts = quota_infos[i].parts;
		char sizes[4][32];

		if (most == QUOTA_NONE || want->n[i] <= left || want->n[i] <= had->n[i])
			continue;
		return err_set(err, -EDQUOT,
			       "quota %s: %s asks for %s %s; %s may have %s, other vnets have %s of them, %s "
			       "left: take some away, or ask the operator for more", quota_infos[i].name,
			       vnet, amount(sizes[0], want->n[i], parts), quota_infos[i].what, user,
			       amount(sizes[1], most, parts), amount(sizes[2], others->n[i], parts),
			       amount(sizes[3], left, parts));
	}
	return 0;
}

int quota_check(const struct weftd *d, uint32_t user, const struct topology *t,
		const struct vnet *existing, struct err *err)
{
	struct quota_use had = { { 0 } }, want = { { 0 } }, others;
	struct store_user u;
	int code;

	if (!user)
		return 0;
	if (!store_user_by_id(d->store, user, &u))
		return err_set(err, -EDQUOT, "%s: its owner is no user any more", t->name);
	code = quota_add(d, t, &want, err);
	if (code)
		return code;
	others = quota_used(d, user, existing);
	if (existing)
		quota_add(d, existing->topology, &had, NULL);
	return quota_judge(&u.quota, u.name, t->name, &others, &had, &want, err);
}
