/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HV_VMM_DEBUGGER_PRIV_H
#define HV_VMM_DEBUGGER_PRIV_H

/* gdb at the machine: a client of its socket stops the guest, and lets it go when it leaves. */

#include "base/err.h"
#include "hv/gdb/gdb.h"

struct debugger;
struct guest_mem;
struct vmm;

int debugger_create(struct vmm *m, const char *path, struct debugger **out, struct err *err);
/* A client is connected. Loop thread. */
bool debugger_is_used(const struct debugger *d);
void debugger_destroy(struct debugger *d); /* the machine stands; NULL allowed */
/* A CPU's thread, with the machine's lock held: it stands at pc after an exception. */
void debugger_hit(struct debugger *d, unsigned cpu, unsigned exception, uint64_t pc);

/* debug_cpu.c: a CPU that is parked, by its descriptor. */
enum { DEBUG_HARDWARE_MAX = 4 };

struct debug_point {
	enum gdb_point kind;
	uint64_t at;
	unsigned len;
};

int debug_registers(int fd, struct gdb_registers *out);
/* General registers, rip, flags and the two bases; -ENOTSUP where another one is to change. */
int debug_set_registers(int fd, const struct gdb_registers *regs);
/* Where the byte at a virtual address is in the guest's memory; NULL: nowhere. *room: bytes from
 * there on that are on the same page. */
uint8_t *debug_at(int fd, const struct guest_mem *mem, uint64_t at, uint64_t *room);
/* count points by debug registers, INT3 by software if so, a step if so. None of it: off. */
int debug_arm(int fd, const struct debug_point *points, unsigned count, bool software, bool step);
/* The guest's own INT3 is for the guest. */
int debug_give_back(int fd);

#endif
