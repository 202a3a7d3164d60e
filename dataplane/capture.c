/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/capture_priv.h"

#include "base/tape.h"
#include "dataplane/engine_priv.h"
#include "dataplane/objects_priv.h"

#include <errno.h>
#include <rte_cycles.h>
#include <stdlib.h>
#include <time.h>

enum {
	CLOCK_TRIES = 8,
	CLOCK_MS = 10, /* from which on a rate that was measured is the better one */
};

struct capture {
	uint32_t id, snap, channels;
	const struct vnet *vnet;
	struct capture_clock clock;
	uint64_t ns; /* of a tick, times 2^32 */
	struct tape_shape shape;
	void *memory;
	struct tape_track tracks[COUNTERS_MAX]; /* by who counts, but see capture_track() */
};

static_assert((int)COUNTERS_MAX <= (int)TAPE_TRACKS_MAX, "a track for each thread");
static_assert(DP_CAPTURE_SNAP == TAPE_KEPT_MAX, "api.h says so");

/* By what a port is captured: replaced whole. */
struct captured {
	uint32_t count;
	struct capture_tap {
		struct capture *capture;
		uint32_t channel, flags;
	} taps[];
};

struct capture_clock capture_clock_now(int clock)
{
	struct capture_clock best = { 0 };
	uint64_t shortest = UINT64_MAX;
	struct timespec ts;

	for (unsigned i = 0; i < CLOCK_TRIES; i++) {
		uint64_t before = rte_rdtsc(), took;

		clock_gettime(clock, &ts);
		took = rte_rdtsc() - before;
		if (took >= shortest)
			continue;
		shortest = took;
		best = (struct capture_clock){ before + took / 2, (uint64_t)ts.tv_sec * 1000000000 +
								  (uint64_t)ts.tv_nsec };
	}
	return best;
}

/* All captures at a time have the same clock. Its rate is measured since the engine began: what DPDK
 * says of it is rounded. */
static void capture_clock_start(struct engine *e, struct capture *c)
{
	struct capture_clock now = capture_clock_now(CLOCK_MONOTONIC);
	uint64_t ns = now.ns - e->born.ns, ticks = now.tsc - e->born.tsc;

	for (unsigned i = 0; i < DP_CAPTURES_MAX; i++) {
		if (e->captures[i]) {
			c->clock = e->captures[i]->clock;
			c->ns = e->captures[i]->ns;
			return;
		}
	}
	if (ns < CLOCK_MS * 1000000) {
		ns = 1000000000;
		ticks = rte_get_tsc_hz();
	}
	c->clock = capture_clock_now(CLOCK_REALTIME);
	c->ns = (uint64_t)(((unsigned __int128)ns << 32) / ticks);
}

static uint64_t capture_stamp(const struct capture *c, uint64_t tsc)
{
	return c->clock.ns + (uint64_t)(((unsigned __int128)(tsc - c->clock.tsc) * c->ns) >> 32);
}

/* Workers there are, then the relay thread and the control thread. */
static unsigned capture_track(const struct capture *c, unsigned who)
{
	return who < WORKERS_MAX ? who : c->shape.tracks - 2 + (who - COUNTERS_RELAY);
}

void capture_copy(const struct port *port, unsigned who, const struct rte_mbuf *m, uint32_t mark)
{
	const struct captured *list = RD(port->captured);
	uint64_t tsc = rte_rdtsc();

	for (uint32_t i = 0; list && i < list->count; i++) {
		const struct capture_tap *tap = &list->taps[i];
		struct capture *c = tap->capture;
		struct tape_record r = { .stamp = capture_stamp(c, tsc),
					 .size = RTE_MIN(m->data_len, c->snap),
					 .length = m->pkt_len, .channel = (uint16_t)tap->channel,
					 .mark = (uint16_t)mark };

		if (mark < DP_CAPTURE_DROP && !(tap->flags & mark))
			continue;
		tape_write(&c->tracks[capture_track(c, who)], &r, rte_pktmbuf_mtod(m, const void *));
	}
}

static struct capture **capture_find(struct engine *e, uint32_t id)
{
	for (unsigned i = 0; i < DP_CAPTURES_MAX; i++)
		if (id ? e->captures[i] && e->captures[i]->id == id : !e->captures[i])
			return &e->captures[i];
	return NULL;
}

static void capture_free(struct engine *e, void *arg)
{
	struct capture *c = arg;

	tape_unmap(c->memory, &c->shape);
	free(c);
}

