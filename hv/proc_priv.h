/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HV_PROC_PRIV_H
#define HV_PROC_PRIV_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct event_base;
struct proc;

/* A process is named by its pid and the time it started: pids come back, pairs do not. */
struct proc_stat {
	uint64_t start_time; /* clock ticks since boot, field 22 of proc(5) stat */
	uid_t uid;
	bool ended; /* a zombie: nothing runs any more */
};

/* -ESRCH: no such process. */
int proc_stat(pid_t pid, struct proc_stat *out);

/* Processes that the kernel of this host has killed for want of memory, its own or a cgroup's, since it
 * booted: oom_kill of /proc/vmstat. 0 when it does not say. */
uint64_t proc_oom_kills(void);

/* status as waitpid(2), or -1 when the process is not our child and nobody can know. */
typedef void (*proc_end_cb)(void *arg, int status);

/* Watches the process by pidfd; cb comes once, from the loop. -ESRCH when pid is not (any more)
 * the process that started at start_time. */
int proc_watch(struct event_base *base, pid_t pid, uint64_t start_time, proc_end_cb cb, void *arg,
	       struct proc **out);
int proc_fd(const struct proc *p); /* pidfd; stays its */
void proc_kill(struct proc *p);
void proc_unwatch(struct proc *p); /* NULL allowed */

#endif
