/* SPDX-License-Identifier: Apache-2.0 */
/* Which VLANs the XDP programs take. The engine attaches one as it opens an interface, with no VLAN: so
 * the programs are told when the engine has done all that it was told before. */
#include "control/physical_priv.h"

#include "base/log.h"
#include "control/engine.h"

#include <event2/event.h>
#include <stdio.h>
#include <string.h>

/* False: no vnet has any of the port, which is not open then. */
static bool collect(struct physical *ph, const struct physical_port *p, uint8_t taken[TOPOLOGY_VLAN_MAX + 2])
{
	bool any = false;
	struct vnet *v;

	memset(taken, 0, TOPOLOGY_VLAN_MAX + 2);
	TAILQ_FOREACH (v, &ph->daemon->vnets, entry) {
		const struct node *n = physical_node(v);
		const struct physical_port *of;
		uint16_t vlan;

		for (unsigned i = 0; n && i < n->spec->port_count; i++)
			if (physical_slice(ph, &n->ports[i], &of, &vlan) && of == p) {
				taken[vlan] = 1;
				any = true;
			}
	}
	return any;
}

static void on_done(void *arg, const struct buf *results)
{
	struct physical *ph = arg;
	uint8_t taken[TOPOLOGY_VLAN_MAX + 2];

	ph->filling = false;
	for (unsigned i = 0; i < ph->yml.count && results->len; i++) {
		struct physical_port *p = &ph->ports[i];
		struct err err;

		if (p->driver == PORTS_AF_XDP && p->device[0] && collect(ph, p, taken) &&
		    physical_xdp_fill(p->link.index, taken, &err) < 0)
			log_warn("port %s: %s", p->conf->name, err.text);
	}
	if (ph->again && results->len)
		physical_changed(ph);
	ph->again = false;
}

void physical_on_slices(evutil_socket_t fd, short what, void *arg)
{
	const struct dp_record hello = { 0 };
	const struct engine_question question = { DP_HELLO, sizeof(hello), &hello };
	struct physical *ph = arg;

	ph->again = ph->filling;
	if (ph->filling)
		return;
	ph->filling = true;
	engine_ask(ph->daemon->engine, &question, 1, on_done, ph);
}

void physical_changed(struct physical *ph)
{
	static const struct timeval at_once = { 0 };

	if (ph)
		event_add(ph->slices_changed, &at_once);
}
