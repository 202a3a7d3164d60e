/* SPDX-License-Identifier: Apache-2.0 */
/* The table; snooped_frame.c has the frames. */
#include "vrouter/snooped_table_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct key {
	uint32_t port;
	uint8_t family, pad[3];
	uint8_t addr[16];
};

struct neighbour {
	struct snooped_addr addr;
	unsigned port;
	uint8_t mac[6];
	bool usable;
	bool unsure; /* only the guest can say which it has */
	uint64_t seen, changed;
};

struct own {
	struct snooped_addr addr;
	unsigned port;
	uint64_t seen;
};

struct snooped {
	struct snooped_ops ops;
	void *arg;
	struct hash_map *neighbours;
	struct own *own;
	unsigned own_count, own_room;
};

int snooped_create(const struct snooped_ops *ops, void *arg, struct snooped **out)
{
	struct snooped *s = calloc(1, sizeof(*s));

	if (s)
		*s = (struct snooped){ .ops = *ops, .arg = arg,
				       .neighbours = hash_map_create(sizeof(struct key)) };
	if (!s || !s->neighbours) {
		free(s);
		return -ENOMEM;
	}
	*out = s;
	return 0;
}

void snooped_destroy(struct snooped *s)
{
	if (!s)
		return;
	snooped_reset(s);
	hash_map_destroy(s->neighbours);
	free(s->own);
	free(s);
}

static struct key key_of(unsigned port, const struct snooped_addr *a)
{
	struct key k = { .port = port, .family = a->family };

	memcpy(k.addr, a->bytes, sizeof(k.addr));
	return k;
}

static struct neighbour *find(const struct snooped *s, unsigned port, const struct snooped_addr *a)
{
	struct key k = key_of(port, a);

	return hash_map_find(s->neighbours, &k);
}

static struct neighbour *get(struct snooped *s, unsigned port, const struct snooped_addr *a)
{
	struct neighbour *n = find(s, port, a);
	struct key k = key_of(port, a);

	if (n)
		return n;
	n = hash_map_count(s->neighbours) < SNOOPED_MAX ? calloc(1, sizeof(*n)) : NULL;
	if (!n || hash_map_set(s->neighbours, &k, n) < 0) {
		free(n);
		return NULL; /* it is not known, then */
	}
	n->addr = *a;
	n->port = port;
	return n;
}

/* Says what it has become, where that is something else. mac NULL: not known. */
static void become(struct snooped *s, struct neighbour *n, const uint8_t *mac, uint64_t now)
{
	bool same = n->usable == (mac != NULL) && (!mac || !memcmp(n->mac, mac, 6));

	n->seen = now;
	if (same)
		return;
	n->usable = mac != NULL;
	if (mac)
		memcpy(n->mac, mac, 6);
	n->changed = now;
	s->ops.neighbour(s->arg, n->port, &n->addr, mac);
}

static void drop(struct snooped *s, struct neighbour *n, bool tell)
{
	struct key k = key_of(n->port, &n->addr);

	hash_map_del(s->neighbours, &k);
	if (tell && n->usable)
		s->ops.neighbour(s->arg, n->port, &n->addr, NULL);
	free(n);
}

void snooped_has(struct snooped *s, unsigned port, const struct snooped_addr *a,
		 const uint8_t mac[6], uint64_t now)
{
	struct neighbour *n = get(s, port, a);

	if (!n)
		return;
	n->unsure = false;
	become(s, n, mac, now);
}

void snooped_asks(struct snooped *s, unsigned port, const struct snooped_addr *a, uint64_t now)
{
	struct neighbour *n = get(s, port, a);

	if (!n)
		return;
	n->unsure = false;
	become(s, n, NULL, now);
}

