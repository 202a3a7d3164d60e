/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/gdb/machine.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

static int registers(void *arg, unsigned cpu, struct gdb_registers *out)
{
	*out = ((struct machine *)arg)->regs[cpu];
	return 0;
}

static int set_registers(void *arg, unsigned cpu, const struct gdb_registers *regs)
{
	((struct machine *)arg)->regs[cpu] = *regs;
	return 0;
}

static int memory(void *arg, unsigned cpu, uint64_t at, bool write, void *bytes, size_t len)
{
	struct machine *m = arg;

	if (at < MACHINE_AT || at - MACHINE_AT > MACHINE_BYTES ||
	    len > MACHINE_BYTES - (at - MACHINE_AT))
		return -EFAULT;
	if (write)
		memcpy(m->memory + (at - MACHINE_AT), bytes, len);
	else
		memcpy(bytes, m->memory + (at - MACHINE_AT), len);
	return 0;
}

static int point(void *arg, bool add, enum gdb_point kind, uint64_t at, unsigned len)
{
	struct machine *m = arg;

	for (unsigned i = 0; !add && i < m->point_count; i++)
		if (m->points[i].kind == kind && m->points[i].at == at) {
			m->points[i] = m->points[--m->point_count];
			return 0;
		}
	if (!add || m->point_count == MACHINE_POINTS)
		return -ENOENT;
	m->points[m->point_count++] = (struct machine_point){ kind, at };
	return 0;
}

static void go(void *arg, int step)
{
	struct machine *m = arg;

	m->goes = true;
	m->step = step;
}

static void halt(void *arg)
{
	((struct machine *)arg)->halts = true;
}

static void kill_machine(void *arg)
{
	((struct machine *)arg)->killed = true;
}

const struct gdb_ops machine_ops = {
	.registers = registers,
	.set_registers = set_registers,
	.memory = memory,
	.point = point,
	.go = go,
	.halt = halt,
	.kill = kill_machine,
};

void machine_init(struct machine *m)
{
	memset(m, 0, sizeof(*m));
	for (unsigned cpu = 0; cpu < MACHINE_CPUS; cpu++) {
		m->regs[cpu].rip = MACHINE_AT;
		m->regs[cpu].eflags = 2;
		for (unsigned i = 0; i < 16; i++)
			m->regs[cpu].general[i] = 0x1000 * (cpu + 1) + i;
	}
	for (unsigned i = 0; i < MACHINE_BYTES; i++)
		m->memory[i] = (uint8_t)(i * 7);
}

void machine_run(struct machine *m, struct gdb *g, struct buf *out)
{
	uint64_t to = UINT64_MAX;
	unsigned cpu = MACHINE_CPUS - 1;

	if (m->goes && m->step >= 0) {
		cpu = (unsigned)m->step;
		to = m->regs[cpu].rip + 1;
	}
	for (unsigned i = 0; m->goes && m->step < 0 && i < m->point_count; i++)
		if (m->points[i].at > m->regs[cpu].rip && m->points[i].at < to)
			to = m->points[i].at;
	if (!m->goes || (to == UINT64_MAX && !m->halts))
		return;
	m->goes = false;
	if (to != UINT64_MAX)
		m->regs[cpu].rip = to;
	gdb_stopped(g, cpu, to == UINT64_MAX ? SIGINT : SIGTRAP, out);
	m->halts = false;
}
