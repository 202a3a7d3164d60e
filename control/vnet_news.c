/* SPDX-License-Identifier: Apache-2.0 */
#include "control/vnet_news.h"

#include "base/clock.h"
#include "base/hash.h"
#include "control/state.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NEWS_MS 250 /* between two looks */

/* What has been told of a node or a link. */
struct told {
	const char *state;
	bool wrong; /* with a sentence why */
	uint32_t look;
};

struct told_key {
	char kind; /* of a node 'n', of a link 'l' */
	char name[sizeof(((struct link *)NULL)->name)];
};

struct vnet_news {
	struct event *due;
	uint64_t looked_ms;
	uint32_t look; /* counts them */
	const char *state;
	struct hash_map *told;
};

void vnet_event(const struct vnet *v, const char *type, const char *name, const char *state,
		const char *why)
{
	struct event_record r = { .type = type, .vnet = v->topology->name, .name = name,
				  .state = state, .why = why, .owner = v->owner,
				  .owner_name = v->owner ? v->owner_name : NULL };

	events_add(v->daemon->events, &r);
}

/* What was told of it; untold: nothing yet, as if it had been told that state. NULL: no memory. */
static struct told *find(struct vnet_news *news, char kind, const char *name, const char *untold)
{
	struct told_key key = { .kind = kind };
	struct told *told;

	snprintf(key.name, sizeof(key.name), "%s", name);
	told = hash_map_find(news->told, &key);
	if (told)
		return told;
	told = calloc(1, sizeof(*told));
	if (told && hash_map_set(news->told, &key, told) == 0) {
		told->state = untold;
		return told;
	}
	free(told);
	return NULL;
}

static void tell_node(struct vnet *v, const struct node *n)
{
	char why[STATE_WHY_MAX];
	const char *state = node_state_names[node_state(n, why)];
	struct told *told = find(v->news, 'n', n->spec->name, NULL);

	if (!told)
		return;
	told->look = v->news->look;
	if (told->state == state && told->wrong == !!why[0])
		return;
	told->state = state;
	told->wrong = why[0];
	vnet_event(v, "node", n->spec->name, state, why);
}

/* A link that is new is down until it has been told to be up. */
static void tell_link(struct vnet *v, const struct link *l)
{
	static const char up[] = "up", down[] = "down";
	bool live = vnet_carrier(v, vnet_end(v, l, 0, NULL)) && vnet_carrier(v, vnet_end(v, l, 1, NULL));
	struct told *told = find(v->news, 'l', l->key, down);

	if (!told)
		return;
	told->look = v->news->look;
	if (told->state == (live ? up : down))
		return;
	told->state = live ? up : down;
	vnet_event(v, "link", l->key, told->state, l->down ? "an operator has cut it" : NULL);
}

/* Of an earlier topology. */
static void tell_removed(struct vnet *v)
{
	const void *at;
	void *value;

	for (size_t i = 0; hash_map_next(v->news->told, &i, &at, &value);) {
		struct told *told = value;
		struct told_key key;

		if (told->look == v->news->look)
			continue;
		memcpy(&key, at, sizeof(key));
		vnet_event(v, key.kind == 'n' ? "node" : "link", key.name, "removed", NULL);
		hash_map_del(v->news->told, &key);
		free(told);
	}
}

void vnet_news_now(struct vnet *v)
{
	struct vnet_news *news = v->news;
	const char *state = vnet_state(v);

	event_del(news->due);
	news->looked_ms = clock_ms();
	if (!v->destroying) {
		news->look++;
		for (unsigned i = 0; i < v->topology->node_count; i++)
			tell_node(v, v->nodes[i]);
		for (unsigned i = 0; i < v->topology->link_count; i++)
			tell_link(v, &v->links[i]);
		tell_removed(v);
	}
	if (news->state != state)
		vnet_event(v, "vnet", NULL, state, NULL);
	news->state = state;
}

static void on_due(evutil_socket_t fd, short what, void *arg)
{
	vnet_news_now(arg);
}

void vnet_news(struct vnet *v)
{
	struct vnet_news *news = v->news;
	uint64_t since = clock_ms() - news->looked_ms;
	struct timeval tv = { .tv_usec = since < NEWS_MS ? (long)(NEWS_MS - since) * 1000 : 0 };

	if (!event_pending(news->due, EV_TIMEOUT, NULL))
		event_add(news->due, &tv);
}

int vnet_news_init(struct vnet *v)
{
	v->news = calloc(1, sizeof(*v->news));
	if (!v->news)
		return -ENOMEM;
	v->news->due = evtimer_new(v->daemon->base, on_due, v);
	v->news->told = hash_map_create(sizeof(struct told_key));
	return v->news->due && v->news->told ? 0 : -ENOMEM;
}

void vnet_news_fini(struct vnet *v)
{
	struct vnet_news *news = v->news;
	void *value;

	if (!news)
		return;
	for (size_t i = 0; news->told && hash_map_next(news->told, &i, NULL, &value);)
		free(value);
	hash_map_destroy(news->told);
	if (news->due)
		event_free(news->due);
	free(news);
}
