/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_QUOTA_H
#define CONTROL_QUOTA_H

/*
 * What a tenant may have, over all vnets that are theirs. All of it is enforced as it runs: guests and
 * their memory are what is started, routes are what the engine takes of each router (fib-routes),
 * cores, weight and rate (ceilings of slices) are what it shares by. So it is enough to look when a vnet is deployed.
 */

#include "base/err.h"

#include <stdint.h>

/* Q(ID, name in the API and of the option, what it counts, in how many parts one is counted) */
#define QUOTAS(Q) \
	Q(VNETS, "vnets", "vnets", 1) \
	Q(GUESTS, "guests", "guests", 1) \
	Q(HOSTS, "hosts", "hosts", 1) \
	Q(MEMORY, "memory", "MiB of guests' memory", 1) \
	Q(ROUTES, "routes", "routes", 1) \
	Q(CORES, "cores", "cores of guarantee", 1000) \
	Q(WEIGHT, "weight", "of weight", 1) \
	Q(RATE, "rate", "Mbit/s at physical ports", 1)

enum quota_kind {
#define QUOTA_ID(id, name, what, parts) QUOTA_##id,
	QUOTAS(QUOTA_ID)
#undef QUOTA_ID
	QUOTA_COUNT
};

struct quota_info {
	const char *name, *what;
	unsigned parts;
};
extern const struct quota_info quota_infos[QUOTA_COUNT];

#define QUOTA_NONE (-1)		     /* no limit */
#define QUOTA_MAX  1000000000000ll /* of each, in parts */

struct quota {
	int64_t most[QUOTA_COUNT];
};

struct quota_use {
	int64_t n[QUOTA_COUNT];
};

extern const struct quota quota_none; /* no limits */

struct topology;
struct vnet;
struct weftd;

/* Adds what t takes. -ENOENT when an image was not built. */
int quota_add(const struct weftd *d, const struct topology *t, struct quota_use *use, struct err *err);
/* What all vnets of the user take, but for one (NULL: none). Of a vnet whose image is gone the memory
 * that its file names. */
struct quota_use quota_used(const struct weftd *d, uint32_t user, const struct vnet *except);

/*
 * Whether a vnet that has `had` (zeroes: a new one) and asks for `want` fits beside what the user's
 * others have. What asks for no more than it has is let be, also where the quota is less by now.
 * -EDQUOT and a sentence.
 */
int quota_judge(const struct quota *q, const char *user, const char *vnet, const struct quota_use *others,
		const struct quota_use *had, const struct quota_use *want, struct err *err);

/* The same for t, in place of existing (NULL: a new one), of the user. 0 for user 0, the operator. */
int quota_check(const struct weftd *d, uint32_t user, const struct topology *t,
		const struct vnet *existing, struct err *err);

#endif
