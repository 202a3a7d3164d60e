/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_TOPOLOGY_DIFF_H
#define CONTROL_TOPOLOGY_DIFF_H

/* What makes one topology another: nodes and links by name, whatever their order in the file. */

#include "control/topology.h"

enum topology_change {
	TOPOLOGY_KEEPS,	  /* nothing that anybody would notice */
	TOPOLOGY_COMES,
	TOPOLOGY_GOES,
	TOPOLOGY_CHANGES, /* while it runs: a node's ports, a link's MTU, or what it does to frames */
	TOPOLOGY_MOVES,	  /* a link: one end keeps its port, the other is at another one */
	TOPOLOGY_ANEW,	  /* a node that has to be made anew: why says what cannot change in it */
};

#define TOPOLOGY_WHY_MAX 256

struct topology_port_diff {
	const struct topology_port *was, *is; /* NULL: it comes, goes; both: its MAC or MTU changes */
};

struct topology_node_diff {
	enum topology_change change;
	const struct topology_node *was, *is; /* NULL: it comes, goes */
	char why[TOPOLOGY_WHY_MAX];
	unsigned port_count; /* those that differ, of a node that changes or begins anew */
	struct topology_port_diff *ports;
};

/* A link's end, for people: "r1:eth1". */
#define TOPOLOGY_END_MAX (TOPOLOGY_NAME_MAX + TOPOLOGY_IFNAME_MAX)
/* Of a link, whichever end comes first in the file: "r1:eth1,r2:eth1", the lesser end first. */
#define TOPOLOGY_LINK_MAX (2 * TOPOLOGY_END_MAX)

struct topology_link_diff {
	enum topology_change change;
	const struct topology_link *was, *is; /* NULL: it comes, goes */
	unsigned stays; /* TOPOLOGY_MOVES: which end of `is` (0, 1) keeps its port; of `was` it is the
			   end with the same name */
};

struct topology_diff {
	const struct topology *was, *is;
	unsigned node_count, link_count; /* all, also those that keep as they are; what goes comes last */
	struct topology_node_diff *nodes;
	struct topology_link_diff *links;
};

/* was: NULL, nothing. Both stay the caller's, and must outlive the difference. -ENOMEM. */
int topology_diff(const struct topology *was, const struct topology *is, struct topology_diff **out);
void topology_diff_free(struct topology_diff *d); /* NULL allowed */

/* Whether the node may go on as `is`, but for its ports; why not: what differs, "memory, files: /etc/a". */
bool topology_goes_on(const struct topology_node *was, const struct topology_node *is,
		      char why[TOPOLOGY_WHY_MAX]);
bool topology_same_port(const struct topology_port *a, const struct topology_port *b); /* but for its link */
/* The node's port of that name, or NULL. */
const struct topology_port *topology_port(const struct topology_node *n, const char *name);

void topology_end(const struct topology *t, const struct topology_link *l, unsigned end,
		  char text[TOPOLOGY_END_MAX]);
void topology_link_key(const struct topology *t, const struct topology_link *l,
		       char key[TOPOLOGY_LINK_MAX]);

#endif
