/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_GDB_MACHINE_H
#define TESTS_UNIT_GDB_MACHINE_H

/* A machine that is none: two CPUs that count, memory, points. It goes on when it is asked to. */

#include "hv/gdb/gdb.h"

enum { MACHINE_CPUS = 2, MACHINE_AT = 0x1000, MACHINE_BYTES = 0x10000, MACHINE_POINTS = 80 };

struct machine {
	struct gdb_registers regs[MACHINE_CPUS];
	uint8_t memory[MACHINE_BYTES]; /* from MACHINE_AT on */
	struct machine_point {
		enum gdb_point kind;
		uint64_t at;
	} points[MACHINE_POINTS];
	unsigned point_count;
	bool goes, halts, killed;
	int step;
};

extern const struct gdb_ops machine_ops;

void machine_init(struct machine *m);
/* Runs until it stands: a step is an instruction of one byte; without one CPU 1 goes on to the
 * nearest point ahead, or until it is halted. Tells g. */
void machine_run(struct machine *m, struct gdb *g, struct buf *out);

#endif
