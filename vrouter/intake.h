/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VROUTER_INTAKE_H
#define VROUTER_INTAKE_H

/*
 * Route intake: a guest's rtnetlink messages in, the engine's programming out.
 *
 * Keeps what the guest's kernel has (links, addresses, neighbours, next-hop objects, routes of
 * all tables, rules, per-interface forwarding), and after each batch works out what each of the
 * guest's ports and FIBs must be so that the engine does exactly what the guest's kernel would
 * do, or punts. Only differences go to the sink. Nothing a guest sends is trusted: a message that
 * cannot be right is counted and skipped, and the whole is bounded (INTAKE_* limits).
 *
 * Fidelity: what the engine cannot represent becomes a punt, with a sentence why.
 */

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct intake;

/* Next hops, as the engine's api.h has them. `port` is an index into intake_conf.ports. */
enum intake_nh_kind {
	INTAKE_NH_PUNT = 1,
	INTAKE_NH_DROP,
	INTAKE_NH_ADJ,
	INTAKE_NH_GROUP,
	INTAKE_NH_LOCAL, /* an address of the guest's own */
};

struct intake_nh {
	uint32_t id;
	enum intake_nh_kind kind;
	unsigned port;
	uint8_t mac[6];
	unsigned member_count;
	const uint32_t *members; /* ids, weights expanded */
	const struct intake_nh *hops; /* the members themselves, for intake_each_route(); else NULL */
};

struct intake_prefix {
	uint8_t family; /* 4 or 6 */
	uint8_t len;
	uint16_t port; /* a link-local address is one port's: its index + 1; of all others 0 */
	uint8_t addr[16];
};

/*
 * Where the programming goes. Calls come in an order the engine accepts: a FIB before its routes,
 * a next hop before the routes and groups that use it, deletions the other way round. FIBs are
 * named by the guest's table id (254 main, else a VRF's).
 */
struct intake_sink {
	void (*fib_set)(void *arg, uint32_t table);
	void (*fib_del)(void *arg, uint32_t table);
	void (*nh_set)(void *arg, const struct intake_nh *nh);
	void (*nh_del)(void *arg, uint32_t id);
	void (*route_set)(void *arg, uint32_t table, const struct intake_prefix *p, uint32_t nh);
	void (*route_del)(void *arg, uint32_t table, const struct intake_prefix *p);
	/* Port as the guest has it: FIB by VRF, administratively up, forwarding per family. */
	void (*port_set)(void *arg, unsigned port, uint32_t table, bool up, bool fwd4, bool fwd6);
	/* Whole-router punting per family, see the reasons in intake_each_reason(). */
	void (*node_set)(void *arg, bool punt_ip4, bool punt_ip6);
	/* All routes and next hops set before this call and since sync_begin are all there is. */
	void (*sync_begin)(void *arg);
	void (*sync_end)(void *arg);
	/* A batch is over: send what was gathered. */
	void (*flush)(void *arg);
};

struct intake_port {
	uint8_t mac[6]; /* that the engine has; all zero: there is no such port now */
	uint8_t hw[6];	/* that the guest's NIC was made with, which tells its link; all zero: as mac */
	uint16_t mtu;	/* as the engine has it: where the guest's differs nothing leaves by it; 0: any */
	char name[32];
};

/* By FPM, the number of the first port's link: before it are lo, and the NIC that zebra connects by. */
enum { INTAKE_FPM_PORTS = 3 };

struct intake_conf {
	unsigned port_count;
	const struct intake_port *ports; /* copied */
	uint32_t nh_base;    /* next-hop ids are nh_base + 1, + 2, ...: fresh per daemon start, so
				that ids of before are never given a new meaning while in use */
	uint32_t max_routes; /* told by the guest, and in FIBs (neighbours are routes there), over all
				tables; beyond it the family is punted and inspect says so */
	/* Told by FPM: the guest says nothing but routes and next-hop objects. A prefix of a table has one
	 * route, deletions name that and no more; a port's FIB is that of the connected routes over it; and
	 * since nobody says where a dump ends, what it tells counts at once. Links, addresses and neighbours
	 * are told by whoever watches the guest (fpm_tell.c). */
	bool fpm;
	const struct intake_sink *sink;
	void *arg;
};

