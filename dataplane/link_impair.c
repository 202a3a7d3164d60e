/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/link_impair_priv.h"

#include "dataplane/engine_priv.h"
#include "dataplane/objects_priv.h"

#include <errno.h>
#include <string.h>

/* Workers get what frames wait in with the first impairment, and keep it. */
static int calendars_create(struct engine *e)
{
	for (unsigned i = 0; i < e->worker_count; i++) {
		struct calendar *c;

		if (e->workers[i]->calendar)
			continue;
		if (calendar_create(link_units(e), &c) < 0)
			return -ENOMEM;
		WR(e->workers[i]->calendar, c);
	}
	return 0;
}

int link_impair_set(struct engine *e, const struct dp_impair *rec, struct err *err)
{
	struct link *link = hash_map_find(e->link_map, &rec->link);
	struct port *from = hash_map_find(e->port_map, &rec->from);
	struct impair *im, *old;
	int rc = impair_check(rec, err);

	if (rc)
		return rc;
	if (!link)
		return err_set(err, -ENOENT, "no link has id %u", rec->link);
	if (!from || from->link != link)
		return err_set(err, -ENOENT, "link %u: port %u is no end of it", rec->link,
			       rec->from);
	if (impair_is_none(rec)) {
		link_impair_end(e, from);
		link_refresh(link);
		return 0;
	}
	old = from->impair;
	if (old && !memcmp(&old->conf, rec, sizeof(*rec))) {
		old->epoch = e->epoch;
		return 0;
	}
	if (calendars_create(e) < 0 || impair_create(rec, e->workers[0]->hz, &im) < 0)
		return err_set(err, -ENOMEM, "link %u: out of memory", rec->link);
	im->epoch = e->epoch;
	WR(from->impair, im);
	link_refresh(link);
	engine_free_later(e, old);
	return 0;
}

void link_impair_end(struct engine *e, struct port *from)
{
	struct impair *im = from->impair;

	if (!im)
		return;
	WR(from->impair, NULL);
	engine_free_later(e, im);
}

void link_impair_sweep(struct engine *e)
{
	void *value;

	for (size_t i = 0; hash_map_next(e->port_map, &i, NULL, &value);) {
		struct port *port = value;

		if (!port->impair || port->impair->epoch == e->epoch)
			continue;
		link_impair_end(e, port);
		link_refresh(port->link);
	}
}

void link_impair_forget(struct engine *e, const struct port *port)
{
	for (unsigned i = 0; i < e->worker_count; i++)
		if (__atomic_load_n(&port->local[i].on_wire, __ATOMIC_RELAXED))
			worker_call(e->workers[i], impair_weed, NULL);
}
