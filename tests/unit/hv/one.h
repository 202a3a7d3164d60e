/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_HV_ONE_H
#define TESTS_UNIT_HV_ONE_H

/* One machine in a directory of its own, with a NIC without carrier, for the tests of what backends do
 * with their processes. Needs root. */
#include "hv/hv.h"
#include "tests/unit/test.h"

enum { UID = 64123 };

struct one {
	char top[64], dir[80], peers[80], peer[100], local[100];
	struct event_base *base;
	struct hv_nic nic;
	struct hv_conf conf;
	struct hv_machine *m;
	bool running, stopped, paused, resumed, saved, not_saved;
	char reason[256], why_not[256]; /* it stopped; it was not saved */
};

int one_set_up(void **state);
/* Its directory; before it is started. */
void one_place(struct one *b, const char *name);
int one_tear_down(void **state);
void one_seen(struct hv_machine *m, enum hv_event ev, const char *reason, void *arg);
/* Runs the loop until *flag, for 20 s at most. */
bool one_await(struct one *b, const bool *flag);
/* Until HV_RUNNING. */
void one_start(struct one *b);
/* After HV_STOPPED. */
void one_gone(struct one *b);
/* Its kernel is none: its last words are the reason that is given, with `word` among them. */
void one_assert_reason(struct one *b, const char *word);
/* A file in its directory. */
bool one_has(const struct one *b, const char *name);

/* Identity, namespaces, root, filter and limits of its process. */
void one_assert_jailed(struct one *b);

/* A stream socket of its directory, of which reads wait for 10 s at most. */
int one_connect(const struct one *b, const char *name);
void one_say(int fd, const char *text);
/* What comes until there is `end` in it. */
const char *one_hear(int fd, const char *end);
/* Its gdb socket says that the guest stands. */
void one_assert_gdb(struct one *b);

/* The text of /proc/PID/NAME. */
const char *of_process(pid_t pid, const char *name);

#define WITH_ONE(test) cmocka_unit_test_setup_teardown(test, one_set_up, one_tear_down)

#endif
