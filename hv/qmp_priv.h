/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HV_QMP_PRIV_H
#define HV_QMP_PRIV_H

/*
 * QMP, QEMU's control protocol: one JSON object a line. This is the protocol alone, from bytes to
 * bytes; the owner moves them. Nothing the other side says is trusted: a line that is too long or
 * no JSON object is an error, after which the connection is of no more use.
 */

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct evbuffer;
struct qmp;

#define QMP_LINE_MAX 65536

struct qmp_ops {
	void (*ready)(void *arg); /* commands are taken from now on */
	/* "SHUTDOWN", "POWERDOWN", ...; data NULL when there is none; us since 1970, or 0 */
	void (*event)(void *arg, const char *name, const json_t *data, int64_t us);
	/* A command that nobody waits for was refused, with QEMU's own words. */
	void (*refused)(void *arg, const char *text);
};

/* The answer to a command: what it returned, or why it was refused, in QEMU's own words. */
typedef void (*qmp_reply_cb)(void *arg, const json_t *value, const char *refused);

/* What is to be sent is added to out, which is the caller's. NULL: out of memory. */
struct qmp *qmp_create(struct evbuffer *out, const struct qmp_ops *ops, void *arg);
void qmp_destroy(struct qmp *q); /* NULL allowed */

/* Takes whole lines from in. -EBADMSG: give up. */
int qmp_input(struct qmp *q, struct evbuffer *in);

/* Sends a command. args is taken, may be NULL. reply, which may be NULL, is called with the ops'
 * arg, from qmp_input(), and never when the connection ends first. -EAGAIN before ready. */
int qmp_command(struct qmp *q, const char *name, json_t *args, qmp_reply_cb reply);

#endif
