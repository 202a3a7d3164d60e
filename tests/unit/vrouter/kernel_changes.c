/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/vrouter/kernel_changes.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* splitmix64 */
unsigned changes_random(struct changes *c, unsigned below)
{
	uint64_t z = c->state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return (unsigned)((z ^ z >> 31) >> 32) % below;
}

static bool chance(struct changes *c, unsigned percent)
{
	return changes_random(c, 100) < percent;
}

static bool odd(struct changes *c, unsigned percent)
{
	return chance(c, percent) && !c->plain;
}

struct line {
	char *at;
	size_t left;
};

__attribute__((format(printf, 2, 3))) static void put(struct line *l, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(l->at, l->left, fmt, ap);
	va_end(ap);
	n = n < (int)l->left ? n : (int)l->left - 1;
	l->at += n;
	l->left -= (size_t)n;
}

static const char *pick(struct changes *c, const char *const *of, unsigned n)
{
	return of[changes_random(c, n)];
}
#define PICK(c, ...)                                                                               \
	pick(c, (const char *const[]){ __VA_ARGS__ },                                              \
	     sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))

void changes_destination(struct changes *c, unsigned family, uint8_t addr[16])
{
	unsigned kind = changes_random(c, 10);

	memset(addr, 0, 16);
	if (family == 4) {
		addr[0] = kind < 4 ? 10 : kind < 8 ? 20 : kind == 8 ? 30 : (uint8_t)(1 + changes_random(c, 222));
		addr[1] = (uint8_t)changes_random(c, kind == 9 ? 256 : 4);
		addr[2] = (uint8_t)changes_random(c, 3);
		addr[3] = (uint8_t)changes_random(c, 12);
		if (chance(c, 20))
			addr[3] = (uint8_t)(chance(c, 50) ? 255 : changes_random(c, 256));
		return;
	}
	memcpy(addr, (uint8_t[]){ 0x20, 1, 0xd, 0xb8 }, 4);
	addr[5] = (uint8_t)(kind < 4 ? 0 : kind < 8 ? 20 : changes_random(c, 256));
	addr[7] = (uint8_t)changes_random(c, 4);
	addr[14] = (uint8_t)changes_random(c, 2);
	addr[15] = (uint8_t)changes_random(c, 12);
	if (chance(c, 5))
		addr[0] = 0x26;
}

static void put_prefix(struct changes *c, struct line *l, bool v6, bool anything)
{
	static const uint8_t lens4[] = { 8, 12, 16, 22, 24, 24, 25, 28, 30, 31, 32, 32 };
	static const uint8_t lens6[] = { 16, 32, 48, 56, 64, 64, 96, 124, 126, 127, 128, 128 };
	uint8_t addr[16];
	unsigned len = v6 ? lens6[changes_random(c, 12)] : lens4[changes_random(c, 12)];
	char text[INET6_ADDRSTRLEN];

	if (anything && chance(c, 6)) {
		put(l, v6 ? "::/0" : "default");
		return;
	}
	do
		changes_destination(c, v6 ? 6 : 4, addr);
	while (addr[0] == 10 && (!anything || chance(c, 60)));
	for (unsigned i = len; i < (v6 ? 128 : 32); i++)
		addr[i / 8] &= (uint8_t)~(0x80u >> i % 8);
	inet_ntop(v6 ? AF_INET6 : AF_INET, addr, text, sizeof(text));
	put(l, "%s/%u", text, len);
}

/* An address on the network of a port. */
static void put_neighbour(struct changes *c, struct line *l, bool v6, unsigned port)
{
	unsigned host = 2 + changes_random(c, 5);

	if (!v6)
		put(l, "10.%u.%u.%u", port, chance(c, 15), host);
	else if (chance(c, 30))
		put(l, "fe80::%u", host);
	else
		put(l, "2001:db8:0:%u::%u", port, host);
}

