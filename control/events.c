/* SPDX-License-Identifier: Apache-2.0 */
#include "control/events.h"

#include "control/text.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	EVENTS_MAX = 16384,	   /* a power of two */
	EVENTS_BYTES = 4 << 20, /* of lines; a deployment of 1000 routers takes one MiB */
};

struct kept {
	char *line;
	size_t len;
	char vnet[32]; /* empty: none */
	uint32_t owner; /* a user, or 0 */
};

struct events {
	uint32_t epoch;
	uint64_t first, next; /* numbers of the oldest that is kept, and of the next; from 1 on */
	size_t bytes;
	TAILQ_HEAD(, events_follower) followers;
	struct kept kept[EVENTS_MAX]; /* by number */
};

int events_create(uint32_t epoch, struct events **out, struct err *err)
{
	struct events *e = calloc(1, sizeof(*e));

	if (!e)
		return err_sys(err, -ENOMEM, "events");
	e->epoch = epoch;
	e->first = e->next = 1;
	TAILQ_INIT(&e->followers);
	*out = e;
	return 0;
}

static void forget_oldest(struct events *e)
{
	struct kept *k = &e->kept[e->first++ % EVENTS_MAX];

	e->bytes -= k->len;
	free(k->line);
	*k = (struct kept){ .line = NULL };
}

void events_destroy(struct events *e)
{
	while (e && e->first < e->next)
		forget_oldest(e);
	free(e);
}

/* The line, with its end; NULL: no memory. */
static char *make_line(const struct events *e, const struct event_record *r)
{
	struct timespec now;
	char *text, *line = NULL;
	json_t *o;

	clock_gettime(CLOCK_REALTIME, &now);
	o = json_pack("{s:o, s:f, s:s, s:s?, s:s*, s:s?, s:s, s:o}", "cursor",
		      json_sprintf("%" PRIu32 ".%" PRIu64, e->epoch, e->next), "time",
		      (double)now.tv_sec + (double)(now.tv_nsec / 1000000) / 1e3, "type", r->type, "vnet",
		      r->vnet, "owner", r->owner_name, "name", r->name, "state", r->state, "why",
		      r->why && r->why[0] ? text_json(r->why) : json_null());
	text = o ? json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(13)) : NULL;
	if (text && asprintf(&line, "%s\n", text) < 0)
		line = NULL;
	free(text);
	json_decref(o);
	return line;
}

void events_add(struct events *e, const struct event_record *r)
{
	struct events_follower *f;
	struct kept *k;
	char *line = e ? make_line(e, r) : NULL;

	if (!line) /* what is lost is not numbered: nobody would be told */
		return;
	while (e->next - e->first == EVENTS_MAX || (e->bytes > EVENTS_BYTES && e->first < e->next))
		forget_oldest(e);
	k = &e->kept[e->next++ % EVENTS_MAX];
	k->line = line;
	k->len = strlen(line);
	snprintf(k->vnet, sizeof(k->vnet), "%s", r->vnet ? r->vnet : "");
	k->owner = r->owner;
	e->bytes += k->len;
	TAILQ_FOREACH (f, &e->followers, entry)
		f->wake(f->arg);
}

/* "EPOCH.NUMBER", digits and nothing else. */
static bool parse_cursor(const char *text, uint64_t *epoch, uint64_t *number)
{
	size_t a = strspn(text, "0123456789"), b = text[a] == '.' ? strspn(text + a + 1, "0123456789") : 0;

	if (!a || !b || a > 10 || b > 18 || text[a + 1 + b])
		return false;
	*epoch = strtoull(text, NULL, 10);
	*number = strtoull(text + a + 1, NULL, 10);
	return true;
}

int events_since(const struct events *e, const char *since, struct events_follower *f)
{
	uint64_t epoch, number;

	f->lost = f->greet = false;
	f->next = e->first;
	if (!since)
		return 0;
	if (!strcmp(since, "now")) {
		f->next = e->next;
		f->greet = true;
		return 0;
	}
	if (!parse_cursor(since, &epoch, &number) || (epoch == e->epoch && number >= e->next))
		return -EINVAL;
	if (epoch == e->epoch)
		f->next = number + 1;
	f->lost = epoch != e->epoch;
	return 0;
}

void events_follow(struct events *e, struct events_follower *f)
{
	TAILQ_INSERT_TAIL(&e->followers, f, entry);
}

void events_leave(struct events *e, struct events_follower *f)
{
	TAILQ_REMOVE(&e->followers, f, entry);
}

/* Where it begins, or goes on behind a gap. The cursor is that of the event before. */
static void tell_missed(const struct events *e, struct events_follower *f, struct buf *out)
{
	uint64_t missed = f->next < e->first ? e->first - f->next : 0;

	f->next += missed;
	if (f->lost || f->greet || missed)
		buf_printf(out, "{\"cursor\":\"%" PRIu32 ".%" PRIu64 "\",\"type\":", e->epoch, f->next - 1);
	if (f->lost)
		buf_printf(out, "\"missed\",\"count\":null}\n");
	else if (missed)
		buf_printf(out, "\"missed\",\"count\":%" PRIu64 "}\n", missed);
	else if (f->greet)
		buf_printf(out, "\"now\"}\n");
	f->lost = f->greet = false;
}

/* What has no owner is the operator's, if it is of a vnet; else it concerns everybody. */
static bool concerns(const struct kept *k, uint32_t user, const char *vnet)
{
	if (user && k->owner != user && (k->owner || k->vnet[0]))
		return false;
	return !vnet || !k->vnet[0] || !strcmp(k->vnet, vnet);
}

bool events_read(const struct events *e, struct events_follower *f, const char *vnet, size_t most,
		 struct buf *out)
{
	tell_missed(e, f, out);
	for (; f->next < e->next && out->len < most; f->next++) {
		const struct kept *k = &e->kept[f->next % EVENTS_MAX];

		if (concerns(k, f->user, vnet))
			buf_put(out, k->line, k->len);
	}
	return f->next < e->next;
}
