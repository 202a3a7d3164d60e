/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_ENGINE_H
#define CONTROL_ENGINE_H

/*
 * weftd's end of the engine's API (dataplane/api.h): starts weft-dp or finds the one that runs,
 * keeps the connection, gathers records into datagrams, hands out statistics.
 *
 * The engine may die and come back empty, and weftd may come to an engine that never stopped
 * forwarding. Both look the same from here: `up` is called, and its owner says everything again.
 * While there is no connection records are dropped, because of that.
 */

#include "base/buf.h"
#include "base/err.h"
#include "dataplane/api.h"

#include <stdbool.h>
#include <sys/types.h>

struct engine;
struct event_base;
struct store;

struct engine_conf {
	struct event_base *base;
	struct store *store;	   /* remembers the huge pages added */
	const char *program;	   /* path of weft-dp */
	const char *socket;	   /* path of its API socket */
	const char *log;	   /* file for its stderr */
	uid_t uid;		   /* it becomes this user */
	/* Connected: program everything, between DP_SYNC begin and end. fresh: it has just begun. */
	void (*up)(void *arg, bool fresh);
	/* The engine refuses a record, of which the header and the first word are told; everything
	 * is programmed again later. bad NULL: it has taken all that it was told since. */
	void (*refused)(void *arg, const struct dp_id *bad, const char *why);
	/* PCI devices that one that is started is given, of DP_PCI_MAX at most; NULL: none. */
	unsigned (*pci)(void *arg, const char *out[]);
	void (*died)(void *arg, const char *why); /* unasked for; NULL: nobody wants to know */
	void *arg;
};

int engine_create(const struct engine_conf *conf, struct engine **out, struct err *err);
void engine_destroy(struct engine *e); /* a running engine goes on; NULL allowed */

/* From now on an engine shall run (start it, restart it when it dies). */
void engine_start(struct engine *e);
/* From now on none shall: ends it, gives its huge pages back. done is called when it has ended. */
void engine_stop(struct engine *e, void (*done)(void *arg), void *arg);

bool engine_is_up(const struct engine *e);
pid_t engine_pid(const struct engine *e);
/* During up(): the same engine is told everything again, as it has refused something. */
bool engine_is_repaired(const struct engine *e);
/* Ends in a row, each soon after its start, and starts that failed; why the last one did. */
unsigned engine_failures(const struct engine *e);
const char *engine_why(const struct engine *e);
bool engine_has_hugepages(const struct engine *e);
unsigned engine_workers(const struct engine *e); /* what it said last; one before it said any */

/* Adds a record (which begins with struct dp_record, op set; len is filled in from `len`, padded
 * to 8) to what is sent at the end of this turn of the loop. fd: -1, or a descriptor to go with
 * it, which is duplicated. */
void engine_send(struct engine *e, uint16_t op, const void *record, size_t len, int fd);

/* A record to which the engine answers with others; as for engine_send(), and it cannot fail. */
struct engine_question {
	uint16_t op, len;
	const void *record;
};

/* Asks in one request, behind all that was sent before. cb gets the answers one after the other in
 * `results` (empty when there is no engine), perhaps before this returns. */
typedef void (*engine_results_cb)(void *arg, const struct buf *results);
void engine_ask(struct engine *e, const struct engine_question *questions, unsigned count,
		engine_results_cb cb, void *arg);

#endif
