/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of physical ports. How an interface is served is decided when there is news: the file was
 * read, the interface has come or gone up, an engine has begun. By AF_XDP where that can be; what the
 * engine then cannot attach to is AF_PACKET until there is other news. What has gone is let go of at
 * once, and taken again when it is back: nothing here is tried again and again.
 */
#include "control/physical_priv.h"

#include "base/log.h"
#include "control/events.h"
#include "control/vnet_news.h"
#include "control/vnet_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct physical_port *physical_find(struct physical *ph, const char *name)
{
	for (unsigned i = 0; ph && i < ph->yml.count; i++)
		if (!strcmp(ph->ports[i].conf->name, name))
			return &ph->ports[i];
	return NULL;
}

const char *physical_state(const struct physical_port *p)
{
	if (p->conf->driver != PORTS_DPDK && !p->link.index)
		return "absent";
	if (p->conf->driver != PORTS_DPDK && !p->link.carrier)
		return "down";
	return p->trouble[0] ? "failed" : "up";
}

void physical_tell(const struct physical *ph, struct physical_port *p)
{
	const char *state = physical_state(p), *why = p->trouble[0] ? p->trouble : p->note;
	struct event_record r = { .type = "port", .name = p->conf->name, .state = state,
				  .why = why[0] ? why : NULL };

	if (p->told == state && p->told_driver == p->driver)
		return;
	p->told = state;
	p->told_driver = p->driver;
	events_add(ph->daemon->events, &r);
	log_info("port %s: %s%s%s", p->conf->name, state, why[0] ? ": " : "", why);
}

/* The device string, which stays the same while what it says does. */
static int xdp_device(const struct physical *ph, struct physical_port *p, struct err *err)
{
	const struct ports_conf *c = p->conf;
	int code = 0, len;

	if (!ph->program[0])
		return err_set(err, -ENOENT, "slices.bpf.o is not installed");
	code = physical_xdp_ready(c->interface, p->link.index, err);
	if (code)
		return code;
	len = snprintf(p->device, sizeof(p->device), "net_af_xdp_%s,iface=%s,xdp_prog=%s", c->name,
		       c->interface, ph->program);
	if ((size_t)len >= sizeof(p->device))
		return err_set(err, -ENAMETOOLONG, "%s is too long a name", ph->program);
	return 0;
}

static void serve_interface(const struct physical *ph, struct physical_port *p)
{
	const struct ports_conf *c = p->conf;
	struct err err;

	p->driver = c->driver;
	if (p->driver == PORTS_AF_XDP && !p->no_xdp) {
		p->note[0] = 0;
		if (xdp_device(ph, p, &err) == 0)
			return;
		snprintf(p->note, sizeof(p->note), "AF_PACKET in place of AF_XDP: %.220s", err.text);
	}
	p->driver = PORTS_AF_PACKET;
	snprintf(p->device, sizeof(p->device), "net_af_packet_%s,iface=%s", c->name, c->interface);
}

void physical_serve(const struct physical *ph, struct physical_port *p)
{
	const struct ports_conf *c = p->conf;

	p->device[0] = p->trouble[0] = 0;
	p->refused = false;
	if (c->driver == PORTS_DPDK) {
		p->driver = PORTS_DPDK;
		snprintf(p->device, sizeof(p->device), "%s", c->device);
	} else if (!p->link.index) {
		snprintf(p->trouble, sizeof(p->trouble), "there is no interface %s", c->interface);
	} else if (!p->link.ethernet) {
		snprintf(p->trouble, sizeof(p->trouble), "%s is no Ethernet interface", c->interface);
	} else if (!p->link.up) {
		snprintf(p->trouble, sizeof(p->trouble), "%s is down: ip link set %s up", c->interface, c->interface);
	} else {
		serve_interface(ph, p);
	}
}