int intake_create(const struct intake_conf *conf, struct intake **out);
void intake_destroy(struct intake *in);

/* From the next commit on, the port is another one, or gone. What the sink is told before that still
 * means the former one: intake_commit() first, and then take the port away. */
void intake_set_port(struct intake *in, unsigned port, const struct intake_port *to);

/* The agent's AGENT_DUMP_BEGIN: marks everything; sink sees sync_begin with the next flush only
 * if `resync` (first dump of this intake: the engine may hold routes of an earlier daemon). */
void intake_dump_begin(struct intake *in);

/* Payload of one AGENT_NETLINK frame: whole rtnetlink messages. */
void intake_netlink(struct intake *in, const void *bytes, size_t len);

/* The agent's AGENT_DUMP_AGAIN: of the dump under way, the answer to this request (RTM_GET*, AF_*)
 * is void and is told anew. */
void intake_dump_again(struct intake *in, uint16_t type, uint8_t af);

/* struct agent_forward.flags */
void intake_forward(struct intake *in, uint32_t flags);

/* Sweeps what the dump did not repeat, resolves, sends everything that differs (sync_end when
 * sync_begin was sent). */
void intake_dump_end(struct intake *in);

/* Resolves and sends what differs since the last call. The owner calls it after a burst of
 * frames; nothing is sent during a dump (by FPM: the first one). */
void intake_commit(struct intake *in);

/* Sends the sink the FIBs, next hops and routes that have been committed once more, between
 * sync_begin and sync_end: for an engine that has lost them. Ports and the node are as the sink was
 * told last: its owner repeats them. */
void intake_replay(const struct intake *in);

/*
 * An intake of the same ports and limits that programs nothing: fed with a dump of the guest's kernel
 * it has what the other one should have. Its owner destroys it.
 */
int intake_twin(const struct intake *in, struct intake **out);

/* A prefix as the intake has it. */
struct intake_entry {
	uint32_t table;
	struct intake_prefix prefix;
	uint64_t routes; /* those of the guest's that a dump tells, as a hash that does not depend on their order */
	bool unsure;	 /* what the kernel has made of them it does not tell: punted until a dump */
	const struct intake_nh *nh; /* in the FIB, as intake_each_route() has it; NULL: nothing */
};

/* All of them, those of tables that are no FIB too. */
void intake_each_entry(const struct intake *in,
		       void (*cb)(void *arg, const struct intake_entry *e), void *arg);

/* More routes than the limit: the family is punted, and which of them are missing is chance. */
bool intake_is_full(const struct intake *in, bool v6);

struct intake_stats {
	uint64_t messages, malformed, refused;
	uint32_t links, addresses, neighbours, nexthops, routes4, routes6, tables;
	uint32_t punted_routes; /* for reasons of fidelity, not local or glean */
};
void intake_stats(const struct intake *in, struct intake_stats *out);

/* Each reason why something is punted that could have been forwarded, one sentence each:
 * "all IPv4: policy rule 100 (from 10.0.0.0/8 lookup 100)", "10.9.0.0/16 and 3 more: via dummy0,
 * which is not a port". At most 32. */
void intake_each_reason(const struct intake *in, void (*cb)(void *arg, const char *text), void *arg);

/* Routes as the FIB has them, for `inspect` and for comparison; table 0: all. Of a group the
 * members are told as well. */
void intake_each_route(const struct intake *in, uint32_t table,
		       void (*cb)(void *arg, uint32_t table, const struct intake_prefix *p,
				  const struct intake_nh *nh),
		       void *arg);

#endif
