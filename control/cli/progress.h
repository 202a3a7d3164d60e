/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_CLI_PROGRESS_H
#define CONTROL_CLI_PROGRESS_H

/*
 * What is being done, how far it is and for how long, on stderr: on a terminal one line that is
 * redrawn, else a plain line every few seconds. What ends within two seconds stays silent when
 * nobody looks at a terminal.
 */

#include <stdbool.h>

struct progress {
	double start, shown; /* CLOCK_MONOTONIC seconds; shown 0: never */
	bool tty, drawn;
};

void progress_init(struct progress *p);
double progress_seconds(const struct progress *p); /* since init */

/* share 0..1, or below 0 when unknown. The seconds are added. */
void progress_show(struct progress *p, double share, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Takes the line off the terminal; call before printing anything else. */
void progress_fini(struct progress *p);

#endif
