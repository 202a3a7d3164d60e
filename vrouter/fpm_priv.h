/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VROUTER_FPM_PRIV_H
#define VROUTER_FPM_PRIV_H

/*
 * The host's end of FRR's forwarding plane manager (zebra's module dplane_fpm_nl): zebra connects by
 * TCP and says its routes, and says nothing else; nothing is ever said to it. A frame is a version (1),
 * a type (1: netlink), its length in network order, header included, and whole rtnetlink messages:
 * routes and next-hop objects; others are left alone. What is no such frame ends the connection.
 *
 * At each connection zebra says all it has, and does not say when that was all. So it counts as all
 * once nothing more has come for FPM_QUIET_MS, not before FPM_LEAST_MS since it has connected (daemons
 * that were started anew have to learn their routes again) and not after FPM_MOST_MS; what was
 * not repeated goes then.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FPM_PORT = 2620, FPM_QUIET_MS = 3000, FPM_LEAST_MS = 10000, FPM_MOST_MS = 120000 };

struct bufferevent;
struct evbuffer;
struct event;
struct event_base;
struct fpm;
struct intake;

struct fpm_ops {
	void (*up)(void *arg);	/* a connection: its dump has begun */
	void (*tell)(void *arg); /* the dump ends: the intake is to be told what is known otherwise */
	void (*synced)(void *arg);
	void (*down)(void *arg, const char *why);
};

int fpm_create(struct event_base *base, struct intake *in, const struct fpm_ops *ops, void *arg,
	       struct fpm **out);
void fpm_destroy(struct fpm *f); /* NULL allowed */

/* Takes connections of this listening socket (taken on success), one a second at most: a new one ends the
 * one before. at_once: the engine has no routes of before, so the first dump has nothing to wait for. */
int fpm_listen(struct fpm *f, int fd, bool at_once);
/* Ends the connection, and takes no more. */
void fpm_close(struct fpm *f);
bool fpm_is_up(const struct fpm *f);
/* The intake was told something: it is committed soon. */
void fpm_touch(struct fpm *f);

/* The folder's own, and tests'. */

struct fpm {
	struct event_base *base;
	struct intake *intake;
	const struct fpm_ops *ops;
	void *arg;
	int listener; /* -1: none */
	struct event *acceptable, *commit, *sweep, *rest, *again;
	struct bufferevent *bev;
	bool at_once, dumping;
	uint64_t began_ms, last_ms; /* of CLOCK_MONOTONIC: the connection, and what came by it last */
	char why[96]; /* what is wrong with what came */
};

/* Speaks on this descriptor (taken on success). */
int fpm_attach(struct fpm *f, int fd);
/* Whole frames in `in`, one after the other. False: what is there is none. */
bool fpm_input(struct fpm *f, struct evbuffer *in);

#endif
