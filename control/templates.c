/* SPDX-License-Identifier: Apache-2.0 */
#include "control/templates.h"

#include "base/clock.h"
#include "base/log.h"
#include "control/events.h"
#include "control/start_queue.h"
#include "control/sweep.h"
#include "vrouter/template.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DIR_OURS "t/weftd-" /* below the run directory: `weft image build` has others there */

enum { FAILED_REST_MS = 60000 }; /* before a template that could not be built is tried again */

/* One image's template that is being built, or could not be. */
struct building {
	SLIST_ENTRY(building) entry;
	struct templates *owner;
	struct image image;
	struct template_build *build; /* NULL: it failed */
	uint64_t failed_ms;
	struct err err;
};

struct templates {
	struct weftd *daemon;
	SLIST_HEAD(, building) list;
};

static void tell(const struct building *b, const char *state, const char *why)
{
	struct event_record r = { .type = "template", .name = b->image.name, .state = state, .why = why };

	events_add(b->owner->daemon->events, &r);
}

static void forget(struct building *b)
{
	SLIST_REMOVE(&b->owner->list, b, building, entry);
	template_build_destroy(b->build);
	free(b);
}

static void on_done(void *arg, int code, const struct err *err)
{
	struct building *b = arg;
	struct weftd *d = b->owner->daemon;

	if (code) {
		log_error("image %s has no template, its routers boot cold: %s", b->image.name, err->text);
		tell(b, "failed", err->text);
		template_build_destroy(b->build);
		b->build = NULL;
		b->err = *err;
		b->failed_ms = clock_ms();
	} else {
		log_info("image %s: template built", b->image.name);
		tell(b, "ready", NULL);
		forget(b);
	}
	start_queue_kick(d->starts);
}

static struct building *find(struct templates *t, const struct image *img)
{
	struct building *b;

	SLIST_FOREACH (b, &t->list, entry)
		if (!strcmp(b->image.key, img->key))
			return b;
	return NULL;
}

static int build(struct templates *t, const struct image *img, struct err *err)
{
	struct building *b = calloc(1, sizeof(*b));
	char dir[128];
	int code;

	if (!b)
		return err_sys(err, -ENOMEM, "template of %s", img->name);
	b->owner = t;
	b->image = *img;
	snprintf(dir, sizeof(dir), "%s/" DIR_OURS "%s", t->daemon->run, img->name);
	code = template_build(t->daemon->base, img, dir, WEFTD_UID_TEMPLATES, on_done, b, &b->build, err);
	if (code) {
		free(b);
		return code;
	}
	log_info("image %s: building its template", img->name);
	tell(b, "building", NULL);
	SLIST_INSERT_HEAD(&t->list, b, entry);
	return -EAGAIN;
}

int templates_want(struct templates *t, const struct image *img, struct err *err)
{
	struct building *b = find(t, img);
	struct template there;
	int code;

	if (b && b->build)
		return -EAGAIN;
	code = template_find(img, &there, err);
	if (code == 0 && b)
		forget(b);
	if (code == 0 || code == -ENOTSUP)
		return code;
	if (b && clock_ms() - b->failed_ms < FAILED_REST_MS)
		return err_set(err, -EIO, "%s", b->err.text);
	if (b)
		forget(b);
	return build(t, img, err);
}

/* Ends the machines of a weftd that was killed while it built. */
static void sweep_ours(struct weftd *d)
{
	struct dirent *e;
	char path[160];
	DIR *dir;

	snprintf(path, sizeof(path), "%s/t", d->run);
	dir = opendir(path);
	while (dir && (e = readdir(dir))) {
		if (strncmp(e->d_name, "weftd-", 6) != 0)
			continue;
		snprintf(path, sizeof(path), "%s/t/%.40s", d->run, e->d_name);
		sweep_guest(d, path);
	}
	if (dir)
		closedir(dir);
}

int templates_create(struct weftd *d, struct templates **out, struct err *err)
{
	struct templates *t = calloc(1, sizeof(*t));

	if (!t)
		return err_sys(err, -ENOMEM, "templates");
	t->daemon = d;
	SLIST_INIT(&t->list);
	sweep_ours(d);
	*out = t;
	return 0;
}

void templates_destroy(struct templates *t)
{
	while (t && !SLIST_EMPTY(&t->list))
		forget(SLIST_FIRST(&t->list));
	free(t);
}
