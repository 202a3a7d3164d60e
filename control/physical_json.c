/* SPDX-License-Identifier: Apache-2.0 */
#include "control/physical_priv.h"

#include "control/text.h"
#include "control/vnet_json.h"

#include <string.h>

/* The other end of the slice's link: "r1:eth1". */
static json_t *peer_json(const struct vnet *v, const struct port *slice)
{
	const struct link *l = &v->links[slice->spec->link];
	struct node *n;
	const struct port *peer = vnet_end(v, l, 0, &n);

	if (peer == slice)
		peer = vnet_end(v, l, 1, &n);
	return json_sprintf("%s:%s", n->spec->name, peer->spec->name);
}

static json_t *rate_json(uint64_t rate)
{
	return rate ? json_integer((json_int_t)rate) : json_null();
}

static json_t *slice_json(const struct vnet *v, const struct port *slice, uint16_t vlan,
			  const struct dp_port_stats *s)
{
	const struct topology_share *share = &v->topology->links[slice->spec->link].share;

	return json_pack("{s:s, s:o, s:s, s:o, s:b, s:o, s:o, s:I, s:I}", "name", slice->spec->name, "vlan",
			 vlan ? json_integer(vlan) : json_null(), "vnet", v->topology->name, "peer",
			 peer_json(v, slice), "carrier", s->state & DP_PORT_CARRIER, "guarantee",
			 rate_json(share->guarantee), "ceiling", rate_json(share->ceiling), "received",
			 (json_int_t)s->injected, "sent", (json_int_t)s->punted);
}

/* Of the vnets that run. *open: the engine has the device; *down: and says that it has no link. */
static json_t *slices_json(const struct physical *ph, const struct physical_port *p, const struct buf *stats,
			   bool *open, bool *down)
{
	json_t *list = json_array();
	struct vnet *v;

	*open = *down = false;
	TAILQ_FOREACH (v, &ph->daemon->vnets, entry) {
		const struct node *n = physical_node(v);
		const struct physical_port *of;
		struct dp_port_stats s;
		uint16_t vlan;

		for (unsigned i = 0; n && i < n->spec->port_count; i++) {
			if (!physical_slice(ph, &n->ports[i], &of, &vlan) || of != p)
				continue;
			if (vnet_find_port(stats, n->ports[i].id, &s)) {
				*open = true;
				*down |= !(s.state & DP_PORT_BACKED);
			}
			json_array_append_new(list, slice_json(v, &n->ports[i], vlan, &s));
		}
	}
	return list;
}

static json_t *port_json(const struct physical *ph, const struct physical_port *p, const struct buf *stats)
{
	const struct ports_conf *c = p->conf;
	const char *why = p->trouble[0] ? p->trouble : p->note, *state = physical_state(p);
	json_t *users = json_array(), *slices;
	bool open, down;

	slices = slices_json(ph, p, stats, &open, &down);
	if (c->driver == PORTS_DPDK && !p->trouble[0])
		state = !open ? "unused" : down ? "down" : "up";
	for (unsigned i = 0; i < c->users.count; i++)
		json_array_append_new(users, text_json(c->users.items[i]));
	return json_pack("{s:s, s:s, s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:o}", "name", c->name, "state", state,
			 "why", why[0] ? text_json(why) : json_null(), "driver", ports_driver_names[p->driver],
			 "wanted", ports_driver_names[c->driver], "device",
			 c->device[0] ? json_string(c->device) : json_null(), "interface",
			 c->interface[0] ? text_json(c->interface) : json_null(), "rate", rate_json(c->rate), "users",
			 users, "slices", slices);
}

json_t *physical_json(const struct physical *ph, const struct buf *stats)
{
	json_t *ports = json_array();

	for (unsigned i = 0; i < ph->yml.count; i++)
		json_array_append_new(ports, port_json(ph, &ph->ports[i], stats));
	return json_pack("{s:o, s:o, s:o}", "file", text_json(ph->path), "error",
			 ph->error[0] ? text_json(ph->error) : json_null(), "ports", ports);
}
