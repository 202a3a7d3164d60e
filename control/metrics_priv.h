/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_METRICS_PRIV_H
#define CONTROL_METRICS_PRIV_H

#include "control/metrics.h"
#include "control/state.h"
#include "dataplane/api.h"

/*
 * The copy is a table for each kind of thing, of rows of one struct each, which begins with where
 * its labels are. Fields are uint64_t or double (NAN: not known, no sample), or arrays of uint64_t
 * whose elements a label of their own tells apart.
 */
enum metrics_table {
	METRICS_DAEMON, /* one row */
	METRICS_WORKER,
	METRICS_VNET,
	METRICS_NODE,
	METRICS_ROUTER,
	METRICS_FIB,
	METRICS_PORT,
	METRICS_QUEUE,
	METRICS_TABLES
};

/* A process, and where what it uses goes; zeroes before and after its life. */
struct metrics_process {
	pid_t pid;
	double cpu_s, memory;
};

struct metrics_daemon {
	size_t labels;
	uint64_t info[1], engine_up, engine_deaths, vnets;
	struct metrics_process self, engine;
	uint64_t buffers, buffers_used, jumbos, jumbos_used, packet_memory, heap, fibs;
};

enum { RING_FROM_RELAY, RING_TO_RELAY, RING_TO_RELAY_CONTROL, RINGS };

struct metrics_worker {
	size_t labels;
	double busy_s;
	uint64_t packets, limiting, rings[RINGS];
};

struct metrics_vnet {
	size_t labels;
	double age_s, guarantee, cpu_s;
	uint64_t running, degraded, weight, links, links_up, nodes[NODE_STATES];
	uint64_t forwarded, punted, injected, held;
	uint64_t drops[DP_DROP_COUNT], punts[DP_PUNT_COUNT], policed[DP_PUNT_COUNT];
};

struct metrics_node {
	size_t labels;
	uint64_t states[NODE_STATES];
};

struct metrics_router {
	size_t labels;
	struct metrics_process guest;
	double boot_s;
	uint64_t up, restarts, routes_max, incomplete;
	uint64_t synced, messages, malformed, refused;
	uint64_t links, addresses, neighbours, nexthops, tables, routes[2], punted;
};

struct metrics_fib {
	size_t labels;
	uint64_t routes[2], bytes, lookup, shared;
};

struct metrics_port {
	size_t labels;
	uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes, forwarded, punted, injected;
	uint64_t drops[DP_DROP_COUNT], carrier, backed;
};

struct metrics_queue {
	size_t labels;
	uint64_t packets, marked;
	double delay_s[DP_DELAY_COUNT];
};

struct metrics {
	struct buf labels; /* texts `a="b",c="d"`, each with its 0 */
	struct buf rows[METRICS_TABLES];
	size_t measured;	     /* rows of METRICS_DAEMON, then of METRICS_ROUTER */
	unsigned family;	     /* what metrics_text() goes on with: */
	size_t row;		     /* 0: the family's head first */
};

/* Bytes of a row. */
extern const size_t metrics_row[METRICS_TABLES];

/* A metric: one of a table's fields. */
struct metrics_family {
	const char *name, *help;
	enum metrics_table table;
	bool counter;
	bool real;   /* the field is a double */
	bool sparse; /* of an array, elements that are 0 are left out */
	size_t offset;
	unsigned count; /* of an array, else 1 */
	const char *key; /* the label of its elements, and its values */
	const char *const *values;
};
extern const struct metrics_family metrics_families[]; /* ends with a NULL name */

#endif
