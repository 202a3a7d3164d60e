/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_HOST_MARK_H
#define CONTROL_HOST_MARK_H

/* The mark of a host, for the weftd of after: a file that says which namespace is ours. */

#include "control/topology.h"

#define HOST_NETNS_MAX (2 * TOPOLOGY_NAME_MAX + 8)

struct host_mark {
	char name[HOST_NETNS_MAX]; /* empty: it is no mark of ours */
	bool done;
	unsigned tap_count;
	char taps[TOPOLOGY_PORTS_MAX][TOPOLOGY_IFNAME_MAX];
};

/* done: its exec lines have run. */
int host_mark_write(const char *path, const char *netns, bool done, const struct topology_node *spec,
		    struct err *err);
void host_mark_read(const char *path, struct host_mark *m);

#endif
