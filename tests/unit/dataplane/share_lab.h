/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_DATAPLANE_SHARE_LAB_H
#define TESTS_UNIT_DATAPLANE_SHARE_LAB_H

/* A worker in virtual time: a device's ring that overflows, bursts, costs; who loses what. */
#include "dataplane/share_priv.h"

enum { VNETS = 64, LAB_RING = 4096, LAB_LOOK = 20 /* ticks until a vnet is known */ };
#define HZ 2600000000ull
#define MS (HZ / 1000)

struct source {
	double rate; /* packets a tick */
	uint32_t cost;
	uint32_t clump; /* packets that come at once */
	double due;
	uint64_t passed, dropped, overflow, ticks;
};

struct lab {
	struct share *s;
	struct source vnets[VNETS];
	uint64_t now, idle;
	double slow; /* what a packet costs now, of what it costs otherwise */
	uint8_t ring[LAB_RING];
	unsigned head, count;
	unsigned waiting; /* polls in a row that left something in the ring */
	bool full; /* each poll of this epoch found a full burst */
};

struct lab *lab_create(void);
void lab_destroy(struct lab *lab);
/* load: of a core, when all passes. */
void lab_vnet(struct lab *lab, unsigned vnet, uint32_t guarantee, uint32_t weight, double load,
	      uint32_t cost);
void lab_run(struct lab *lab, uint64_t ticks);
void lab_forget(struct lab *lab);
uint64_t lab_lost(const struct lab *lab, unsigned vnet);
double lab_part(const struct lab *lab, unsigned vnet, uint64_t ticks);

#endif
