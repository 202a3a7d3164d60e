/* SPDX-License-Identifier: Apache-2.0 */
/* Slices of physical ports, and the vnets that have them. */
#include "control/physical_priv.h"

#include "control/engine.h"
#include "control/port.h"
#include "control/topology_priv.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <string.h>

struct node *physical_node(struct vnet *v)
{
	for (unsigned i = 0; !v->destroying && i < v->topology->node_count; i++)
		if (v->nodes[i]->spec->kind == TOPOLOGY_PHYSICAL)
			return v->nodes[i];
	return NULL;
}

static const struct topology_node *spec_of(const struct topology *t)
{
	for (unsigned i = 0; i < t->node_count; i++)
		if (t->nodes[i].kind == TOPOLOGY_PHYSICAL)
			return &t->nodes[i];
	return NULL;
}

bool physical_slice(const struct physical *ph, const struct port *slice, const struct physical_port **port,
		    uint16_t *vlan)
{
	char name[TOPOLOGY_PHYS_MAX];

	if (!topology_slice(slice->spec->name, name, vlan))
		return false;
	*port = physical_find((struct physical *)ph, name);
	return *port != NULL;
}

struct check {
	const struct topology *t;
	const char *file, *owner;
	const struct vnet *existing;
	struct err *err;
};

static int refuse(const struct check *c, const struct topology_port *slice, int code, const char *what)
{
	return err_set(c->err, code, "%.320s:%u: port:%s: %s", c->file, c->t->links[slice->link].line, slice->name,
		       what);
}

static int unknown(const struct physical *ph, const struct check *c, const struct topology_port *slice)
{
	char text[600];
	size_t n = (size_t)snprintf(text, sizeof(text), "%.200s names no such port; ",
				    ph ? ph->path : "ports.yml");

	if (ph && ph->error[0])
		snprintf(text + n, sizeof(text) - n, "it is wrong: %.300s", ph->error);
	else if (!ph || !ph->yml.count)
		snprintf(text + n, sizeof(text) - n, "it names none");
	else
		n += (size_t)snprintf(text + n, sizeof(text) - n, "it names");
	for (unsigned i = 0; ph && !ph->error[0] && i < ph->yml.count && n < sizeof(text); i++)
		if (ports_allows(&ph->yml.ports[i], c->owner))
			n += (size_t)snprintf(text + n, sizeof(text) - n, " %s", ph->yml.ports[i].name);
	return refuse(c, slice, -EINVAL, text);
}

/* What other vnets have of the port: the slice itself, and bits a second that they are promised. */
static bool taken_by_others(const struct physical *ph, const struct check *c, const struct physical_port *p,
			    const struct topology_port *slice, uint64_t *promised)
{
	struct vnet *v;
	bool taken = false;

	TAILQ_FOREACH (v, &ph->daemon->vnets, entry) {
		const struct node *n = v == c->existing ? NULL : physical_node(v);
		const struct physical_port *of;
		uint16_t vlan;

		for (unsigned i = 0; n && i < n->spec->port_count; i++) {
			if (!physical_slice(ph, &n->ports[i], &of, &vlan) || of != p)
				continue;
			taken |= !strcmp(n->spec->ports[i].name, slice->name);
			*promised += v->topology->links[n->spec->ports[i].link].share.guarantee;
		}
	}
	return taken;
}

/* Of this vnet's own slices of the port, up to this one. */
static uint64_t promised_before(const struct topology *t, const struct topology_node *n, unsigned upto,
				const char *name)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i <= upto; i++) {
		char of[TOPOLOGY_PHYS_MAX];
		uint16_t vlan;

		if (topology_slice(n->ports[i].name, of, &vlan) && !strcmp(of, name))
			sum += t->links[n->ports[i].link].share.guarantee;
	}
	return sum;
}