static void put_port(struct changes *c, struct line *l, unsigned port)
{
	if (odd(c, 4))
		put(l, " dev %s", PICK(c, "lo", "q0", "br0"));
	else
		put(l, " dev p%u", port);
}

static void put_path(struct changes *c, struct line *l, bool v6)
{
	unsigned port = changes_random(c, KERNEL_PORTS);

	if (!v6 && chance(c, 15)) {
		put(l, " via inet6 ");
		put_neighbour(c, l, true, port);
	} else {
		put(l, " via ");
		put_neighbour(c, l, v6, port);
	}
	put_port(c, l, port);
	if (chance(c, 10))
		put(l, " onlink");
}

static void put_next_hop(struct changes *c, struct line *l, bool v6)
{
	unsigned n = changes_random(c, 10);

	if (n < 4) {
		put_path(c, l, v6);
	} else if (n == 4) {
		put_port(c, l, changes_random(c, KERNEL_PORTS));
	} else if (n < 8) {
		put(l, " nhid %u", 1 + changes_random(c, 14));
	} else {
		for (n = 2 + changes_random(c, 3); n; n--) {
			put(l, " nexthop");
			put_path(c, l, v6);
			put(l, " weight %u", odd(c, 3) ? 200 : 1 + changes_random(c, 2));
		}
	}
}

static void line_route(struct changes *c, struct line *l)
{
	bool v6 = chance(c, 50);
	const char *verb = PICK(c, "add", "add", "add", "replace", "replace", "append", "prepend",
				"change", "del", "del"), *type = "";

	/* Beside IPv6 routes only siblings: a dump leaves out what else is between these (docs/intake.md). */
	bool beside = v6 && (!strcmp(verb, "append") || !strcmp(verb, "prepend"));

	if (chance(c, 10) && !beside)
		type = PICK(c, "blackhole ", "unreachable ", "prohibit ");
	if (odd(c, 3) && !beside)
		type = PICK(c, "throw ", "local ", "broadcast ", "anycast ", "multicast ");
	/* Wide routes of types local, broadcast, ... would make all sources martians, and gateways on-link. */
	put(l, "route %s %s", verb, type);
	put_prefix(c, l, v6, type[0] != 'l' && type[0] != 'a' && type[0] != 'm' && strncmp(type, "br", 2) != 0);
	if (!strcmp(verb, "del") && chance(c, 50))
		return;
	/* Behind "nexthop" nothing else may stand: ip(8) would end there, and leave out the rest. */
	if (chance(c, 60))
		put(l, " metric %u", 10 * (1 + changes_random(c, 3)));
	if (odd(c, 4))
		put(l, " table %s", PICK(c, "local", "default", "7"));
	if (odd(c, 2))
		put(l, " %s", v6 ? "from 2001:db8:77::/48" : PICK(c, "tos 0x10", "src 10.0.0.1", "src 10.1.1.1"));
	if (odd(c, 2) && !v6) /* of IPv6 siblings a dump tells the first one's options alone */
		put(l, " mtu %u", 1300 + changes_random(c, 300));
	if (v6 && odd(c, 1))
		put(l, " encap seg6 mode encap segs 2001:db8::1");
	if (chance(c, 5))
		put(l, " proto %u", 180 + changes_random(c, 10));
	if (beside)
		put_path(c, l, true);
	else if (!type[0])
		put_next_hop(c, l, v6);
	else if (chance(c, 30))
		put_port(c, l, changes_random(c, KERNEL_PORTS));
}

static void line_object(struct changes *c, struct line *l)
{
	unsigned id = 1 + changes_random(c, 14), n;
	bool v6 = chance(c, 50);

	if (chance(c, 15)) {
		put(l, "nexthop del id %u", id);
		return;
	}
	put(l, "%snexthop %s id %u ", v6 ? "-6 " : "", PICK(c, "add", "replace"), id);
	if (id <= 9) {
		if (chance(c, 6))
			put(l, "blackhole");
		else if (chance(c, 10))
			put_port(c, l, changes_random(c, KERNEL_PORTS));
		else
			put_path(c, l, v6);
		return;
	}
	put(l, "group ");
	for (n = 1 + changes_random(c, 3); n; n--)
		put(l, "%u,%u%s", 1 + changes_random(c, 9), 1 + changes_random(c, 3),
		    n > 1 ? "/" : "");
	if (odd(c, 10))
		put(l, " type resilient buckets 8");
}