void snooped_hears(struct snooped *s, unsigned port, const struct snooped_addr *a,
		   const uint8_t mac[6], bool overrides, uint64_t now)
{
	struct neighbour *n = find(s, port, a);

	if (!n || n->unsure)
		return;
	if (!n->usable || !memcmp(n->mac, mac, 6)) {
		become(s, n, mac, now);
	} else if (overrides && now - n->changed >= SNOOPED_LOCK_MS) {
		become(s, n, mac, now);
	} else if (overrides) {
		n->unsure = true;
		become(s, n, NULL, now);
	}
}

bool snooped_is_own(const struct snooped *s, unsigned port, const struct snooped_addr *a)
{
	for (unsigned i = 0; i < s->own_count; i++)
		if (s->own[i].port == port && !memcmp(&s->own[i].addr, a, sizeof(*a)))
			return true;
	return false;
}

static bool is_link_local(const struct snooped_addr *a)
{
	return a->family == 6 && a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80;
}

static void own_drop(struct snooped *s, unsigned i)
{
	struct own gone = s->own[i];

	s->own[i] = s->own[--s->own_count];
	s->ops.own(s->arg, gone.port, &gone.addr, false);
}

/* It was on another port: it has moved. A port that has too many loses the one that was seen longest
 * ago. */
static void own_make_room(struct snooped *s, unsigned port, const struct snooped_addr *a)
{
	unsigned oldest = 0, count = 0;

	for (unsigned i = 0; i < s->own_count; i++) {
		if (!is_link_local(a) && !memcmp(&s->own[i].addr, a, sizeof(*a)))
			own_drop(s, i--);
	}
	for (unsigned i = 0; i < s->own_count; i++) {
		if (s->own[i].port != port)
			continue;
		if (!count++ || s->own[i].seen < s->own[oldest].seen)
			oldest = i;
	}
	if (count >= SNOOPED_OWN_MAX)
		own_drop(s, oldest);
}

void snooped_owns(struct snooped *s, unsigned port, const struct snooped_addr *a, uint64_t now)
{
	struct neighbour *n = find(s, port, a);

	if (n)
		drop(s, n, true);
	for (unsigned i = 0; i < s->own_count; i++) {
		if (s->own[i].port == port && !memcmp(&s->own[i].addr, a, sizeof(*a))) {
			s->own[i].seen = now;
			return;
		}
	}
	own_make_room(s, port, a);
	if (s->own_count == s->own_room) {
		unsigned room = s->own_room ? s->own_room * 2 : 16;
		struct own *more = realloc(s->own, room * sizeof(*more));

		if (!more)
			return;
		s->own = more;
		s->own_room = room;
	}
	s->own[s->own_count++] = (struct own){ .addr = *a, .port = port, .seen = now };
	s->ops.own(s->arg, port, a, true);
}

void snooped_port_down(struct snooped *s, unsigned port)
{
	size_t at = 0;
	void *v;

	while (hash_map_next(s->neighbours, &at, NULL, &v))
		if (((struct neighbour *)v)->port == port)
			drop(s, v, true);
}

void snooped_missed(struct snooped *s)
{
	size_t at = 0;
	void *v;

	while (hash_map_next(s->neighbours, &at, NULL, &v))
		drop(s, v, true);
}

void snooped_reset(struct snooped *s)
{
	size_t at = 0;
	void *v;

	while (hash_map_next(s->neighbours, &at, NULL, &v))
		drop(s, v, false);
	s->own_count = 0;
}

void snooped_age(struct snooped *s, uint64_t now)
{
	size_t at = 0;
	void *v;

	while (hash_map_next(s->neighbours, &at, NULL, &v))
		if (now - ((struct neighbour *)v)->seen >= SNOOPED_AGE_MS)
			drop(s, v, true);
}

void snooped_tell(const struct snooped *s)
{
	size_t at = 0;
	void *v;

	for (unsigned i = 0; i < s->own_count; i++)
		s->ops.own(s->arg, s->own[i].port, &s->own[i].addr, true);
	while (hash_map_next(s->neighbours, &at, NULL, &v)) {
		const struct neighbour *n = v;

		if (n->usable)
			s->ops.neighbour(s->arg, n->port, &n->addr, n->mac);
	}
}
