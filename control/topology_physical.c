/* SPDX-License-Identifier: Apache-2.0 */
/* Links that end at a physical port: the node that has its slices, their names, and what is promised. */
#include "control/topology_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool topology_slice(const char *text, char name[TOPOLOGY_PHYS_MAX], uint16_t *vlan)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-_";
	size_t len = strspn(text, letters);
	const char *number = text + len + 1;
	unsigned long value;

	if (!len || len >= TOPOLOGY_PHYS_MAX || strchr("-_", *text))
		return false;
	memcpy(name, text, len);
	name[len] = 0;
	*vlan = 0;
	if (!text[len])
		return true;
	if (text[len] != '.' || *number < '1' || *number > '9' || strlen(number) > 4 ||
	    strspn(number, "0123456789") != strlen(number))
		return false;
	value = strtoul(number, NULL, 10);
	*vlan = (uint16_t)value;
	return value <= TOPOLOGY_VLAN_MAX;
}

unsigned loader_add_physical(struct loader *l, const yaml_node_t *at)
{
	struct topology_node *node = &l->t->nodes[l->t->node_count];

	node->kind = TOPOLOGY_PHYSICAL;
	node->line = ty_line(at);
	snprintf(node->name, sizeof(node->name), "port");
	snprintf(node->kind_name, sizeof(node->kind_name), "physical");
	return l->t->node_count++;
}

int loader_check_slice(struct loader *l, const yaml_node_t *at, const char *text)
{
	char name[TOPOLOGY_PHYS_MAX];
	uint16_t vlan;

	if (topology_slice(text, name, &vlan))
		return 0;
	return ty_err(&l->doc, at, "\"port:%.40s\" is no part of a physical port: \"port:NAME\" is what has no "
		      "tag, \"port:NAME.VLAN\" has VLAN 1 to %d; a NAME is of %d characters at most, a-z 0-9 "
		      "- _", text, TOPOLOGY_VLAN_MAX, TOPOLOGY_PHYS_MAX - 1);
}

static int read_rate(struct loader *l, const struct ty_map *m, const char *key, uint64_t *out)
{
	const struct ty_pair *p = ty_find(m, key);
	const char *text;
	int rc;

	if (!p || ty_is_null(p->value))
		return 0;
	rc = ty_text(&l->doc, p->value, key, &text);
	if (!rc && *text && !impairment_rate(text, out))
		rc = ty_err(&l->doc, p->value, "%s \"%.32s\" is not a rate such as \"10Mbit\", from 8kbit to "
			    "1000Gbit", key, text);
	return rc;
}

int loader_share(struct loader *l, const struct ty_map *m, struct topology_link *link)
{
	struct topology_share *s = &link->share;
	const struct topology_node *nodes = l->t->nodes;
	int rc = read_rate(l, m, "guarantee", &s->guarantee);

	if (!rc)
		rc = read_rate(l, m, "ceiling", &s->ceiling);
	if (rc || (!s->guarantee && !s->ceiling))
		return rc;
	if (nodes[link->node[0]].kind != TOPOLOGY_PHYSICAL && nodes[link->node[1]].kind != TOPOLOGY_PHYSICAL)
		return ty_err(&l->doc, m->pairs[0].key_node, "guarantee and ceiling are of links at a physical "
			      "port, \"port:NAME\"");
	if (s->ceiling && s->guarantee > s->ceiling)
		return ty_err(&l->doc, m->pairs[0].key_node, "the guarantee is more than the ceiling");
	return 0;
}
