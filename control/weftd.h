/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_WEFTD_H
#define CONTROL_WEFTD_H

/*
 * The daemon as its parts see it. One thread, one libevent loop.
 *
 *   api.c     HTTP -> vnet.c
 *   vnet.c    desired topology -> nodes; compares, starts and ends what differs
 *   host.c    a host: namespace, taps, commands
 *   router.c  a router: its guest (vrouter/), its relay sockets, its routes into the engine
 *   start_queue.c  which machine is started next
 *   templates.c    what they are clones of, built when there is none
 *   physical.c  physical ports: ports.yml, interfaces, who has which slice
 *   capture.c  packets of a vnet, for who asks
 *   engine.c  the connection to weft-dp; weftd_engine.c what weftd does as it comes and goes
 *   events.c  what has happened, for those who follow it
 *   health.c  what is wrong with the machine
 *   user.c    who asks; gate.c lets users in, api_calls.c says who may what, quota.c how much
 *   store.c   what must survive
 */

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct captures;
struct engine;
struct event_base;
struct events;
struct physical;
struct health;
struct gate;
struct start_queue;
struct store;
struct taps_held;
struct templates;
struct vnet;

/* Users that guests and the engine run as. Far above what people and packages have. */
#define WEFTD_UID_TEMPLATES 805306366u
#define WEFTD_UID_ENGINE 805306367u
#define WEFTD_UID_GUESTS 805306368u /* + node id */

TAILQ_HEAD(vnet_list, vnet);

struct weftd {
	struct event_base *base;
	const char *run;    /* sockets, guests' directories: gone after a reboot */
	const char *state;  /* database, images, logs */
	const char *images; /* text of images.yml */
	struct store *store;
	struct engine *engine;
	struct taps_held *engine_taps; /* while one that runs on is programmed for the first time; else NULL */
	struct captures *captures;
	struct gate *gate; /* for users */
	struct start_queue *starts;
	struct templates *templates;
	struct events *events;
	struct physical *physical; /* ports */
	struct health *health;
	uint32_t epoch; /* counts starts of weftd: next-hop ids differ between them */
	struct vnet_list vnets;
	uint64_t engine_deaths; /* engines that ended unasked for */
	int engine_told; /* pid of the engine that an event has told of; 0: none runs */
	bool ending; /* on_shutdown was called */
	void (*on_shutdown)(struct weftd *d);
};

#endif
