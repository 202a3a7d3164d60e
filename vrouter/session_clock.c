/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest's wall clock and identity. The clock is as wrong as the frame was long under way, which
 * is less than until its answer came; so an answer that came late is followed by a fresh time.
 */
#include "vrouter/session_priv.h"

#include <errno.h>
#include <string.h>
#include <time.h>

enum { CLOCK_LATE_US = 20000, CLOCK_TRIES = 10, HOSTNAME_LEN_MAX = 255 };

static uint64_t ns_of(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void send_clock(struct vrouter_exec *x)
{
	uint64_t now = ns_of(CLOCK_REALTIME);

	x->tries++;
	x->asked_us = ns_of(CLOCK_MONOTONIC) / 1000;
	session_send(x->session, AGENT_CLOCK, x->id, &now, sizeof(now));
}

static void clock_answer(struct vrouter_exec *x, int status)
{
	bool late = ns_of(CLOCK_MONOTONIC) / 1000 - x->asked_us > CLOCK_LATE_US;

	if (status == 0 && late && x->tries < CLOCK_TRIES)
		send_clock(x);
	else
		session_exec_end(x, status == 0 && late ? -ETIME : status);
}

static struct vrouter_exec *add(struct session *s, void (*answer)(struct vrouter_exec *, int),
				void (*done)(void *arg, int status), void *arg)
{
	struct vrouter_exec *x = session_exec_add(s);

	if (!x)
		return NULL;
	x->conf = (struct vrouter_exec_conf){ .done = done, .arg = arg };
	x->answer = answer;
	return x;
}

int session_clock(struct session *s, void (*done)(void *arg, int status), void *arg)
{
	struct vrouter_exec *x;

	if (!s->welcomed)
		return -EAGAIN;
	x = add(s, clock_answer, done, arg);
	if (!x)
		return -ENOMEM;
	send_clock(x);
	return 0;
}

int session_renew(struct session *s, const struct agent_renew *r, const char *hostname,
		  void (*done)(void *arg, int status), void *arg)
{
	struct {
		struct agent_renew head;
		char hostname[HOSTNAME_LEN_MAX + 1];
	} frame = { .head = *r };
	size_t len = strlen(hostname);
	struct vrouter_exec *x;

	if (len > HOSTNAME_LEN_MAX)
		return -ENAMETOOLONG;
	if (!s->welcomed)
		return -EAGAIN;
	x = add(s, session_exec_end, done, arg);
	if (!x)
		return -ENOMEM;
	frame.head.realtime_ns = ns_of(CLOCK_REALTIME);
	memcpy(frame.hostname, hostname, len + 1);
	session_send(s, AGENT_RENEW, x->id, &frame, sizeof(frame.head) + len + 1);
	explicit_bzero(&frame, sizeof(frame));
	return 0;
}
