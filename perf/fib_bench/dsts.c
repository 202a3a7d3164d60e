/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/fib_bench/bench.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

const char *const pattern_names[PATTERNS] = {"random", "prefix", "zipf"};

void dsts_alloc(struct dsts *d, unsigned family)
{
	*d = (struct dsts){0};
	if (family == 6) {
		d->ip6 = alloc(LOOKUPS * sizeof(*d->ip6));
		return;
	}
	d->net4 = alloc(LOOKUPS * sizeof(*d->net4));
	d->host4 = alloc(LOOKUPS * sizeof(*d->host4));
}

void dsts_set(struct dsts *d, unsigned i, const uint8_t addr[16])
{
	if (d->ip6) {
		memcpy(d->ip6[i], addr, 16);
		return;
	}
	memcpy(&d->net4[i], addr, 4);
	d->host4[i] = ntohl(d->net4[i]);
}

/* Any IPv4 address; an IPv6 address of 2000::/3, which is what there is (RFC 4291, 2.4). */
static void random_addr(unsigned family, uint64_t *seed, uint8_t addr[16])
{
	uint64_t words[2] = {rnd(seed), rnd(seed)};

	memcpy(addr, words, 16);
	if (family == 6)
		addr[0] = 0x20 | (addr[0] & 0x1f);
}

void route_random_addr(const struct route *r, unsigned family, uint64_t *seed, uint8_t addr[16])
{
	unsigned whole = r->len / 8;
	uint8_t mask = (uint8_t)(0xff00u >> r->len % 8);

	random_addr(family, seed, addr);
	memcpy(addr, r->addr, whole);
	if (mask)
		addr[whole] = (uint8_t)((addr[whole] & ~mask) | (r->addr[whole] & mask));
}

/* Flow k of 1..FLOWS has a share of 1/k: cdf[k - 1] is the sum of the shares up to it. */
static double *zipf_cdf(void)
{
	double *cdf = malloc(FLOWS * sizeof(*cdf)), sum = 0;

	if (!cdf)
		fatal("no memory for the flows");
	for (unsigned k = 1; k <= FLOWS; k++)
		cdf[k - 1] = sum += 1.0 / k;
	return cdf;
}

static unsigned zipf_flow(const double *cdf, uint64_t *seed)
{
	double at = rnd_unit(seed) * cdf[FLOWS - 1];
	unsigned low = 0, high = FLOWS - 1;

	while (low < high) {
		unsigned middle = (low + high) / 2;

		if (cdf[middle] < at)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void fill_zipf(struct dsts *d, const struct routes *t, uint64_t *seed)
{
	uint8_t(*flows)[16] = malloc(FLOWS * sizeof(*flows));
	double *cdf = zipf_cdf();

	if (!flows)
		fatal("no memory for the flows");
	for (unsigned i = 0; i < FLOWS; i++)
		route_random_addr(&t->routes[rnd_below(seed, t->count)], t->family, seed, flows[i]);
	for (unsigned i = 0; i < LOOKUPS; i++)
		dsts_set(d, i, flows[zipf_flow(cdf, seed)]);
	free(cdf);
	free(flows);
}

void dsts_fill(struct dsts *d, const struct routes *t, enum pattern pattern)
{
	uint64_t seed = 1 + pattern;
	uint8_t addr[16];

	if (pattern == PATTERN_ZIPF) {
		fill_zipf(d, t, &seed);
		return;
	}
	for (unsigned i = 0; i < LOOKUPS; i++) {
		if (pattern == PATTERN_RANDOM)
			random_addr(t->family, &seed, addr);
		else
			route_random_addr(&t->routes[rnd_below(&seed, t->count)], t->family, &seed,
					  addr);
		dsts_set(d, i, addr);
	}
}