static void line_neigh(struct changes *c, struct line *l)
{
	unsigned port = changes_random(c, KERNEL_PORTS);
	bool del = chance(c, 25);

	/* Of a neighbour that is not there "del" would end ip(8). */
	put(l, "neigh %s ", del ? "flush to" : "replace");
	put_neighbour(c, l, chance(c, 50), port);
	put(l, " dev p%u", port);
	if (del)
		put(l, " nud all");
	else
		put(l, " lladdr 02:00:00:00:%02x:%02x nud %s", port, changes_random(c, 4),
		    PICK(c, "permanent", "stale", "noarp", "reachable", "stale", "failed"));
}

static void line_addr(struct changes *c, struct line *l)
{
	unsigned port = changes_random(c, KERNEL_PORTS);

	put(l, "addr %s ", c->plain ? "add" : PICK(c, "add", "add", "del"));
	if (chance(c, 40))
		put(l, "2001:db8:0:%u::%s/64 dev p%u nodad", port, PICK(c, "1", "8"), port);
	else if (chance(c, 20))
		put(l, "10.%u.2.1 peer 10.%u.2.2/32 dev p%u", port, port, port);
	else
		put(l, "10.%u.%s dev p%u", port, PICK(c, "0.1/24", "1.1/24", "0.8/24", "0.9/32", "0.1/16"),
		    port);
	if (odd(c, 10))
		put(l, " metric 20");
}

static void line_link(struct changes *c, struct line *l)
{
	unsigned port = 1 + changes_random(c, KERNEL_PORTS - 1);

	if (chance(c, 60) || c->plain)
		put(l, "link set %c%u %s", chance(c, 70) ? 'p' : 'w', port, PICK(c, "up", "up", "down"));
	else if (chance(c, 20))
		put(l, "link set p%u mtu %s", port, PICK(c, "1400", "1500", "1500"));
	else if (chance(c, 40))
		put(l, "link set p%u address 02:00:00:00:00:%s%u", port, PICK(c, "f", "f", "e"), port);
	else if (chance(c, 40))
		put(l, "link set p3 %s", PICK(c, "master br0", "nomaster", "nomaster"));
	else if (chance(c, 50))
		put(l, "link %s", PICK(c, "del p3", "add p3 address 02:00:00:00:00:f3 type veth peer name w3",
				       "add p3 address 02:00:00:00:00:f3 type veth peer name w3"));
	else
		put(l, "link set q0 %s", PICK(c, "up", "down"));
}

static void line_rule(struct changes *c, struct line *l)
{
	bool v6 = chance(c, 50);

	put(l, "%srule ", v6 ? "-6 " : "");
	if (chance(c, 50))
		put(l, "%s from %s lookup 7 pref 50", PICK(c, "add", "del", "del", "del"),
		    v6 ? "2001:db8:aaaa::/48" : "9.9.9.0/24");
	else if (chance(c, 40))
		put(l, "%s lookup default pref 32767", PICK(c, "add", "del"));
	else
		put(l, "%s lookup main pref 32766", PICK(c, "add", "add", "add", "del"));
}

void changes_line(struct changes *c, char *line, size_t size)
{
	struct line l = { line, size };
	unsigned n = changes_random(c, 100);

	if (n < 55)
		line_route(c, &l);
	else if (n < 68)
		line_object(c, &l);
	else if (n < 84)
		line_neigh(c, &l);
	else if (n < 88)
		line_addr(c, &l);
	else if (n < 91)
		line_link(c, &l);
	else if (n < 93 && !c->plain)
		line_rule(c, &l);
	else
		line_route(c, &l);
}