/* Peers of the port's slices see its carrier. told: the engine is told of the slices, too. */
static void spread(struct physical *ph, const struct physical_port *p, bool told)
{
	struct vnet *v;

	TAILQ_FOREACH (v, &ph->daemon->vnets, entry) {
		struct node *n = physical_node(v);
		const struct physical_port *of;
		bool any = false;
		uint16_t vlan;

		for (unsigned i = 0; n && i < n->spec->port_count; i++)
			if (physical_slice(ph, &n->ports[i], &of, &vlan) && of == p) {
				vnet_update_carriers(v, &v->links[n->ports[i].spec->link]);
				any = true;
			}
		if (any && told)
			vnet_program_node(n);
		if (any)
			vnet_news(v);
	}
}

/* Serves it by what there is now. What the engine has open of it is let go of first: an interface is not
 * opened twice. */
static void serve_anew(struct physical *ph, struct physical_port *p)
{
	if (p->device[0]) {
		p->device[0] = 0;
		spread(ph, p, true);
	}
	physical_serve(ph, p);
}

static void look_at(struct physical *ph, struct physical_port *p)
{
	const struct physical_link was = p->link;

	if (p->conf->driver == PORTS_DPDK)
		return;
	physical_link_get(p->conf->interface, &p->link);
	if (was.index != p->link.index || was.up != p->link.up || was.ethernet != p->link.ethernet) {
		p->no_xdp = false;
		serve_anew(ph, p);
	} else if (was.carrier == p->link.carrier) {
		return;
	}
	spread(ph, p, true);
	physical_tell(ph, p);
}

void physical_on_links(int fd, short what, void *arg)
{
	struct physical *ph = arg;

	physical_links_drain(fd);
	for (unsigned i = 0; i < ph->yml.count; i++)
		look_at(ph, &ph->ports[i]);
}

void physical_engine_up(struct physical *ph, bool fresh)
{
	for (unsigned i = 0; ph && fresh && i < ph->yml.count; i++) {
		struct physical_port *p = &ph->ports[i];

		if (p->link.index)
			physical_xdp_clear(p->link.index);
		p->no_xdp = false;
		physical_serve(ph, p);
		physical_tell(ph, p);
	}
}

void physical_refused(struct physical *ph, const struct dp_id *bad, const char *why)
{
	const struct physical_port *of = NULL;
	struct physical_port *p;
	struct vnet *v;

	for (unsigned i = 0; ph && !bad && i < ph->yml.count; i++)
		if (ph->ports[i].refused) {
			ph->ports[i].refused = false;
			ph->ports[i].trouble[0] = 0;
			spread(ph, &ph->ports[i], false);
			physical_tell(ph, &ph->ports[i]);
		}
	if (!ph || !bad || bad->rec.op != DP_PORT_SET)
		return;
	TAILQ_FOREACH (v, &ph->daemon->vnets, entry) {
		struct node *n = physical_node(v);
		uint16_t vlan;

		for (unsigned i = 0; n && i < n->spec->port_count; i++)
			if (n->ports[i].id == bad->id)
				physical_slice(ph, &n->ports[i], &of, &vlan);
	}
	if (!of)
		return;
	p = &ph->ports[of - ph->ports];
	if (p->driver != PORTS_AF_XDP && strstr(why, "net_af_xdp_"))
		return; /* it was told so twice, and has refused it before */
	if (p->driver == PORTS_AF_XDP) {
		p->no_xdp = true;
		snprintf(p->note, sizeof(p->note), "AF_PACKET in place of AF_XDP: %.220s", why);
		serve_anew(ph, p);
		spread(ph, p, true);
	} else { /* which it is told again by itself, later and later */
		p->refused = true;
		snprintf(p->trouble, sizeof(p->trouble), "%.250s", why);
		spread(ph, p, false);
	}
	physical_tell(ph, p);
}

unsigned physical_pci(void *daemon, const char *out[])
{
	const struct physical *ph = ((const struct weftd *)daemon)->physical;
	unsigned n = 0;

	for (unsigned i = 0; ph && i < ph->yml.count; i++)
		if (ph->yml.ports[i].pci[0])
			out[n++] = ph->yml.ports[i].pci;
	return n;
}
