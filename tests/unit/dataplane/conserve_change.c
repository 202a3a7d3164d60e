/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever a client may change. */
#include "tests/unit/dataplane/conserve_net.h"

#include "dataplane/device_priv.h"
#include "dataplane/share_priv.h"

/* Some of it may be refused, and changes nothing then. */
static void change_nhs(struct net *net)
{
	unsigned router = ROUTER1 + any(2), id = 1 + any(NHS);

	switch (any(4)) {
	case 0: {
		struct dp_nh_id rec = { .node = id_of(net, router), .id = id };

		add(DP_NH_DEL, &rec, sizeof(rec));
		break;
	}
	case 1:
		add_nh(net, router, id, DP_NH_PUNT + any(5));
		break;
	case 2:
		add_nh(net, router, NH_GROUP, DP_NH_GROUP);
		break;
	default:
		add_nhs(net, router);
	}
	ask();
}

static void change_link(struct net *net)
{
	unsigned k = 1 + any(NET_PORTS), low = RTE_MIN(k, net_peer(k));

	if (any(8) == 0)
		add_id(DP_LINK_DEL, id_of(net, low));
	else
		add_link(net, k, any(4) ? 0 : DP_LINK_DOWN);
	ask();
}

static void change_impair(struct net *net)
{
	unsigned k = 1 + any(NET_PORTS), low = RTE_MIN(k, net_peer(k));
	struct dp_impair none = { .link = id_of(net, low), .from = id_of(net, k) };

	if (any(3) == 0)
		add(DP_IMPAIR_SET, &none, sizeof(none));
	else
		add_impair(net, k);
	ask(); /* the link may not be there */
}

static void change_port(struct net *net)
{
	unsigned k = 1 + any(NET_PORTS), dev;
	struct dp_port rec = port_rec(net, k);

	if (!net->there[k])
		return;
	if (any(3) == 0)
		rec.flags = (uint32_t[]){ DP_PORT_DOWN, DP_PORT_NO_IP4, DP_PORT_NO_IP6,
					  DP_PORT_KEEP }[any(4)];
	if (any(8) == 0)
		rec.fib = 0;
	if (any(4) == 0)
		rec.mtu = (uint16_t)(any(2) ? 68 + any(100) : 3000);
	if (net_slice((unsigned)(net - world.nets), k, &dev, &rec.vlan) && dev == 1) {
		rec.rate = any(2) ? RATE / (1 + any(20)) : 0;
		rec.guarantee = any(3) ? 0 : RATE / (1 + any(40));
		rec.ceiling = any(4) ? 0 : RATE / (1 + any(40));
	}
	add(DP_PORT_SET, &rec, sizeof(rec));
	if (ask() == 0)
		return;
	must(net_port(net, k)->backing == DP_BACK_DEV && net_port(net, k)->dev, "%s\n", ask_error());
	add_port(net, k);
	ask_must();
}

static void port_comes_or_goes(struct net *net)
{
	unsigned k = 1 + any(NET_PORTS);

	if (net == world.nets || (net->there[k] && any(2))) /* that one keeps the devices open */
		return;
	if (net->there[k]) {
		if (k >= 17 && k <= 19)
			net->copies += port_copies(net_port(net, k));
		net->duplicates += net_port(net, k)->local[0].duplicated;
		add_id(DP_PORT_DEL, id_of(net, k));
		net->there[k] = false;
	} else {
		add_port(net, k);
		if (net->there[net_peer(k)])
			add_link(net, k, 0);
	}
	ask_must();
}

static void change_node(struct net *net)
{
	static const uint32_t flags[] = { 0, 0, 0, DP_NODE_ASLEEP, DP_NODE_PUNT_IP4,
					  DP_NODE_PUNT_IP6 };
	add_node(net, ROUTER1 + any(2), flags[any(6)]);
	ask_must();
}

/* Says all again but for some routes, which go. */
static void change_by_sync(struct net *net)
{
	unsigned router = ROUTER1 + any(2);
	struct dp_sync rec = { .id = id_of(net, router) };

	add(DP_FIB_SYNC, &rec, sizeof(rec));
	add_nhs(net, router);
	add_routes(net, router, 60);
	rec.end = 1;
	add(DP_FIB_SYNC, &rec, sizeof(rec));
	if (ask()) { /* a port of a next hop is gone */
		add(DP_FIB_SYNC, &rec, sizeof(rec));
		ask();
	}
}

/* The worker finds itself overloaded, and some over their shares. */
static void change_shares(void)
{
	struct share *s = world.e->workers[0]->share;

	share_epoch_end(s, s->now + 1000000, true);
	for (unsigned n = 0; n < NETS; n++) {
		const struct vnet *vnet = hash_map_find(world.e->vnet_map, &world.nets[n].id);

		if (vnet)
			s->vnets[vnet->slot].left = any(3) ? 1ll << 50 : -(1ll << 50);
	}
}

void net_change(void)
{
	unsigned n = any(NETS), what = any(100);
	struct net *net = &world.nets[n];

	if (any(4) == 0)
		world.e->workers[0]->share->limiting = false;
	if (!net->id) {
		net_create(n);
	} else if (what < 40) {
		add_routes(net, ROUTER1 + any(2), 1 + any(20));
		ask();
	} else if (what < 48) {
		change_nhs(net);
	} else if (what < 52) {
		change_impair(net);
	} else if (what < 64) {
		change_link(net);
	} else if (what < 75) {
		change_port(net);
	} else if (what < 85) {
		port_comes_or_goes(net);
	} else if (what < 90) {
		change_node(net);
	} else if (what < 93) {
		change_by_sync(net);
	} else if (what < 95) {
		change_shares();
	} else if (what < 99) {
		add_vnet(net);
		ask_must();
	} else if (n) {
		net_destroy(n);
	}
}
