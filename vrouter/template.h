/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VROUTER_TEMPLATE_H
#define VROUTER_TEMPLATE_H

/*
 * Templates: a guest of an image that was booted once, with its daemons up and not configured,
 * and saved (hv_save()). Routers start as its clones.
 *
 *   STORE/<image key>/template/    ram, state and what else the backend saves
 *   STORE/<image key>/template/template.json   {"key", "built"}
 *
 * key is the hash of hv_fingerprint() for the image's machine. A template with another key is
 * stale: it is never used, and a build replaces it.
 */

#include "base/err.h"
#include "vrouter/image.h"

#include <stdint.h>
#include <sys/types.h>

#define TEMPLATE_PATH_MAX 600

struct event_base;
struct template_build;

struct template {
	char dir[TEMPLATE_PATH_MAX];
	char key[17];	/* hex */
	char built[32]; /* RFC 3339 */
	uint64_t bytes; /* that it takes on disk */
};

/* -ENOENT: never built; -ESTALE: out is what is there, and it is of no use any more; -ENOTSUP: what runs
 * guests here cannot save any. */
int template_find(const struct image *img, struct template *out, struct err *err);

/* Boots the image in the directory dir as uid, saves it. done is called once, from the loop. */
int template_build(struct event_base *base, const struct image *img, const char *dir, uid_t uid,
		   void (*done)(void *arg, int code, const struct err *err), void *arg,
		   struct template_build **out, struct err *err);
/* Ends it, if it is not done; frees it. NULL allowed. */
void template_build_destroy(struct template_build *b);

#endif
