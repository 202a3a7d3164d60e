/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The socket's callbacks have the machine's lock, with which no CPU can be waited for. They and the
 * CPUs' threads leave word, and activate an event: what there is to do is done from the loop.
 */
#include "hv/vmm/debugger_priv.h"

#include "hv/vmm/vmm_priv.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { PENDING_MAX = 65536, INT3 = 0xcc, EXCEPTION_BREAKPOINT = 3 };

struct software_point {
	uint64_t at;
	uint8_t byte; /* that was there */
};

struct debugger {
	struct vmm *m;
	struct stream *stream;
	struct event *event;
	struct gdb *gdb; /* of the client; NULL: there is none */
	/* Word that was left. */
	struct buf pending; /* from the client */
	bool open;
	struct {
		bool hit;
		unsigned cpu, exception;
		uint64_t pc;
	} stop;

	bool halted; /* by the client */
	struct debug_point hardware[DEBUG_HARDWARE_MAX];
	unsigned hardware_count;
	struct software_point software[GDB_POINTS_MAX];
	unsigned software_count;
};

static int cpu_fd(const struct debugger *d, unsigned cpu)
{
	return vcpus_fd(d->m->vcpus, cpu);
}

static int registers(void *arg, unsigned cpu, struct gdb_registers *out)
{
	return debug_registers(cpu_fd(arg, cpu), out);
}

static int set_registers(void *arg, unsigned cpu, const struct gdb_registers *regs)
{
	return debug_set_registers(cpu_fd(arg, cpu), regs);
}

static int memory(void *arg, unsigned cpu, uint64_t at, bool write, void *bytes, size_t len)
{
	struct debugger *d = arg;

	for (uint64_t done = 0, n; done < len; done += n) {
		uint8_t *here = debug_at(cpu_fd(d, cpu), &d->m->memory.ranges, at + done, &n);

		if (!here)
			return -EFAULT;
		if (n > len - done)
			n = len - done;
		if (write)
			memcpy(here, (uint8_t *)bytes + done, n);
		else
			memcpy((uint8_t *)bytes + done, here, n);
	}
	return 0;
}

/* An address is that of CPU 0: kernels have one view of themselves. */
static int add_software(struct debugger *d, uint64_t at)
{
	struct software_point *p = &d->software[d->software_count];
	uint8_t int3 = INT3;
	int code = memory(d, 0, at, false, &p->byte, 1);

	if (!code)
		code = memory(d, 0, at, true, &int3, 1);
	if (code)
		return code;
	p->at = at;
	d->software_count++;
	return 0;
}

static int del_software(struct debugger *d, uint64_t at)
{
	for (unsigned i = 0; i < d->software_count; i++) {
		struct software_point p = d->software[i];

		if (p.at != at)
			continue;
		d->software[i] = d->software[--d->software_count];
		return memory(d, 0, at, true, &p.byte, 1);
	}
	return -ENOENT;
}

static int add_hardware(struct debugger *d, const struct debug_point *p)
{
	if (d->hardware_count == DEBUG_HARDWARE_MAX)
		return -ENOSPC;
	if (p->kind != GDB_HARDWARE && p->len != 1 && p->len != 2 && p->len != 4 && p->len != 8)
		return -EINVAL;
	d->hardware[d->hardware_count++] = *p;
	return 0;
}

static int del_hardware(struct debugger *d, const struct debug_point *p)
{
	for (unsigned i = 0; i < d->hardware_count; i++) {
		const struct debug_point *q = &d->hardware[i];

		if (q->kind != p->kind || q->at != p->at || q->len != p->len)
			continue;
		d->hardware[i] = d->hardware[--d->hardware_count];
		return 0;
	}
	return -ENOENT;
}

static int point(void *arg, bool add, enum gdb_point kind, uint64_t at, unsigned len)
{
	const struct debug_point p = { kind, at, len };

	if (kind == GDB_SOFTWARE)
		return add ? add_software(arg, at) : del_software(arg, at);
	return add ? add_hardware(arg, &p) : del_hardware(arg, &p);
}

static void arm(struct debugger *d, int step)
{
	for (unsigned i = 0; i < d->m->cpus; i++)
		debug_arm(cpu_fd(d, i), d->hardware, d->hardware_count, d->software_count > 0,
			  step == (int)i);
}

static void go(void *arg, int step)
{
	struct debugger *d = arg;

	arm(d, step);
	vmm_go(d->m, step);
}

static void halt(void *arg)
{
	struct debugger *d = arg;

	vmm_pause(d->m);
	d->halted = true;
}

