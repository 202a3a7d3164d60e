/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/objects_priv.h"

#include "dataplane/engine_priv.h"
#include "dataplane/link_impair_priv.h"

#include <errno.h>
#include <stdlib.h>

static void port_join(struct port *port, struct port *other, bool captured)
{
	WR(port->far, other);
	WR(port->peer, captured || port->impair ? NULL : other);
}

/* A port leaves its link. */
static void link_leave(struct engine *e, struct port *port)
{
	link_impair_end(e, port);
	port_join(port, NULL, false);
	port->link = NULL;
}

/* A worker needs one load: `peer` is where frames go, NULL unless they may, and may go fast. `far` does
 * not change when a capture or an impairment begins or ends: whichever of the two a worker sees, frames
 * go on. */
void link_refresh(struct link *link)
{
	struct port *a = link->end[0], *b = link->end[1];
	bool captured = (a && a->captured) || (b && b->captured);
	bool carrier = a && b && !(link->flags & DP_LINK_DOWN) &&
		       !(a->flags & DP_PORT_DOWN) && !(b->flags & DP_PORT_DOWN);

	if (a)
		port_join(a, carrier ? b : NULL, captured);
	if (b)
		port_join(b, carrier ? a : NULL, captured);
}

void link_destroy(struct engine *e, struct link *link)
{
	for (unsigned i = 0; i < 2; i++)
		if (link->end[i])
			link_leave(e, link->end[i]);
	hash_map_del(e->link_map, &link->id);
	free(link); /* workers see ports only */
}

void link_lose(struct engine *e, struct port *port)
{
	struct link *link = port->link;

	if (!link)
		return;
	link->end[link->end[1] == port] = NULL;
	link_leave(e, port);
	if (!link->end[0] && !link->end[1]) {
		link_destroy(e, link);
		return;
	}
	link_impair_end(e, link->end[link->end[0] == NULL]);
	link_refresh(link);
}

static int link_check(const struct dp_link *rec, struct port *const port[2],
		      const struct link *link, struct err *err)
{
	if (!rec->id)
		return err_set(err, -EINVAL, "link: 0 is no id");
	if (rec->flags & ~DP_LINK_DOWN)
		return err_set(err, -EINVAL, "link %u: no flags %#x", rec->id, rec->flags);
	if (!port[0] || !port[1])
		return err_set(err, -ENOENT, "link %u: no port has id %u", rec->id,
			       port[0] ? rec->port_b : rec->port_a);
	if (port[0] == port[1])
		return err_set(err, -EINVAL, "link %u: both ends are port %u", rec->id,
			       rec->port_a);
	if (port[0]->vnet != port[1]->vnet)
		return err_set(err, -EXDEV, "link %u: ports %u and %u are of two vnets", rec->id,
			       rec->port_a, rec->port_b);
	if (link && link->vnet != port[0]->vnet)
		return err_set(err, -EXDEV, "link %u is another vnet's", rec->id);
	for (unsigned i = 0; i < 2; i++)
		if (port[i]->link && port[i]->link != link)
			return err_set(err, -EBUSY, "link %u: port %u is in link %u", rec->id,
				       port[i]->id, port[i]->link->id);
	return 0;
}

int link_set(struct engine *e, const struct dp_link *rec, struct err *err)
{
	struct port *port[2] = { hash_map_find(e->port_map, &rec->port_a),
				 hash_map_find(e->port_map, &rec->port_b) };
	struct link *link = hash_map_find(e->link_map, &rec->id);
	int rc = link_check(rec, port, link, err);

	if (rc)
		return rc;
	if (!link) {
		link = calloc(1, sizeof(*link));
		if (!link || hash_map_set(e->link_map, &rec->id, link) < 0) {
			free(link);
			return err_set(err, -ENOMEM, "link %u: out of memory", rec->id);
		}
		link->id = rec->id;
		link->vnet = port[0]->vnet;
	}
	for (unsigned i = 0; i < 2; i++) {
		struct port *old = link->end[i];

		if (!old || (old == port[i] && link->end[!i] == port[!i]))
			continue;
		link_impair_end(e, old);
		if (old != port[0] && old != port[1])
			link_leave(e, old);
	}
	for (unsigned i = 0; i < 2; i++) {
		link->end[i] = port[i];
		port[i]->link = link;
	}
	link->flags = rec->flags;
	link->epoch = e->epoch;
	link_refresh(link);
	return 0;
}

int link_del(struct engine *e, uint32_t id, struct err *err)
{
	struct link *link = hash_map_find(e->link_map, &id);

	if (!link)
		return err_set(err, -ENOENT, "no link has id %u", id);
	link_destroy(e, link);
	return 0;
}
