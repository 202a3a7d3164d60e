/* SPDX-License-Identifier: Apache-2.0 */
/* Which port is on which NIC of the machine, and the relay of each. */
#include "control/router_priv.h"

#include "base/log.h"
#include "control/netns.h"
#include "control/port.h"
#include "control/vnet_news.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct weftd *daemon_of(const struct router *r)
{
	return r->node->vnet->daemon;
}

static const struct topology_node *spec(const struct router *r)
{
	return r->node->spec;
}

/* By vhost-user: one for each CPU. */
static unsigned vhost_pairs(const struct topology_node *n)
{
	return n->cpus ? n->cpus : 1;
}

static void relay_path(const struct router *r, unsigned nic, char path[160])
{
	snprintf(path, 160, "%s/p/%u/%u", daemon_of(r)->run, r->node->id, nic);
}

static void nic_path(const struct router *r, unsigned nic, char path[160])
{
	snprintf(path, 160, "%s/nic%u", r->dir, nic);
}

int router_nic(const struct router *r, unsigned port)
{
	for (unsigned i = 0; i < r->nics.count; i++)
		if (r->nic[i].port == (int)port)
			return (int)i;
	return -1;
}

int router_nic_of(const struct router *r, uint32_t port)
{
	for (unsigned i = 0; i < r->nics.count; i++)
		if (r->nic[i].port >= 0 && r->node->ports[r->nic[i].port].id == port)
			return (int)i;
	return -1;
}

bool router_port_up(const struct router *r, unsigned port)
{
	int i = router_nic(r, port);

	return i < 0 || !r->nic[i].known || r->nic[i].up;
}

const char *router_nic_name(const struct router *r, unsigned nic)
{
	return r->nic[nic].port < 0 ? NULL : spec(r)->ports[r->nic[nic].port].name;
}

unsigned router_spare_nics(const struct router *r)
{
	return nics_spare(&r->nics);
}

/* Ports are known by name; where the node has them in its list may change. */
static void map_ports(struct router *r)
{
	for (unsigned i = 0; i < TOPOLOGY_PORTS_MAX; i++)
		r->nic[i].port = -1;
	for (unsigned p = 0; p < spec(r)->port_count; p++) {
		int i = nics_find(&r->nics, spec(r)->ports[p].name);

		if (i >= 0)
			r->nic[i].port = (int)p;
	}
}

/* What the guest and its machine are made of. */
struct texts {
	char local[TOPOLOGY_PORTS_MAX][160], peer[TOPOLOGY_PORTS_MAX][160];
	char name[TOPOLOGY_PORTS_MAX][TOPOLOGY_IFNAME_MAX];
};

static void describe(const struct router *r, struct hv_nic *nics, struct image_nic *as, struct texts *texts)
{
	for (unsigned i = 0; i < r->nics.count; i++) {
		const struct nic *nic = &r->nics.nic[i];
		int port = r->nic[i].port;
		const struct topology_port *p = port < 0 ? NULL : &spec(r)->ports[port];

		if (spec(r)->vhost_user && p)
			router_vhost_path(r, (unsigned)port, texts->peer[i]);
		else
			relay_path(r, i, texts->peer[i]);
		nic_path(r, i, texts->local[i]);
		if (p)
			memcpy(texts->name[i], p->name, sizeof(p->name));
		else
			snprintf(texts->name[i], sizeof(texts->name[i]), "spare+%u", i % 100);
		nics[i] = (struct hv_nic){ .mtu = nic->mtu, .vhost_user = spec(r)->vhost_user,
					   .pairs = spec(r)->vhost_user ? vhost_pairs(spec(r)) : 1,
					   .peer = texts->peer[i], .local = texts->local[i] };
		memcpy(nics[i].mac, nic->hw, 6);
		as[i] = (struct image_nic){ .mtu = p ? p->mtu : 0, .name = texts->name[i] };
		memcpy(as[i].mac, nic->hw, 6);
		if (p && memcmp(p->mac, nic->hw, 6) != 0)
			memcpy(as[i].as, p->mac, 6);
	}
}

int router_set_nics(struct router *r)
{
	struct hv_nic nics[TOPOLOGY_PORTS_MAX];
	struct image_nic as[TOPOLOGY_PORTS_MAX];
	struct texts texts;
	uint64_t untold = 0;

	describe(r, nics, as, &texts);
	for (unsigned i = 0; i < r->nics.count; i++)
		untold |= (uint64_t)!r->nics.nic[i].told << i;
	return vrouter_set_nics(r->guest, r->nics.count, nics, as, untold);
}

void router_begin_nics(struct router *r)
{
	for (unsigned i = 0; i < TOPOLOGY_PORTS_MAX; i++)
		r->nic[i].fd = -1;
	if (!store_nics_get(daemon_of(r)->store, r->node->vnet->id, spec(r)->name, &r->nics))
		nics_start(&r->nics, spec(r));
	map_ports(r);
}

int router_start_nics(struct router *r, struct err *err)
{
	struct vnet *v = r->node->vnet;
	int code;

	nics_start(&r->nics, spec(r));
	map_ports(r);
	code = store_nics_put(v->daemon->store, v->id, spec(r)->name, &r->nics, err);
	if (!code && router_set_nics(r) < 0)
		code = err_sys(err, -ENOMEM, "%s", spec(r)->name);
	return code;
}

