/* SPDX-License-Identifier: Apache-2.0 */
/* What gdb asks for (GDB manual, E.2 "Packets"). An empty answer: not supported. */
#include "hv/gdb/gdb_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

void stop_reply(const struct gdb *g, struct buf *out)
{
	buf_printf(out, "T%02xthread:%x;", (unsigned)g->signal & 0xff, g->stopped_cpu + 1);
}

void points_clear(struct gdb *g)
{
	for (unsigned i = 0; i < g->point_count; i++)
		g->ops->point(g->arg, false, g->points[i].kind, g->points[i].at, g->points[i].len);
	g->point_count = 0;
}

/* "kind,address,length" */
static int point(struct gdb *g, struct text *t, bool add)
{
	uint64_t kind = text_number(t), at, len;
	unsigned i = 0;
	int code;

	text_letter(t, ',');
	at = text_number(t);
	text_letter(t, ',');
	len = text_number(t);
	if (t->bad || kind > GDB_ACCESS || len > 16)
		return -EINVAL;
	while (i < g->point_count && (g->points[i].kind != kind || g->points[i].at != at ||
				      g->points[i].len != len))
		i++;
	if (add == (i < g->point_count))
		return 0;
	if (add && i == GDB_POINTS_MAX)
		return -ENOSPC;
	code = g->ops->point(g->arg, add, (enum gdb_point)kind, at, (unsigned)len);
	if (code)
		return code;
	if (add)
		g->points[g->point_count++] = (struct point){ (enum gdb_point)kind, at, (unsigned)len };
	else
		g->points[i] = g->points[--g->point_count];
	return 0;
}

static void add_point(struct gdb *g, struct text *t, struct buf *out)
{
	put_result(point(g, t, true), out);
}

static void del_point(struct gdb *g, struct text *t, struct buf *out)
{
	put_result(point(g, t, false), out);
}

/* A thread's CPU; 0 and -1 are any and all of them. -1: there is none such. */
static int cpu_of(const struct gdb *g, struct text *t)
{
	uint64_t id;

	if (text_begins(t, "-1"))
		return (int)g->cpu;
	id = text_number(t);
	if (t->bad || id > g->cpus)
		return -1;
	return id ? (int)id - 1 : (int)g->cpu;
}

static void choose_thread(struct gdb *g, struct text *t, struct buf *out)
{
	bool look = text_begins(t, "g");
	int cpu;

	t->at += !look && t->at < t->end;
	cpu = cpu_of(g, t);
	if (look && cpu >= 0)
		g->cpu = (unsigned)cpu;
	put_result(cpu < 0 ? -ESRCH : 0, out);
}

static void thread_alive(struct gdb *g, struct text *t, struct buf *out)
{
	put_result(cpu_of(g, t) < 0 ? -ESRCH : 0, out);
}

static void go(struct gdb *g, int step)
{
	g->running = true;
	g->ops->go(g->arg, step);
}

/* "c" or "s", and perhaps an address to go on at. */
static bool old_go(struct gdb *g, struct text *t, bool step, struct buf *out)
{
	struct gdb_registers regs = { 0 };
	int code = 0;

	if (text_rest(t)) {
		code = g->ops->registers(g->arg, g->cpu, &regs);
		regs.rip = text_number(t);
		if (!code)
			code = t->bad ? -EINVAL : g->ops->set_registers(g->arg, g->cpu, &regs);
	}
	if (code)
		put_result(code, out);
	else
		go(g, step ? (int)g->cpu : -1);
	return code != 0;
}

/* "vCont;s:1;c": the first thread that is to step, or all go. */
static bool vcont(struct gdb *g, struct text *t, struct buf *out)
{
	int step = -1;

	while (t->at < t->end && step < 0) {
		bool steps;

		text_letter(t, ';');
		steps = t->at < t->end && (*t->at == 's' || *t->at == 'S');
		t->at += t->at < t->end;
		while (t->at < t->end && *t->at != ':' && *t->at != ';') /* a signal's number */
			t->at++;
		if (t->at < t->end && *t->at == ':') {
			int cpu;

			t->at++;
			cpu = cpu_of(g, t);
			t->bad |= cpu < 0;
			step = steps ? cpu : -1;
		} else if (steps) {
			step = (int)g->cpu;
		}
		if (t->bad) {
			put_result(-EINVAL, out);
			return true;
		}
	}
	go(g, step);
	return false;
}

