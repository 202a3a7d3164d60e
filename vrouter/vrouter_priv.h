/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VROUTER_VROUTER_PRIV_H
#define VROUTER_VROUTER_PRIV_H

#include "vrouter/session_priv.h"
#include "vrouter/vrouter.h"

#include <event2/util.h>

struct vrouter {
	struct event_base *base;
	struct vrouter_conf *conf;
	vrouter_state_cb cb;
	void *arg;
	struct intake *intake;
	struct session *session;
	struct hv_machine *machine;
	struct event *notify, *hold, *clock;
	enum vrouter_state state;
	char reason[256];
	uint64_t started_ms; /* 0: adopted, so nobody knows */
	uint64_t boot_ms;
	unsigned starts, restarts;
	bool stop_asked, synced;
	vrouter_sleep_cb sleep_cb;
	void *sleep_arg;
	bool loading;	   /* from where it was saved; VROUTER_LOADED is to follow */
	unsigned clock_tries; /* since it goes on */
	bool clock_wanted; /* it stood still, and its agent has not been told the time since */
	bool restarted; /* this guest: the engine forwards with the routes of the former one */
	bool is_clone;
	struct clone *clone; /* while it becomes this router */
	bool refused;	     /* the image cannot make a clone this router; cold_why says why */
	char cold_why[200];
	struct vrouter_fpm *fpm; /* NULL: it has an agent */
	uint64_t untold, telling; /* NICs that the running guest has yet to give their names, and does */
};

/* vrouter_nics.c: what the intake knows a NIC as; all zero for one that is no port. */
void vrouter_intake_port(const struct vrouter_conf *conf, unsigned nic, struct intake_port *out);
/* Tells a guest that has become ready what it has not been told. */
void vrouter_tell_nics(struct vrouter *v);

/* vrouter_fpm.c, of a guest without an agent. Its machine runs, and has ended. */
int vrouter_fpm_create(struct vrouter *v);
void vrouter_fpm_destroy(struct vrouter *v); /* without one: nothing */
void vrouter_fpm_begin(struct vrouter *v);
void vrouter_fpm_end(struct vrouter *v);
bool vrouter_fpm_is_up(const struct vrouter *v);
void vrouter_fpm_carrier(struct vrouter *v, unsigned nic, bool up);

/* vrouter.c: such a guest is heard of, which makes it ready. */
void vrouter_answers(struct vrouter *v);

/* vrouter_sleep.c: what the machine says besides its end. */
void vrouter_machine_slept(struct vrouter *v, enum hv_event ev, const char *why);
/* Tells the agent the time, now or when it answers. */
void vrouter_set_clock(struct vrouter *v);
/* struct vrouter.clock's: it could not be told in time. */
void vrouter_clock_again(evutil_socket_t fd, short what, void *arg);

#endif
