/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HV_VMM_CONTROL_PRIV_H
#define HV_VMM_CONTROL_PRIV_H

/*
 * The control socket: one JSON object a line, each way.
 *
 *   {"id": 1, "command": "status"}     {"id": 1, "result": {...}}  or  {"id": 1, "error": "sentence"}
 *                                      {"event": "ended", "reason": "shutdown", "why": ""}
 *
 * Commands: status, start, pause, resume, stop, carrier (nic, up), console (the connection becomes
 * the console's after the answer), save (to descriptors of state and memory, or of the first
 * alone), dump (to a descriptor), registers, balloon (mib). Several clients; a line of more than
 * 64 KiB ends a connection. Descriptors come with the line that they are for (SCM_RIGHTS): the
 * machine opens nothing.
 */

#include "hv/vmm/vmm.h"

#include <stddef.h>

struct control;
struct evbuffer;

int control_create(struct event_base *base, const char *path, struct control **out, struct err *err);
void control_destroy(struct control *c); /* NULL allowed */
/* Nothing is answered before. */
void control_serve(struct control *c, struct vmm *m);
void control_ended(struct control *c, enum vmm_end end, const char *why);

enum control_next { CONTROL_GO_ON, CONTROL_CLOSE, CONTROL_CONSOLE };

enum { CONTROL_FILES_MAX = 2 };

/* Descriptors that came with a line; they stay the caller's. */
struct control_files {
	unsigned count;
	int fd[CONTROL_FILES_MAX];
};

/* One line of a client; the answer goes to out. */
enum control_next control_line(struct vmm *m, const char *line, size_t len,
			       const struct control_files *files, struct evbuffer *out);

/* What clients are told when the machine has ended. */
void control_event(enum vmm_end end, const char *why, struct evbuffer *out);

#endif
