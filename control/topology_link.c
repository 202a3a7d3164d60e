/* SPDX-License-Identifier: Apache-2.0 */
/* Links, and the ports they make. */
#include "control/topology_priv.h"

#include "base/hash.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MTU_MIN	 68 /* RFC 791 */
#define MTU_MAX	 9000
#define MTU	 1500
#define BRIDGE_PORTS_MAX 1024
#define LINKS_MAX	 16384

/* An endpoint as written. */
struct endpoint {
	yaml_node_t *at;
	char node[64];
	const char *ifname;
	const char *mac; /* NULL: none given */
};

static int find_node(struct loader *l, const struct endpoint *e, unsigned *index)
{
	static const char *const special[] = {"host", "mgmt-net", "macvlan"};
	const char *near = NULL;

	for (unsigned i = 0; i < l->t->node_count; i++)
		if (!strcmp(l->t->nodes[i].name, e->node)) {
			*index = i;
			return 0;
		}
	if (!strcmp(e->node, "port")) {
		*index = loader_add_physical(l, e->at);
		return 0;
	}
	for (unsigned i = 0; i < sizeof(special) / sizeof(special[0]); i++)
		if (!strcmp(e->node, special[i]))
			return ty_err(&l->doc, e->at, "endpoint \"%s:%.32s\" is not served: links join nodes "
				      "of this topology, not this machine", e->node, e->ifname);
	for (unsigned i = 0; i < l->t->node_count; i++)
		if (!strcasecmp(l->t->nodes[i].name, e->node))
			near = l->t->nodes[i].name;
	return ty_err(&l->doc, e->at, "no node is called \"%s\"%s%s%s", e->node,
		      near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

static int split_endpoint(struct loader *l, yaml_node_t *n, struct endpoint *e)
{
	const char *s, *colon;
	int rc;

	if (n->type == YAML_MAPPING_NODE)
		return ty_err(&l->doc, n, "an endpoint that is a mapping needs \"type: veth\" on its link");
	rc = ty_text(&l->doc, n, "an endpoint", &s);
	if (rc)
		return rc;
	colon = strchr(s, ':');
	if (!colon || colon == s || !colon[1] || strchr(colon + 1, ':'))
		return ty_err(&l->doc, n, "endpoint \"%.64s\" is not NODE:INTERFACE", s);
	if ((size_t)(colon - s) >= sizeof(e->node))
		return ty_err(&l->doc, n, "no node is called \"%.60s...\"", s);
	*e = (struct endpoint){.at = n, .ifname = colon + 1};
	memcpy(e->node, s, (size_t)(colon - s));
	return 0;
}

static int typed_endpoint(struct loader *l, yaml_node_t *n, struct endpoint *e)
{
	const struct ty_pair *node, *ifname, *mac;
	struct ty_map m;
	const char *s;
	int rc = ty_map(&l->doc, n, "an endpoint", &m);

	if (!rc)
		rc = loader_check_keys(l, &m, KEYS_ENDPOINT);
	if (rc)
		return rc;
	*e = (struct endpoint){.at = n};
	node = ty_find(&m, "node");
	ifname = ty_find(&m, "interface");
	mac = ty_find(&m, "mac");
	if (!node || !ifname)
		return ty_err(&l->doc, n, "an endpoint has a node and an interface");
	rc = ty_text(&l->doc, node->value, "node", &s);
	if (!rc)
		rc = ty_text(&l->doc, ifname->value, "interface", &e->ifname);
	if (!rc && mac)
		rc = ty_text(&l->doc, mac->value, "mac", &e->mac);
	if (rc)
		return rc;
	if (strlen(s) >= sizeof(e->node))
		return ty_err(&l->doc, n, "no node is called \"%.60s...\"", s);
	memcpy(e->node, s, strlen(s));
	return 0;
}

static int check_ifname(struct loader *l, const struct endpoint *e)
{
	const char *name = e->ifname;

	if (strlen(name) >= TOPOLOGY_IFNAME_MAX)
		return ty_err(&l->doc, e->at, "interface \"%.40s\" is longer than %d", name,
			      TOPOLOGY_IFNAME_MAX - 1);
	if (!strcmp(name, "eth0"))
		return ty_err(&l->doc, e->at, "interface eth0 is reserved for management, as in containerlab: "
			      "begin with eth1");
	/* "all" and "default" are taken in /proc/sys/net */
	if (!*name || !strcmp(name, "lo") || !strcmp(name, "all") || !strcmp(name, "default") ||
	    name[0] == '.' || name[0] == '-')
		return ty_err(&l->doc, e->at, "an interface cannot be called \"%s\"", name);
	for (const char *p = name; *p; p++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.@", *p))
			return ty_err(&l->doc, e->at, "interface \"%s\": only letters, digits and - _ . @ are "
				      "served", name);
	return 0;
}

static int add_port(struct loader *l, const struct endpoint *e, unsigned side)
{
	struct topology *t = l->t;
	struct topology_link *link = &t->links[t->link_count];
	struct topology_node *node;
	struct topology_port *ports;
	unsigned index = 0, max;
	int rc = find_node(l, e, &index);

	node = &t->nodes[index];
	if (!rc)
		rc = node->kind == TOPOLOGY_PHYSICAL ? loader_check_slice(l, e->at, e->ifname) :
						       check_ifname(l, e);
	if (rc)
		return rc;
	max = node->kind == TOPOLOGY_BRIDGE || node->kind == TOPOLOGY_PHYSICAL ? BRIDGE_PORTS_MAX :
										 TOPOLOGY_PORTS_MAX;
	for (unsigned i = 0; i < node->port_count; i++)
		if (!strcmp(node->ports[i].name, e->ifname))
			return ty_err(&l->doc, e->at, "%s:%s is already in the link of line %u", node->name,
				      e->ifname, node->ports[i].link == t->link_count ?
				      link->line : t->links[node->ports[i].link].line);
	if (node->port_count == max)
		return ty_err(&l->doc, e->at, "node %s has more than %u interfaces", node->name, max);
	ports = realloc(node->ports, (node->port_count + 1) * sizeof(ports[0]));
	if (!ports)
		return err_set(l->err, -ENOMEM, "%s: out of memory", l->conf->file);
	node->ports = ports;
	ports += node->port_count;
	*ports = (struct topology_port){.link = t->link_count, .mtu = link->mtu};
	snprintf(ports->name, sizeof(ports->name), "%s", e->ifname);
	link->node[side] = index;
	link->port[side] = node->port_count++;
	return e->mac ? loader_give_mac(l, e->at, e->mac, node, ports, side) : 0;
}

static int check_type(struct loader *l, const struct ty_map *m, bool *typed)
{
	const struct ty_pair *p = ty_find(m, "type");
	const char *type;
	int rc;

	*typed = p != NULL;
	if (!p)
		return 0;
	rc = ty_text(&l->doc, p->value, "type", &type);
	if (!rc && strcmp(type, "veth") != 0)
		rc = ty_err(&l->doc, p->value, "link type %.32s is not served, only veth: links join nodes of "
			    "this topology", type);
	return rc;
}

static unsigned island(struct loader *l, unsigned node)
{
	while (l->islands[node] != node)
		node = l->islands[node] = l->islands[l->islands[node]];
	return node;
}

/* Bridges here speak no spanning tree: a frame in a loop of them would never leave it. */
static int check_loop(struct loader *l, const struct topology_link *link, const yaml_node_t *at)
{
	const struct topology_node *a = &l->t->nodes[link->node[0]], *b = &l->t->nodes[link->node[1]];
	unsigned from = island(l, link->node[0]), to = island(l, link->node[1]);

	if (a->kind != TOPOLOGY_BRIDGE || b->kind != TOPOLOGY_BRIDGE)
		return 0;
	if (from == to)
		return ty_err(&l->doc, at, "%s:%s: this link closes a loop of bridges", b->name,
			      b->ports[link->port[1]].name);
	l->islands[from] = to;
	return 0;
}

static int read_ends(struct loader *l, yaml_node_t *n, const struct ty_map *m, bool typed)
{
	struct topology_link *link = &l->t->links[l->t->link_count];
	const struct ty_pair *ends = ty_find(m, "endpoints");
	struct endpoint e = {0};
	unsigned count;
	int rc;

	if (!ends)
		return ty_err(&l->doc, n, "a link has endpoints: [\"NODE:INTERFACE\", \"NODE:INTERFACE\"]");
	rc = ty_list(&l->doc, ends->value, "endpoints", &count);
	if (!rc && count != 2)
		rc = ty_err(&l->doc, ends->value, "a link has 2 endpoints, not %u", count);
	for (unsigned i = 0; !rc && i < 2; i++) {
		yaml_node_t *item = ty_item(&l->doc, ends->value, i);

		rc = typed && item->type == YAML_MAPPING_NODE ? typed_endpoint(l, item, &e)
							      : split_endpoint(l, item, &e);
		if (!rc)
			rc = add_port(l, &e, i);
	}
	if (!rc)
		rc = check_loop(l, link, e.at);
	if (!rc)
		l->t->link_count++;
	return rc;
}

static int read_link(struct loader *l, yaml_node_t *n)
{
	struct topology_link *link = &l->t->links[l->t->link_count];
	const struct ty_pair *mtu, *weft;
	unsigned bytes = MTU;
	struct ty_map m;
	bool typed = false;
	int rc = ty_map(&l->doc, n, "a link", &m);

	if (!rc)
		rc = check_type(l, &m, &typed);
	if (!rc)
		rc = loader_check_keys(l, &m, KEYS_LINK);
	weft = rc ? NULL : ty_find(&m, "weft");
	mtu = rc ? NULL : ty_find(&m, "mtu");
	if (mtu)
		rc = ty_number(&l->doc, mtu->value, "mtu", MTU_MIN, MTU_MAX, &bytes);
	if (rc)
		return rc;
	link->line = ty_line(n);
	link->mtu = (uint16_t)bytes;
	rc = read_ends(l, n, &m, typed);
	return rc || !weft ? rc : loader_impair(l, weft->value, link);
}

int loader_links(struct loader *l, yaml_node_t *links)
{
	unsigned count;
	int rc = ty_list(&l->doc, links, "links", &count);

	if (rc || !count)
		return rc;
	if (count > LINKS_MAX)
		return ty_err(&l->doc, links, "%u links, the limit is %d", count, LINKS_MAX);
	l->t->links = calloc(count, sizeof(l->t->links[0]));
	if (!l->t->links)
		return err_set(l->err, -ENOMEM, "%s: out of memory", l->conf->file);
	l->macs = hash_map_create(6);
	l->islands = calloc(l->t->node_count + 1, sizeof(l->islands[0]));
	if (!l->macs || !l->islands)
		return err_set(l->err, -ENOMEM, "%s: out of memory", l->conf->file);
	for (unsigned i = 0; i <= l->t->node_count; i++)
		l->islands[i] = i;
	for (unsigned i = 0; !rc && i < count; i++)
		rc = read_link(l, ty_item(&l->doc, links, i));
	return rc ? rc : loader_make_macs(l);
}