static void kill_guest(void *arg)
{
	struct debugger *d = arg;

	vmm_stop(d->m);
}

static const struct gdb_ops ops = {
	.registers = registers,
	.set_registers = set_registers,
	.memory = memory,
	.point = point,
	.go = go,
	.halt = halt,
	.kill = kill_guest,
};

static void tell(struct debugger *d, struct buf *out)
{
	if (out->bad || !out->len)
		return;
	pthread_mutex_lock(&d->m->lock);
	stream_write(d->stream, out->data, out->len);
	pthread_mutex_unlock(&d->m->lock);
	buf_reset(out);
}

static bool ours(const struct debugger *d, uint64_t at)
{
	for (unsigned i = 0; i < d->software_count; i++)
		if (d->software[i].at == at)
			return true;
	return false;
}

static void stopped(struct debugger *d, unsigned cpu, unsigned exception, uint64_t pc,
		    struct buf *out)
{
	vmm_pause(d->m); /* now that no CPU goes on */
	if (d->gdb && (exception != EXCEPTION_BREAKPOINT || ours(d, pc))) {
		gdb_stopped(d->gdb, cpu, SIGTRAP, out);
		return;
	}
	if (exception == EXCEPTION_BREAKPOINT)
		debug_give_back(cpu_fd(d, cpu));
	vmm_go(d->m, -1);
}

static void begin(struct debugger *d)
{
	vmm_pause(d->m);
	d->gdb = gdb_create(&ops, d, d->m->cpus);
}

static void finish(struct debugger *d)
{
	vmm_pause(d->m);
	gdb_destroy(d->gdb);
	d->gdb = NULL;
	arm(d, -1);
	vmm_go(d->m, -1);
}

static void on_word(evutil_socket_t fd, short what, void *arg)
{
	struct debugger *d = arg;
	struct buf in = { 0 }, out = { 0 };
	bool open, hit, more = true;
	unsigned cpu, exception;
	uint64_t pc;

	pthread_mutex_lock(&d->m->lock);
	open = d->open;
	in = d->pending;
	d->pending = (struct buf){ 0 };
	hit = d->stop.hit;
	cpu = d->stop.cpu;
	exception = d->stop.exception;
	pc = d->stop.pc;
	d->stop.hit = false;
	stream_go_on(d->stream);
	pthread_mutex_unlock(&d->m->lock);

	if (hit)
		stopped(d, cpu, exception, pc, &out);
	if (open && !d->gdb)
		begin(d);
	if (d->gdb && !in.bad)
		more = gdb_input(d->gdb, in.data, in.len, &out);
	if (d->halted && d->gdb)
		gdb_stopped(d->gdb, 0, SIGINT, &out);
	d->halted = false;
	tell(d, &out);
	if (d->gdb && (!open || !more))
		finish(d);
	buf_free(&in);
	buf_free(&out);
}

static size_t input(void *arg, const void *bytes, size_t len)
{
	struct debugger *d = arg;
	size_t room = PENDING_MAX - d->pending.len;

	if (len > room)
		len = room;
	buf_put(&d->pending, bytes, len);
	event_active(d->event, EV_TIMEOUT, 0);
	return len;
}

static void opened(void *arg, bool open)
{
	struct debugger *d = arg;

	d->open = open;
	event_active(d->event, EV_TIMEOUT, 0);
}

void debugger_hit(struct debugger *d, unsigned cpu, unsigned exception, uint64_t pc)
{
	if (d->stop.hit) /* another CPU was first; this one comes to its point again */
		return;
	d->stop.hit = true;
	d->stop.cpu = cpu;
	d->stop.exception = exception;
	d->stop.pc = pc;
	event_active(d->event, EV_TIMEOUT, 0);
}

int debugger_create(struct vmm *m, const char *path, struct debugger **out, struct err *err)
{
	struct debugger *d = calloc(1, sizeof(*d));
	const struct stream_ops stream = { .input = input, .opened = opened, .arg = d };

	if (!d)
		return err_sys(err, -ENOMEM, "debugger");
	*out = d;
	d->m = m;
	d->event = event_new(m->base, -1, 0, on_word, d);
	if (!d->event)
		return err_sys(err, -ENOMEM, "debugger");
	return stream_create(m->base, &m->lock, path, &stream, &d->stream, err);
}

bool debugger_is_used(const struct debugger *d)
{
	return d->gdb;
}

void debugger_destroy(struct debugger *d)
{
	if (!d)
		return;
	stream_destroy(d->stream);
	gdb_destroy(d->gdb);
	if (d->event)
		event_free(d->event);
	buf_free(&d->pending);
	free(d);
}
