/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HV_GDB_GDB_H
#define HV_GDB_GDB_H

/*
 * The remote serial protocol of gdb (its manual, appendix E) for an x86-64 machine that as a whole
 * stands or runs. CPUs are what gdb calls threads, from 1 on; addresses are virtual ones of the
 * thread that is looked at. Bytes go in, bytes come out; who connects them to what, and what a CPU
 * is, is the caller's. Nothing a client sends is trusted.
 */

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { GDB_CPUS_MAX = 8, GDB_POINTS_MAX = 64 };

/* In gdb's order. */
struct gdb_registers {
	uint64_t general[16]; /* rax rbx rcx rdx rsi rdi rbp rsp r8..r15 */
	uint64_t rip;
	uint32_t eflags;
	uint32_t segment[6]; /* cs ss ds es fs gs */
	uint8_t st[8][10];
	uint32_t x87[8]; /* fctrl fstat ftag fiseg fioff foseg fooff fop */
	uint64_t fs_base, gs_base;
};

enum gdb_point { GDB_SOFTWARE, GDB_HARDWARE, GDB_WRITE, GDB_READ, GDB_ACCESS };

/* The machine. All but `go` are called while it stands only. 0 or -errno where int. */
struct gdb_ops {
	int (*registers)(void *arg, unsigned cpu, struct gdb_registers *out);
	int (*set_registers)(void *arg, unsigned cpu, const struct gdb_registers *regs);
	int (*memory)(void *arg, unsigned cpu, uint64_t at, bool write, void *bytes, size_t len);
	/* Each is added once and removed before the session ends. */
	int (*point)(void *arg, bool add, enum gdb_point kind, uint64_t at, unsigned len);
	/* Lets the machine go on; step >= 0: that CPU alone, for one instruction. */
	void (*go)(void *arg, int step);
	/* It is to stand, and gdb_stopped() to be called. */
	void (*halt)(void *arg);
	/* Ends it. */
	void (*kill)(void *arg);
};

struct gdb;

/* The machine stands, on CPU 0. NULL: no memory. */
struct gdb *gdb_create(const struct gdb_ops *ops, void *arg, unsigned cpus);
/* Removes all points; the machine has to stand. NULL allowed. */
void gdb_destroy(struct gdb *g);

/* What came from the client; what it is to get is added to out. False: the client wants no more, and
 * the machine is to go on unless it was killed. */
bool gdb_input(struct gdb *g, const void *bytes, size_t len, struct buf *out);

/* The machine stands since CPU cpu got there: signal is SIGTRAP of a point or a step, SIGINT after
 * halt, or what else suits. Of no consequence when it was not let go. */
void gdb_stopped(struct gdb *g, unsigned cpu, int signal, struct buf *out);

#endif
