/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_ADMISSION_H
#define CONTROL_ADMISSION_H

/*
 * Whether this machine can carry what a topology asks for, before anything of it is stored or
 * started. The figures are docs/machines.md's.
 */

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct topology;
struct vnet;
struct weftd;

#define ADMISSION_KINDS_MAX 1024

struct admission_kind {
	unsigned count, mib; /* routers, and the memory of each */
};

struct admission {
	const char *vnet;
	unsigned kind_count; /* of the routers that come; the order of the sentence */
	struct admission_kind kinds[ADMISSION_KINDS_MAX];
	uint64_t total_mib, free_mib; /* of the machine */
	uint64_t promised_mib;	      /* of the free: to routers that are not ready yet */
	uint64_t huge_need, huge_promised, huge_free; /* pages of 2 MiB: of the routers that come, of those
						   that have not started, of the machine */
	unsigned staying;	      /* routers of all vnets beside those that come */
	unsigned cpus;
	bool kvm;
	unsigned workers;		/* cores that the engine forwards with */
	unsigned guarantee, guaranteed; /* 1/1000 of them: the vnet's, and that of all others */
};

/* Adds one that comes. */
void admission_add(struct admission *a, unsigned mib);
/* -ENOSPC and the sum as a sentence when it does not fit. */
int admission_judge(const struct admission *a, struct err *err);

/*
 * Whether t, with those routers of existing (NULL allowed) that go on as they are, fits beside what
 * the daemon runs. -ENOENT when an image was not built. A vnet that sleeps is resumed with its own
 * topology and NULL.
 */
int admission_check(struct weftd *d, const struct topology *t, struct vnet *existing,
		    struct err *err);

#endif
