/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_CLI_VIEW_H
#define CONTROL_CLI_VIEW_H

/* Checked answers of weftd (see json.h) as tables on stdout. */

#include <jansson.h>
#include <stdbool.h>

struct view_tally {
	unsigned routers, configured;	 /* ready */
	unsigned routers_ready;		 /* that, and synced */
	unsigned others, others_ready;	 /* hosts and bridges */
	unsigned links, links_up, links_risen;
	const json_t *failed; /* a node that failed, or NULL */
};

struct view_tally view_tally(const json_t *vnet);

void view_vnets(const json_t *vnets);
void view_nodes(const json_t *vnet);
void view_vnet(const json_t *vnet); /* nodes, links, drops, what is punted and why */
void view_node(const json_t *node);

#endif
