/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MAC addresses of ports. One that the file does not give is made from the names of the node and
 * of the port, so that it is the same in every vnet, and stays what it was when other nodes and
 * links come, go or change places.
 */
#include "control/topology_priv.h"

#include "base/hash.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Ports move in memory while links are read; this stays. Not NULL. */
static void *port_id(unsigned link, unsigned side)
{
	return (void *)((uintptr_t)link * 2 + side + 1);
}

static bool parse_mac(const char *s, uint8_t mac[6])
{
	static const char hex[] = "0123456789abcdefABCDEF";

	if (strlen(s) != 17)
		return false;
	for (unsigned i = 0; i < 6; i++, s += 3) {
		if (strspn(s, hex) != 2 || s[2] != (i < 5 ? ':' : 0))
			return false;
		mac[i] = (uint8_t)strtoul((char[]){s[0], s[1], 0}, NULL, 16);
	}
	return true;
}

int loader_give_mac(struct loader *l, const yaml_node_t *n, const char *text,
		    const struct topology_node *node, struct topology_port *port, unsigned side)
{
	const struct topology *t = l->t;
	const struct topology_node *peer;
	const struct topology_link *link;
	uintptr_t other;

	if (!parse_mac(text, port->mac))
		return ty_err(&l->doc, n, "mac \"%.32s\" is not six hexadecimal bytes such as "
			      "02:00:00:00:00:01", text);
	if ((port->mac[0] & 1) || !memcmp(port->mac, (uint8_t[6]){0}, 6))
		return ty_err(&l->doc, n, "mac %s is not the address of one interface (unicast)", text);
	other = (uintptr_t)hash_map_find(l->macs, port->mac);
	if (other--) {
		link = &t->links[other / 2];
		peer = &t->nodes[link->node[other % 2]];
		return ty_err(&l->doc, n, "%s:%s has the mac of %s:%s in the link of line %u", node->name,
			      port->name, peer->name, peer->ports[link->port[other % 2]].name, link->line);
	}
	if (hash_map_set(l->macs, port->mac, port_id(t->link_count, side)))
		return err_set(l->err, -ENOMEM, "%s: out of memory", l->conf->file);
	return 0;
}

/* 40 bits of a hash: one salt does for all but a few of the largest networks. The salt comes
 * first, so that names chosen to meet under one salt do not meet under the next. */
static void make_mac(const char *node, const char *port, unsigned salt, uint8_t mac[6])
{
	char text[16 + TOPOLOGY_NAME_MAX + TOPOLOGY_IFNAME_MAX];
	int len = snprintf(text, sizeof(text), "%u:%s:%s", salt, node, port);
	uint64_t h = hash_bytes(text, (size_t)len);

	mac[0] = 0x02; /* unicast, locally administered */
	for (unsigned i = 1; i < 6; i++, h >>= 8)
		mac[i] = (uint8_t)h;
}

int loader_make_macs(struct loader *l)
{
	const struct topology *t = l->t;

	for (unsigned i = 0; i < t->link_count * 2; i++) {
		const struct topology_link *link = &t->links[i / 2];
		const struct topology_node *node = &t->nodes[link->node[i % 2]];
		struct topology_port *port = &node->ports[link->port[i % 2]];
		unsigned salt = 0;

		if (memcmp(port->mac, (uint8_t[6]){0}, 6) != 0)
			continue; /* given */
		do
			make_mac(node->name, port->name, salt++, port->mac);
		while (hash_map_find(l->macs, port->mac));
		if (hash_map_set(l->macs, port->mac, port_id(i / 2, i % 2)))
			return err_set(l->err, -ENOMEM, "%s: out of memory", l->conf->file);
	}
	return 0;
}
