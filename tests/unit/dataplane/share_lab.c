/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/dataplane/share_lab.h"

#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

enum { BURST = 64, GATHER = 8, REST = 5 * 2600 };
/* REST: ticks from poll to poll, when limited */

struct lab *lab_create(void)
{
	struct lab *lab = calloc(1, sizeof(*lab));

	assert_non_null(lab);
	lab->now = HZ;
	lab->full = true;
	lab->slow = 1;
	assert_int_equal(share_create(VNETS, HZ, lab->now, &lab->s), 0);
	return lab;
}

void lab_destroy(struct lab *lab)
{
	share_destroy(lab->s);
	free(lab);
}

void lab_vnet(struct lab *lab, unsigned vnet, uint32_t guarantee, uint32_t weight, double load,
	      uint32_t cost)
{
	assert_int_equal(share_vnet_set(lab->s, vnet, guarantee, weight), 0);
	lab->vnets[vnet] = (struct source){ .rate = load / (cost + LAB_LOOK),
					    .cost = cost,
					    .clump = 1,
					    .due = (double)lab->now + vnet * 977 % 5000 };
}

static void arrive(struct lab *lab, unsigned vnet)
{
	if (lab->count == LAB_RING) {
		lab->vnets[vnet].overflow++;
		return;
	}
	lab->ring[(lab->head + lab->count++) % LAB_RING] = (uint8_t)vnet;
}

/* In order of time, to a few hundred ticks. */
static void arrivals(struct lab *lab, uint64_t until)
{
	for (uint64_t t = lab->now; t < until;) {
		t = t + 300 < until ? t + 300 : until;
		for (unsigned i = 0; i < VNETS; i++) {
			struct source *v = &lab->vnets[i];

			for (; v->rate > 0 && v->due <= (double)t; v->due += v->clump / v->rate)
				for (unsigned k = 0; k < v->clump; k++)
					arrive(lab, i);
		}
	}
	lab->now = until;
}

/* At most so many that wait, by vnet. */
static unsigned take(struct lab *lab, unsigned most, unsigned count[VNETS])
{
	unsigned n = lab->count < most ? lab->count : most;

	memset(count, 0, VNETS * sizeof(count[0]));
	for (unsigned i = 0; i < n; i++)
		count[lab->ring[(lab->head + i) % LAB_RING]]++;
	lab->head = (lab->head + n) % LAB_RING;
	lab->count -= n;
	return n;
}

static uint64_t ticks(const struct lab *lab, unsigned packets, unsigned each)
{
	return (uint64_t)(packets * each * lab->slow);
}

/* A burst, or what passes of some. Returns the packets taken; false in *full if there were fewer
 * than asked for. */
static unsigned gather(struct lab *lab, unsigned pass[VNETS], bool *full)
{
	unsigned count[VNETS], all = 0, passed = 0, n, most;

	for (unsigned bursts = 0; bursts < GATHER && passed <= BURST / 2; bursts++) {
		most = BURST - passed;
		n = take(lab, most, count);
		all += n;
		*full = n == most;
		for (unsigned i = 0; i < VNETS; i++) {
			unsigned some = count[i] ? share_admit(lab->s, i, count[i]) : 0;

			if (count[i])
				share_charge(lab->s, i, ticks(lab, count[i], LAB_LOOK), 0);
			lab->vnets[i].ticks += ticks(lab, count[i], LAB_LOOK);
			lab->vnets[i].dropped += count[i] - some;
			pass[i] += some;
			passed += some;
		}
		if (!*full || !lab->s->limiting)
			break;
	}
	return all;
}

static void poll(struct lab *lab)
{
	unsigned pass[VNETS] = {0}, n;
	uint64_t took = 200, idle = 0; /* what is nobody's */
	bool full;

	lab->s->backlog = lab->waiting >= 4;
	n = gather(lab, pass, &full);
	lab->waiting = full ? lab->waiting + 1 : 0;
	for (unsigned i = 0; i < VNETS; i++) {
		uint64_t work = ticks(lab, pass[i], lab->vnets[i].cost);

		if (pass[i])
			share_charge(lab->s, i, work, pass[i]);
		lab->vnets[i].passed += pass[i];
		lab->vnets[i].ticks += work;
		took += work;
	}
	took += ticks(lab, n, LAB_LOOK);
	if (!n)
		idle = took;
	else if (lab->s->limiting && n < BURST && took < REST) /* as the worker does */
		idle = REST - took;
	share_idle(lab->s, idle);
	lab->idle += idle;
	lab->full &= full;
	arrivals(lab, lab->now + (n ? took : 0) + idle);
	if (share_epoch(lab->s, lab->now, lab->full))
		lab->full = true;
}

void lab_run(struct lab *lab, uint64_t ticks)
{
	uint64_t end = lab->now + ticks;

	while (lab->now < end)
		poll(lab);
}

void lab_forget(struct lab *lab)
{
	for (unsigned i = 0; i < VNETS; i++) {
		struct source *v = &lab->vnets[i];

		v->passed = v->dropped = v->overflow = v->ticks = 0;
	}
	lab->idle = 0;
}

uint64_t lab_lost(const struct lab *lab, unsigned vnet)
{
	return lab->vnets[vnet].dropped + lab->vnets[vnet].overflow;
}

double lab_part(const struct lab *lab, unsigned vnet, uint64_t ticks)
{
	return (double)lab->vnets[vnet].ticks / (double)ticks;
}