int capture_set(struct engine *e, const struct dp_capture *rec, int fd, struct err *err)
{
	struct vnet *vnet = hash_map_find(e->vnet_map, &rec->vnet);
	struct capture *c, **place = capture_find(e, 0);
	int rc;

	if (!rec->id)
		return err_set(err, -EINVAL, "capture: 0 is no id");
	if (capture_find(e, rec->id))
		return err_set(err, -EEXIST, "capture %u: there is one", rec->id);
	if (!vnet)
		return err_set(err, -ENOENT, "capture %u: no vnet has id %u", rec->id, rec->vnet);
	if (!rec->snap || rec->snap > DP_CAPTURE_SNAP)
		return err_set(err, -EINVAL, "capture %u: %u is not in 1..%u bytes", rec->id,
			       rec->snap, DP_CAPTURE_SNAP);
	if (!place)
		return err_set(err, -ENOSPC, "capture %u: there are %u already", rec->id,
			       DP_CAPTURES_MAX);
	c = aligned_alloc(RTE_CACHE_LINE_SIZE, RTE_ALIGN_CEIL(sizeof(*c), RTE_CACHE_LINE_SIZE));
	if (!c)
		return err_set(err, -ENOMEM, "capture %u: out of memory", rec->id);
	*c = (struct capture){ .id = rec->id, .snap = rec->snap, .channels = rec->channels,
			       .vnet = vnet, .shape = { .channels = rec->channels,
							.tracks = e->worker_count + 2 } };
	for (unsigned i = 0; i < c->shape.tracks; i++)
		c->shape.blocks[i] = i < e->worker_count ? DP_CAPTURE_BLOCKS :
							   DP_CAPTURE_BLOCKS_OTHER;
	rc = tape_map(fd, &c->shape, c->tracks, &c->memory, err);
	if (rc) {
		free(c);
		return err_prefix(err, rc, "capture %u", rec->id);
	}
	capture_clock_start(e, c);
	*place = c;
	return 0;
}

/* Gives the port's captures, but those of `without`, and `more` if that is any. */
static int captured_change(struct engine *e, struct port *port, const struct capture *without,
			   const struct capture_tap *more)
{
	struct captured *old = port->captured, *list;
	uint32_t count = old ? old->count : 0;

	list = calloc(1, sizeof(*list) + (count + 1) * sizeof(list->taps[0]));
	if (!list)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++)
		if (old->taps[i].capture != without)
			list->taps[list->count++] = old->taps[i];
	if (more)
		list->taps[list->count++] = *more;
	if (!list->count) {
		free(list);
		list = NULL;
	}
	WR(port->captured, list);
	engine_free_later(e, old);
	port_refresh(port);
	return 0;
}

int capture_port(struct engine *e, const struct dp_capture_port *rec, struct err *err)
{
	struct capture **c = rec->capture ? capture_find(e, rec->capture) : NULL;
	struct port *port = hash_map_find(e->port_map, &rec->port);
	struct capture_tap tap = { .channel = rec->channel, .flags = rec->flags };

	if (!c)
		return err_set(err, -ENOENT, "no capture has id %u", rec->capture);
	if (rec->channel >= (*c)->channels)
		return err_set(err, -EINVAL, "capture %u: it has %u channels", rec->capture,
			       (*c)->channels);
	if (rec->flags & ~(DP_CAPTURE_RX | DP_CAPTURE_TX))
		return err_set(err, -EINVAL, "capture %u: no flags %#x", rec->capture, rec->flags);
	if (!port)
		return 0;
	if (port->vnet != (*c)->vnet)
		return err_set(err, -EXDEV, "capture %u: port %u is another vnet's", rec->capture,
			       rec->port);
	for (uint32_t i = 0; port->captured && i < port->captured->count; i++)
		if (port->captured->taps[i].capture == *c)
			return err_set(err, -EEXIST, "capture %u has port %u already", rec->capture,
				       rec->port);
	tap.capture = *c;
	if (captured_change(e, port, NULL, &tap) < 0)
		return err_set(err, -ENOMEM, "capture %u: out of memory", rec->capture);
	return 0;
}

static bool captured_by(const struct port *port, const struct capture *c)
{
	for (uint32_t i = 0; port->captured && i < port->captured->count; i++)
		if (port->captured->taps[i].capture == c)
			return true;
	return false;
}

/* A port whose shorter list there is no memory for is captured by nothing: that needs none. */
static void capture_end(struct engine *e, struct capture **place)
{
	struct capture *c = *place;
	void *value;

	for (size_t i = 0; hash_map_next(e->port_map, &i, NULL, &value);) {
		struct port *port = value;

		if (!captured_by(port, c) || captured_change(e, port, c, NULL) == 0)
			continue;
		engine_free_later(e, port->captured);
		WR(port->captured, NULL);
		port_refresh(port);
	}
	*place = NULL;
	engine_defer(e, capture_free, c);
}

int capture_del(struct engine *e, uint32_t id, struct err *err)
{
	struct capture **c = id ? capture_find(e, id) : NULL;

	if (!c)
		return err_set(err, -ENOENT, "no capture has id %u", id);
	capture_end(e, c);
	return 0;
}

void captures_end(struct engine *e, const struct vnet *vnet)
{
	for (unsigned i = 0; i < DP_CAPTURES_MAX; i++)
		if (e->captures[i] && (!vnet || e->captures[i]->vnet == vnet))
			capture_end(e, &e->captures[i]);
}
