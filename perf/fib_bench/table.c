/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/fib_bench/bench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUTES_MAX = 2000000 };

/* The finaliser of MurmurHash3, by David Stafford (mix 13). */
uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

/* SplitMix64 (Steele, Lea, Flood, OOPSLA 2014). */
uint64_t rnd(uint64_t *seed)
{
	return mix(*seed += 0x9e3779b97f4a7c15u);
}

uint32_t rnd_below(uint64_t *seed, uint32_t n)
{
	return (uint32_t)((rnd(seed) >> 32) * n >> 32);
}

double rnd_unit(uint64_t *seed)
{
	return (double)(rnd(seed) >> 11) * 0x1p-53;
}

void table_read(struct routes *t, unsigned family, const char *path)
{
	FILE *f = fopen(path, "re");
	char prefix[64];
	unsigned len, as, hop;
	int fields;

	if (!f)
		fatal("%s: %s", path, strerror(errno));
	*t = (struct routes){.family = family};
	t->routes = calloc(ROUTES_MAX, sizeof(*t->routes));
	if (!t->routes)
		fatal("no memory for the table");
	while ((fields = fscanf(f, " %63[^/]/%u %u %u %*u", prefix, &len, &as, &hop)) == 4) {
		struct route *r = &t->routes[t->count++];

		*r = (struct route){.len = (uint8_t)len, .as = as, .hop = hop};
		if (inet_pton(family == 4 ? AF_INET : AF_INET6, prefix, r->addr) != 1 ||
		    len > (family == 4 ? 32 : 128) || !hop || hop > HOPS || t->count == ROUTES_MAX)
			fatal("%s: line %u: %s/%u: no route for IPv%u", path, t->count, prefix, len,
			      family);
	}
	if (fields != EOF || ferror(f) || !t->count)
		fatal("%s: line %u cannot be read", path, t->count + 1);
	fclose(f);
}

void table_spread(struct routes *t, unsigned hops)
{
	for (unsigned i = 0; i < t->count; i++)
		t->routes[i].hop = 1 + (uint32_t)(mix(t->routes[i].as) % hops);
}

uint32_t route_ip4(const struct route *r)
{
	uint32_t ip;

	memcpy(&ip, r->addr, sizeof(ip));
	return ntohl(ip);
}

/* Which /24s are routes: a bit each. */
static uint8_t *slash24s(const struct routes *t)
{
	uint8_t *set = calloc(1u << 21, 1);

	if (!set)
		fatal("no memory for a set of /24s");
	for (unsigned i = 0; i < t->count; i++)
		if (t->routes[i].len == 24) {
			uint32_t at = route_ip4(&t->routes[i]) >> 8;

			set[at / 8] |= (uint8_t)(1u << at % 8);
		}
	return set;
}

/* Random routes of 18 to 23 bits announce their /24s too, as who steers traffic does; each gets
 * the next hop of a random real route. */
void table_grow(struct routes *t, unsigned count)
{
	unsigned real = t->count;
	uint8_t *set = slash24s(t);
	uint64_t seed = 3;

	if (count > ROUTES_MAX)
		fatal("a table cannot grow to %u routes", count);
	while (t->count < count) {
		const struct route *parent = &t->routes[rnd_below(&seed, real)];
		uint32_t first = route_ip4(parent) >> 8;

		if (parent->len < 18 || parent->len > 23)
			continue;
		for (uint32_t at = first; at < first + (1u << (24 - parent->len)); at++) {
			uint32_t ip = htonl(at << 8);
			struct route r = {.len = 24, .as = parent->as};

			if (set[at / 8] & 1u << at % 8 || t->count == count)
				continue;
			set[at / 8] |= (uint8_t)(1u << at % 8);
			memcpy(r.addr, &ip, sizeof(ip));
			r.hop = t->routes[rnd_below(&seed, real)].hop;
			t->routes[t->count++] = r;
		}
	}
	free(set);
}

static int by_len(const void *a, const void *b)
{
	const struct route *x = a, *y = b;

	return y->len - x->len;
}

void table_longest_first(struct routes *t)
{
	qsort(t->routes, t->count, sizeof(*t->routes), by_len);
}

void table_shuffle(struct routes *t)
{
	uint64_t seed = 4;

	for (unsigned i = t->count; i > 1; i--) {
		unsigned k = rnd_below(&seed, i);
		struct route r = t->routes[i - 1];

		t->routes[i - 1] = t->routes[k];
		t->routes[k] = r;
	}
}

struct fib_change route_change(unsigned family, const struct route *r)
{
	struct fib_change c = {
		.family = (uint8_t)family, .len = r->len, .value = VALUE_BASE + r->hop};

	memcpy(c.addr, r->addr, sizeof(c.addr));
	return c;
}

struct fib_change *table_changes(const struct routes *t)
{
	struct fib_change *changes = malloc(t->count * sizeof(*changes));

	if (!changes)
		fatal("no memory for %u changes", t->count);
	for (unsigned i = 0; i < t->count; i++)
		changes[i] = route_change(t->family, &t->routes[i]);
	return changes;
}
