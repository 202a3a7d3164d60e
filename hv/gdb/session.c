/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/gdb/gdb_priv.h"

#include <signal.h>
#include <stdlib.h>

struct gdb *gdb_create(const struct gdb_ops *ops, void *arg, unsigned cpus)
{
	struct gdb *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	g->ops = ops;
	g->arg = arg;
	g->cpus = cpus;
	g->signal = SIGTRAP;
	return g;
}

void gdb_destroy(struct gdb *g)
{
	if (!g)
		return;
	points_clear(g);
	free(g);
}

static void answer(struct gdb *g, struct buf *out)
{
	struct buf data = { 0 };

	if (command(g, (const char *)g->packet.data, g->packet.len, &data))
		packet_put(out, data.data, data.len);
	out->bad |= data.bad;
	buf_free(&data);
}

bool gdb_input(struct gdb *g, const void *bytes, size_t len, struct buf *out)
{
	for (size_t i = 0; i < len && !g->over; i++) {
		bool sure = g->sure;

		switch (packet_byte(&g->packet, ((const uint8_t *)bytes)[i])) {
		case PACKET_NONE:
			break;
		case PACKET_INTERRUPT:
			if (g->running)
				g->ops->halt(g->arg);
			break;
		case PACKET_BROKEN:
			if (!sure)
				buf_u8(out, '-');
			break;
		case PACKET_WHOLE:
			if (!sure)
				buf_u8(out, '+');
			if (!g->running)
				answer(g, out);
			break;
		}
	}
	return !g->over;
}

void gdb_stopped(struct gdb *g, unsigned cpu, int signal, struct buf *out)
{
	struct buf data = { 0 };

	if (!g->running)
		return;
	g->running = false;
	g->stopped_cpu = g->cpu = cpu;
	g->signal = signal;
	stop_reply(g, &data);
	packet_put(out, data.data, data.len);
	out->bad |= data.bad;
	buf_free(&data);
}