static void set_carrier(struct router *r, unsigned nic, bool up)
{
	vrouter_set_carrier(r->guest, nic, up);
	if (!up)
		router_snoop_forget(r, nic);
}

void router_send_carriers(struct router *r)
{
	for (unsigned i = 0; i < r->nics.count; i++)
		set_carrier(r, i, r->nic[i].port >= 0 &&
				  vnet_carrier(r->node->vnet, &r->node->ports[r->nic[i].port]));
}

void router_set_carrier(struct router *r, unsigned port, bool up)
{
	int i = router_nic(r, port);

	if (i >= 0)
		set_carrier(r, (unsigned)i, up);
}

bool router_change(const struct router *r, const struct topology_node *is, struct nics *next, char *why,
		   size_t size)
{
	*next = r->nics;
	if (router_runs(r) || is->vhost_user)
		return nics_change(next, spec(r), is, why, size);
	nics_start(next, is);
	return true;
}

static void close_relay(struct router *r, unsigned nic)
{
	if (r->nic[nic].fd >= 0)
		close(r->nic[nic].fd);
	r->nic[nic].fd = -1;
}

void router_unplug(struct router *r, const struct nics *next)
{
	bool gone[TOPOLOGY_PORTS_MAX] = { false };

	for (unsigned i = 0; i < r->nics.count; i++) {
		struct nic *nic = &r->nics.nic[i];

		gone[i] = nic->port[0] && (i >= next->count || strcmp(next->nic[i].port, nic->port) != 0);
		if (!gone[i])
			continue;
		memset(nic->port, 0, sizeof(nic->port));
		nic->told = false;
		set_carrier(r, i, false);
	}
	/* What the engine is told in here still means the ports that go. */
	if (router_set_nics(r) < 0)
		log_warn("%s: out of memory", spec(r)->name);
	for (unsigned i = 0; i < r->nics.count; i++) {
		if (!gone[i])
			continue;
		close_relay(r, i);
		r->nic[i] = (struct router_nic){ .port = -1, .fd = -1 };
	}
}

void router_plug(struct router *r, const struct nics *next)
{
	r->nics = *next;
	map_ports(r);
	if (router_set_nics(r) < 0)
		log_warn("%s: out of memory", spec(r)->name);
	router_connect_relays(r);
}

void router_plugged(void *arg, uint64_t nics, int status)
{
	struct router *r = arg;
	struct vnet *v = r->node->vnet;
	struct err err;

	if (r->stopping)
		return;
	if (status) {
		snprintf(r->error, sizeof(r->error), "the guest could not give its NICs their names: status %d",
			 status);
		log_warn("%s/%s: %s", v->topology->name, spec(r)->name, r->error);
		return;
	}
	for (unsigned i = 0; i < r->nics.count; i++)
		r->nics.nic[i].told |= nics >> i & 1;
	if (store_nics_put(v->daemon->store, v->id, spec(r)->name, &r->nics, &err) < 0)
		log_warn("%s: %s", spec(r)->name, err.text);
}

void router_send_port(struct router *r, unsigned i)
{
	struct router_nic *nic = &r->nic[i];
	const struct port *port;
	struct dp_port rec;

	if (r->stopping || nic->port < 0) /* the engine has been told that the node is gone */
		return;
	port = &r->node->ports[nic->port];
	rec = port_record(port, r->node);
	if (spec(r)->vhost_user) {
		char path[160];

		rec.backing = DP_BACK_DEV;
		router_vhost_path(r, (unsigned)nic->port, path);
		snprintf(rec.dev, sizeof(rec.dev), "net_vhost%u,iface=%.90s,queues=%u", port->id, path,
			 vhost_pairs(spec(r)));
	} else {
		rec.backing = DP_BACK_DGRAM;
		rec.flags |= nic->fd >= 0 ? DP_PORT_HAS_FD : 0;
	}
	if (nic->known) {
		rec.fib = router_fib(r, nic->table);
		rec.flags |= (nic->fwd4 ? 0 : DP_PORT_NO_IP4) | (nic->fwd6 ? 0 : DP_PORT_NO_IP6) |
			     (nic->up ? 0 : DP_PORT_DOWN);
	} else if (!router_by_itself(r)) {
		rec.flags |= DP_PORT_KEEP;
	}
	engine_send(daemon_of(r)->engine, DP_PORT_SET, &rec, sizeof(rec), nic->fd);
}

void router_fpm_is(void *arg, bool up, const char *why)
{
	struct router *r = arg;

	if (r->stopping)
		return;
	vnet_event(r->node->vnet, "fpm", spec(r)->name, up ? "up" : "down", why);
	vnet_news(r->node->vnet);
}

bool router_connect_relays(struct router *r)
{
	bool all = true;

	for (unsigned i = 0; !spec(r)->vhost_user && i < r->nics.count; i++) {
		char here[160], there[160];
		struct err err;

		if (r->nic[i].fd >= 0 || r->nic[i].port < 0)
			continue;
		relay_path(r, i, here);
		nic_path(r, i, there);
		r->nic[i].fd = relay_socket(here, router_uid(r), there, &err);
		if (r->nic[i].fd >= 0) {
			router_send_port(r, i);
			continue;
		}
		all = false;
		if (r->nic[i].fd != -EAGAIN)
			log_warn("%s: %s", spec(r)->name, err.text);
	}
	return all;
}

void router_close_relays(struct router *r)
{
	for (unsigned i = 0; i < TOPOLOGY_PORTS_MAX; i++)
		close_relay(r, i);
}
