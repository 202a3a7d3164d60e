/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_METRICS_PORT_H
#define CONTROL_METRICS_PORT_H

/*
 * A TCP port for Prometheus, which cannot scrape Unix sockets: GET /metrics and nothing else. Whoever
 * is on this machine may read there, so it is opened only when asked for, and on loopback alone.
 */

#include "control/weftd.h"

struct metrics_port;

/* address: "127.0.0.1:9551", "[::1]:9551". -EINVAL: it is no such address; or why it cannot listen. */
int metrics_port_create(struct weftd *d, const char *address, struct metrics_port **out,
			struct err *err);
void metrics_port_destroy(struct metrics_port *p); /* NULL allowed */

#endif
