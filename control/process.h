/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_PROCESS_H
#define CONTROL_PROCESS_H

/* What a process uses, by proc(5). */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct process_use {
	double cpu_s;	 /* user and system */
	uint64_t memory; /* bytes resident, with what it shares with others */
};

/* Takes some 20 us. False, and zeroes, when it has gone. */
bool process_use(pid_t pid, struct process_use *out);

/* Bytes resident, of what is shared its share (Pss); 0 when it has gone. Takes milliseconds for a
 * process with much memory. */
uint64_t process_share(pid_t pid);

#endif
