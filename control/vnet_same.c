/* SPDX-License-Identifier: Apache-2.0 */
/* What of a node may not change while it runs. */
#include "control/vnet_priv.h"

#include <string.h>

static bool same_list(const struct topology_string_list *a, const struct topology_string_list *b)
{
	if (a->count != b->count)
		return false;
	for (unsigned i = 0; i < a->count; i++)
		if (strcmp(a->items[i], b->items[i]) != 0)
			return false;
	return true;
}

static bool same_files(const struct topology_node *a, const struct topology_node *b)
{
	if (a->file_count != b->file_count)
		return false;
	for (unsigned i = 0; i < a->file_count; i++) {
		const struct topology_file *x = &a->files[i], *y = &b->files[i];

		if (strcmp(x->target, y->target) != 0 || x->mode != y->mode || x->len != y->len ||
		    memcmp(x->bytes, y->bytes, x->len) != 0)
			return false;
	}
	return true;
}

/* Which link a port is on may change. */
static bool same_node(const struct topology_node *a, const struct topology_node *b)
{
	if (strcmp(a->name, b->name) != 0 || a->kind != b->kind ||
	    strcmp(a->guest_image, b->guest_image) != 0 || a->memory_mib != b->memory_mib ||
	    a->cpus != b->cpus || a->vhost_user != b->vhost_user ||
	    a->huge_pages != b->huge_pages || a->cold != b->cold || a->fib_routes != b->fib_routes ||
	    a->port_count != b->port_count || !same_list(&a->exec, &b->exec) ||
	    !same_list(&a->env, &b->env) || !same_files(a, b))
		return false;
	for (unsigned i = 0; i < a->port_count; i++) {
		const struct topology_port *x = &a->ports[i], *y = &b->ports[i];

		if (strcmp(x->name, y->name) != 0 || memcmp(x->mac, y->mac, 6) != 0 || x->mtu != y->mtu)
			return false;
	}
	return true;
}

struct node *vnet_find_same(struct vnet *v, const struct topology_node *spec)
{
	struct node *n = v->topology ? vnet_node(v, spec->name) : NULL;

	return n && n->id && (n->router || n->host || n->spec->kind == TOPOLOGY_BRIDGE) &&
			       same_node(n->spec, spec) ? n : NULL;
}