static bool multi(struct gdb *g, struct text *t, struct buf *out)
{
	if (text_begins(t, "Cont?"))
		buf_printf(out, "vCont;c;C;s;S");
	else if (text_begins(t, "Cont"))
		return vcont(g, t, out);
	return true;
}

/* A piece of the description: "offset,length"; m: there is more, l: it was the last. */
static void features(struct text *t, struct buf *out)
{
	size_t all = strlen(gdb_target_xml), at = (size_t)text_number(t), len;

	text_letter(t, ',');
	len = (size_t)text_number(t);
	if (t->bad || at > all) {
		put_result(-EINVAL, out);
		return;
	}
	if (len > PACKET_MAX / 2)
		len = PACKET_MAX / 2;
	buf_u8(out, len < all - at ? 'm' : 'l');
	buf_put(out, gdb_target_xml + at, len < all - at ? len : all - at);
}

static void threads(const struct gdb *g, struct buf *out)
{
	for (unsigned i = 1; i <= g->cpus; i++)
		buf_printf(out, "%c%x", i == 1 ? 'm' : ',', i);
}

static void query(struct gdb *g, struct text *t, struct buf *out)
{
	if (text_begins(t, "Supported"))
		buf_printf(out, "PacketSize=%x;QStartNoAckMode+;qXfer:features:read+;vContSupported+",
			   PACKET_MAX);
	else if (text_begins(t, "Xfer:features:read:target.xml:"))
		features(t, out);
	else if (text_begins(t, "Attached"))
		buf_printf(out, "1");
	else if (text_begins(t, "fThreadInfo"))
		threads(g, out);
	else if (text_begins(t, "sThreadInfo"))
		buf_printf(out, "l");
	else if (text_begins(t, "ThreadExtraInfo,")) {
		int cpu = cpu_of(g, t);
		char name[16];

		snprintf(name, sizeof(name), "CPU %d", cpu);
		hex_put(out, name, cpu < 0 ? 0 : strlen(name));
	} else if (text_rest(t) == 1 && text_begins(t, "C"))
		buf_printf(out, "QC%x", g->cpu + 1);
}

static void set(struct gdb *g, struct text *t, struct buf *out)
{
	if (!text_begins(t, "StartNoAckMode"))
		return;
	g->sure = true;
	put_result(0, out);
}

static void why(struct gdb *g, struct text *t, struct buf *out)
{
	stop_reply(g, out);
}

static void detach(struct gdb *g, struct text *t, struct buf *out)
{
	points_clear(g);
	g->over = true;
	put_result(0, out);
}

static const struct {
	char letter;
	packet_fn *run;
} commands[] = {
	{ '?', why },		{ 'g', read_registers },  { 'G', write_registers },
	{ 'p', read_register }, { 'P', write_register },  { 'm', read_memory },
	{ 'M', write_memory },	{ 'X', write_binary },	  { 'Z', add_point },
	{ 'z', del_point },	{ 'H', choose_thread },	  { 'T', thread_alive },
	{ 'q', query },		{ 'Q', set },		  { 'D', detach },
};

bool command(struct gdb *g, const char *packet, size_t len, struct buf *out)
{
	struct text t = { packet + (len > 0), packet + len, false };

	switch (packet[0]) {
	case 'c':
	case 's':
		return old_go(g, &t, packet[0] == 's', out);
	case 'v':
		return multi(g, &t, out);
	case 'k': /* has no answer */
		points_clear(g);
		g->over = true;
		g->ops->kill(g->arg);
		return false;
	}
	for (unsigned i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (commands[i].letter == packet[0])
			commands[i].run(g, &t, out);
	return true;
}
