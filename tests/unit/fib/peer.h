/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_FIB_PEER_H
#define TESTS_UNIT_FIB_PEER_H

/* DPDK's own longest-prefix-match tables of one family: somebody else's idea of what is right. */

#include "tests/unit/fib/fixture.h"

#include <arpa/inet.h>

#include <rte_eal.h>
#include <rte_fib.h>
#include <rte_fib6.h>

struct peer {
	struct rte_fib *fib4; /* one of them */
	struct rte_fib6 *fib6;
};

/* Once a process. All in ordinary memory, nothing left behind. */
static inline bool peer_init(void)
{
	char *args[] = { "tables",  "--no-huge", "--no-shconf",    "--no-pci",     "-m",
			 "2048",    "-l",	 "0",		   "--no-telemetry",
			 "--log-level=4" };

	return rte_eal_init(sizeof(args) / sizeof(args[0]), args) >= 0;
}

static inline void peer_open(struct peer *p, unsigned family)
{
	struct rte_fib_conf conf4 = { .type = RTE_FIB_DIR24_8,
				      .default_nh = FIB_VALUE_MAX,
				      .max_routes = 2 << 20,
				      .dir24_8 = { RTE_FIB_DIR24_8_4B, 1 << 17 } };
	struct rte_fib6_conf conf6 = { .type = RTE_FIB6_TRIE,
				       .default_nh = FIB_VALUE_MAX,
				       .max_routes = 1 << 20,
				       .trie = { RTE_FIB6_TRIE_4B, 400000 } };

	*p = (struct peer){ 0 };
	if (family == 4)
		p->fib4 = rte_fib_create("peer4", 0, &conf4);
	else
		p->fib6 = rte_fib6_create("peer6", 0, &conf6);
	assert_true(p->fib4 || p->fib6);
}

static inline void peer_close(struct peer *p)
{
	rte_fib_free(p->fib4);
	rte_fib6_free(p->fib6);
}

static inline uint32_t peer_ip4(const uint8_t *addr)
{
	uint32_t ip;

	memcpy(&ip, addr, 4);
	return ntohl(ip);
}

/* Value FIB_MISS: delete. */
static inline void peer_change(struct peer *p, const struct fib_change *c)
{
	int r;

	if (p->fib4)
		r = c->value == FIB_MISS ?
			    rte_fib_delete(p->fib4, peer_ip4(c->addr), c->len) :
			    rte_fib_add(p->fib4, peer_ip4(c->addr), c->len, c->value);
	else
		r = c->value == FIB_MISS ? rte_fib6_delete(p->fib6, c->addr, c->len) :
					   rte_fib6_add(p->fib6, c->addr, c->len, c->value);
	assert_int_equal(r, 0);
}

static inline void peer_lookup(struct peer *p, uint8_t (*dst)[16], uint32_t *values, unsigned n)
{
	uint64_t hops[LOOKUP_MAX];
	uint32_t ips[LOOKUP_MAX];

	for (unsigned i = 0; i < n && p->fib4; i++)
		ips[i] = peer_ip4(dst[i]);
	if (p->fib4)
		assert_int_equal(rte_fib_lookup_bulk(p->fib4, ips, hops, (int)n), 0);
	else
		assert_int_equal(rte_fib6_lookup_bulk(p->fib6, dst, hops, (int)n), 0);
	for (unsigned i = 0; i < n; i++)
		values[i] = hops[i] == FIB_VALUE_MAX ? FIB_MISS : (uint32_t)hops[i];
}

#endif