static int check_slice(struct physical *ph, const struct check *c, const struct topology_node *n, unsigned i)
{
	const struct topology_port *slice = &n->ports[i];
	const struct topology_share *share = &c->t->links[slice->link].share;
	const struct physical_port *p = NULL;
	char name[TOPOLOGY_PHYS_MAX];
	uint64_t promised;
	uint16_t vlan;

	if (topology_slice(slice->name, name, &vlan))
		p = physical_find(ph, name);
	if (!p)
		return unknown(ph, c, slice);
	if (!ports_allows(p->conf, c->owner))
		return refuse(c, slice, -EACCES, "the port is not for this vnet's owner");
	promised = promised_before(c->t, n, i, name);
	if (taken_by_others(ph, c, p, slice, &promised))
		return refuse(c, slice, -EBUSY, "it is in use by another vnet");
	if (p->conf->driver != PORTS_DPDK && slice->mtu > PHYSICAL_MTU_MAX)
		return refuse(c, slice, -EINVAL, "the mtu of a link at an interface of the kernel's is 1500 at most");
	if ((share->guarantee || share->ceiling) && !p->conf->rate)
		return refuse(c, slice, -EINVAL, "guarantee and ceiling need the port's rate in ports.yml");
	if (promised > p->conf->rate)
		return refuse(c, slice, -ENOSPC, "the guarantees of all vnets are more than the port's rate");
	return 0;
}

int physical_check(struct weftd *d, const struct topology *t, const char *file, const struct vnet *existing,
		   const char *owner, struct err *err)
{
	struct check c = { .t = t, .file = file, .owner = owner, .existing = existing, .err = err };
	const struct topology_node *n = spec_of(t);
	int code = 0;

	for (unsigned i = 0; n && !code && i < n->port_count; i++)
		code = check_slice(d->physical, &c, n, i);
	if (code && err)
		ty_one_line(err->text);
	return code;
}

uint64_t physical_rate(const struct physical *ph, const char *slice)
{
	const struct physical_port *p = NULL;
	char name[TOPOLOGY_PHYS_MAX];
	uint16_t vlan;

	if (topology_slice(slice, name, &vlan))
		p = physical_find((struct physical *)ph, name);
	return p ? p->conf->rate : 0;
}

bool physical_carrier(const struct physical *ph, const struct port *slice)
{
	const struct physical_port *p;
	uint16_t vlan;

	return physical_slice(ph, slice, &p, &vlan) && p->device[0] && !p->trouble[0] &&
	       (p->conf->driver == PORTS_DPDK || p->link.carrier);
}

bool physical_trouble(const struct node *n, char *why, size_t size)
{
	const struct physical *ph = n->vnet->daemon->physical;

	for (unsigned i = 0; i < n->spec->port_count; i++) {
		const struct physical_port *p;
		uint16_t vlan;

		if (!physical_slice(ph, &n->ports[i], &p, &vlan)) {
			snprintf(why, size, "%s: there is no such port any more", n->spec->ports[i].name);
			return true;
		}
		if (p->trouble[0]) {
			snprintf(why, size, "%s: %s", n->spec->ports[i].name, p->trouble);
			return true;
		}
	}
	return false;
}

static void program_slice(const struct node *n, const struct port *slice)
{
	const struct topology_share *share = &n->vnet->topology->links[slice->spec->link].share;
	struct dp_port rec = port_record(slice, n);
	const struct physical_port *p;

	if (physical_slice(n->vnet->daemon->physical, slice, &p, &rec.vlan) && p->device[0]) {
		rec.backing = DP_BACK_DEV;
		memcpy(rec.dev, p->device, sizeof(rec.dev));
		rec.rate = p->conf->rate;
		rec.guarantee = rec.rate ? share->guarantee : 0;
		rec.ceiling = rec.rate ? share->ceiling : 0;
		rec.flags = p->conf->driver == PORTS_DPDK || p->link.carrier ? 0 : DP_PORT_DOWN;
	}
	engine_send(n->vnet->daemon->engine, DP_PORT_SET, &rec, sizeof(rec), -1);
}

void physical_program(const struct node *n)
{
	struct dp_node rec = { .id = n->id, .vnet = n->vnet->id, .kind = DP_NODE_PHYSICAL };

	snprintf(rec.name, sizeof(rec.name), "%s", n->spec->name);
	engine_send(n->vnet->daemon->engine, DP_NODE_SET, &rec, sizeof(rec), -1);
	for (unsigned i = 0; i < n->spec->port_count; i++)
		program_slice(n, &n->ports[i]);
	physical_changed(n->vnet->daemon->physical);
}
