/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The intake against this machine's kernel: random changes, and after each round the engine must
 * forward as the kernel says it would, or punt; and what the engine can represent it must not
 * punt. One intake lives on notifications (and now and then a new dump, with changes under way),
 * one is made anew from a dump each round. Needs root: a network namespace of its own.
 */
#include "tests/unit/test.h"
#include "tests/unit/vrouter/held.h"
#include "tests/unit/vrouter/kernel_changes.h"
#include "tests/unit/vrouter/kernel_nl.h"
#include "vrouter/verify.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { LINES = 40, DESTINATIONS = 250, SKIPPED = 77 };

struct world {
	struct changes changes;
	int watch, ask;
	struct intake *live, *fresh;
	struct held live_held, fresh_held;
	unsigned forwards, dropped, lazy, groups; /* lazy: punted what could be forwarded */
	char first[256];
};

/* Lines for ip(8), which takes -6 for a whole batch alone: one after the other by family. */
struct ip {
	FILE *batch;
	bool v6;
};

static void run_ip(struct ip *ip)
{
	if (ip->batch)
		assert_int_equal(pclose(ip->batch) & 0x7f, 0);
	ip->batch = NULL;
}

static void ip_line(struct ip *ip, const char *line)
{
	bool v6 = !strncmp(line, "-6 ", 3);

	if (ip->v6 != v6)
		run_ip(ip);
	if (!ip->batch)
		ip->batch = popen(v6 ? "ip -6 -force -batch - >/dev/null 2>&1" :
				       "ip -force -batch - >/dev/null 2>&1", "w");
	assert_non_null(ip->batch);
	ip->v6 = v6;
	fprintf(ip->batch, "%s\n", line + (v6 ? 3 : 0));
}

__attribute__((format(printf, 2, 3))) static void ip_do(struct ip *ip, const char *fmt, ...)
{
	char line[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	ip_line(ip, line);
}

static void set(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0 && write(fd, value, strlen(value)) > 0);
	close(fd);
}

/* Up, with addresses and neighbours. */
static void heal(struct ip *ip, unsigned port, bool plain)
{
	ip_do(ip, "link set w%u up addrgenmode none", port);
	ip_do(ip, "link set p%u up", port);
	ip_do(ip, "addr add 10.%u.0.1/24 dev p%u", port, port);
	ip_do(ip, "addr add 2001:db8:0:%u::1/64 dev p%u nodad", port, port);
	if (!plain) {
		ip_do(ip, "rule del pref 50");
		ip_do(ip, "rule add lookup main pref 32766");
		ip_do(ip, "-6 rule del pref 50");
		ip_do(ip, "-6 rule add lookup main pref 32766");
	}
	for (unsigned i = 2; i < 5; i++) {
		ip_do(ip, "neigh replace 10.%u.0.%u dev p%u lladdr 02:00:00:00:%02x:09", port, i, port, port);
		ip_do(ip, "neigh replace 2001:db8:0:%u::%u dev p%u lladdr 02:00:00:00:%02x:08", port, i, port,
		      port);
		ip_do(ip, "neigh replace fe80::%u dev p%u lladdr 02:00:00:00:%02x:07", i, port, port);
	}
}

static void make_links(void)
{
	struct ip ip = { NULL };

	ip_do(&ip, "link set lo up");
	ip_do(&ip, "link add q0 type veth peer name q1");
	ip_do(&ip, "link set q0 up");
	ip_do(&ip, "link set q1 up");
	ip_do(&ip, "addr add 10.9.0.1/24 dev q0");
	ip_do(&ip, "link add br0 type bridge");
	ip_do(&ip, "link set br0 up");
	for (unsigned i = 0; i < KERNEL_PORTS; i++) {
		ip_do(&ip, "link add p%u address 02:00:00:00:00:f%u type veth peer name w%u", i, i, i);
		heal(&ip, i, true);
	}
	run_ip(&ip);
}

static struct intake *make_intake(struct held *held)
{
	struct intake_port ports[KERNEL_PORTS] = { 0 };
	struct intake_conf conf = { .port_count = KERNEL_PORTS, .ports = ports, .max_routes = 100000,
				    .sink = &held_sink, .arg = held };
	struct intake *in;

	for (unsigned i = 0; i < KERNEL_PORTS; i++) {
		memcpy(ports[i].mac, (uint8_t[]){ 2, 0, 0, 0, 0, (uint8_t)(0xf0 + i) }, 6);
		ports[i].mtu = 1500;
		snprintf(ports[i].name, sizeof(ports[i].name), "p%u", i);
	}
	assert_int_equal(intake_create(&conf, &in), 0);
	return in;
}

static int any_socket;

static bool adj_right(const struct intake_nh *nh, const struct kernel_answer *k, unsigned family,
		      const uint8_t *dst)
{
	struct ifreq ifr = { 0 };
	uint8_t mac[6];

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "p%u", nh->port);
	return !ioctl(any_socket, SIOCGIFMTU, &ifr) && ifr.ifr_mtu == 1500 &&
	       if_nametoindex(ifr.ifr_name) == k->oif &&
	       kernel_mac(k->oif, k->gw_family ? k->gw_family : family, k->gw_family ? k->gw : dst,
			  mac) && !memcmp(mac, nh->mac, 6);
}

/* Whether the engine could forward this: a usable neighbour behind a port with a carrier. */
static bool possible(const struct kernel_answer *k, unsigned family, const uint8_t *dst)
{
	struct ifreq ifr = { 0 };
	uint8_t mac[6];

	return !k->error && k->type == RTN_UNICAST && if_indextoname(k->oif, ifr.ifr_name) &&
	       ifr.ifr_name[0] == 'p' &&
	       kernel_mac(k->oif, k->gw_family ? k->gw_family : family, k->gw_family ? k->gw : dst,
			  mac) && !ioctl(any_socket, SIOCGIFFLAGS, &ifr) &&
	       ifr.ifr_flags & IFF_RUNNING;
}

static bool right(struct world *w, const struct held *h, const struct intake_nh *nh,
		  const struct kernel_answer *k, unsigned family, const uint8_t *dst)
{
	unsigned punts = 0;

	if (!nh) {
		w->lazy += possible(k, family, dst);
		return true;
	}
	if (nh->kind == INTAKE_NH_DROP) {
		w->dropped++;
		return k->error == EINVAL;
	}
	for (unsigned i = 0; i < nh->member_count; i++)
		punts += held_nh(h, nh->members[i])->kind == INTAKE_NH_PUNT;
	if (nh->member_count && punts == nh->member_count)
		return true;
	if (k->error || k->type != RTN_UNICAST)
		return false;
	w->forwards++;
	if (nh->kind == INTAKE_NH_ADJ)
		return adj_right(nh, k, family, dst);
	w->groups++;
	for (unsigned i = 0; i < nh->member_count; i++) {
		const struct intake_nh *m = held_nh(h, nh->members[i]);

		if (m->kind == INTAKE_NH_PUNT || adj_right(m, k, family, dst))
			return true;
	}
	return false;
}

/* What is answered for while the guest is saved is its own, and all of that is. */
static bool local_right(const struct world *w, const struct held *h, unsigned port,
			const struct kernel_answer *k, unsigned family, const uint8_t *dst)
{
	const struct intake_nh *nh = held_lookup(h, h->ports[port].table, family, dst);

	if (nh && nh->kind == INTAKE_NH_LOCAL) /* 127/8 is, but not for who comes from outside */
		return k->error ? family == 4 && dst[0] == 127 : k->type == RTN_LOCAL;
	return k->error || k->type != RTN_LOCAL || !w->changes.plain || !h->ports[port].table;
}

/* A group must have no member that the kernel never picks: 128 sources find one of eight. */
static bool all_picked(struct world *w, const struct held *h, const struct intake_nh *nh,
		       unsigned family, uint32_t iif, const uint8_t *dst)
{
	uint8_t src[16] = { 0x20, 1, 0xd, 0xb8, 0xff };
	bool picked[8] = { false };

	if (nh->member_count > 8)
		return true;
	for (unsigned i = 0; i < 128; i++) {
		struct kernel_answer k;

		if (family == 4)
			memcpy(src, (uint8_t[]){ 203, 0, 113, (uint8_t)i }, 4);
		src[15] = (uint8_t)i;
		kernel_ask(w->ask, family, iif, src, dst, &k);
		for (unsigned m = 0; m < nh->member_count; m++)
			picked[m] |= !k.error && adj_right(held_nh(h, nh->members[m]), &k, family, dst);
	}
	for (unsigned m = 0; m < nh->member_count; m++) {
		if (!picked[m] && held_nh(h, nh->members[m])->kind == INTAKE_NH_ADJ)
			return false;
	}
	return true;
}

static void explain(struct world *w, const char *who, const struct intake_nh *nh,
		    const struct kernel_answer *k, unsigned family, const uint8_t *dst)
{
	char ip[INET6_ADDRSTRLEN], gw[INET6_ADDRSTRLEN] = "-";

	inet_ntop(family == 6 ? AF_INET6 : AF_INET, dst, ip, sizeof(ip));
	if (k->gw_family)
		inet_ntop(k->gw_family == 6 ? AF_INET6 : AF_INET, k->gw, gw, sizeof(gw));
	snprintf(w->first, sizeof(w->first),
		 "%s intake: to %s: engine %s port %d mac %02x:%02x members %u, kernel error %d type %u "
		 "oif %u via %s", who, ip, !nh ? "punt" : nh->kind == INTAKE_NH_DROP ? "drop" :
		 nh->kind == INTAKE_NH_ADJ ? "adj" : "group", nh ? (int)nh->port : -1,
		 nh ? nh->mac[4] : 0, nh ? nh->mac[5] : 0, nh ? nh->member_count : 0, k->error,
		 k->type, k->oif, gw);
}

/* Mismatches, the first of which is in w->first. */
static unsigned compare(struct world *w)
{
	static const uint8_t src4[4] = { 203, 0, 113, 77 };
	static const uint8_t src6[16] = { 0x20, 1, 0xd, 0xb8, 0xff, 0xff, [15] = 77 };
	struct changes c = w->changes; /* the same destinations again when this is repeated */
	unsigned wrong = 0;

	w->forwards = w->dropped = w->lazy = w->groups = 0;
	kernel_neighs(w->ask);
	for (unsigned i = 0; i < 2 * DESTINATIONS; i++) {
		unsigned family = i % 2 ? 6 : 4, port = changes_random(&c, KERNEL_PORTS);
		const struct intake_nh *nh;
		struct kernel_answer k;
		unsigned lazy;
		uint8_t dst[16];
		char name[IF_NAMESIZE];

		snprintf(name, sizeof(name), "p%u", port);
		changes_destination(&c, family, dst);
		if (!if_nametoindex(name))
			continue;
		kernel_ask(w->ask, family, if_nametoindex(name), family == 6 ? src6 : src4, dst, &k);
		nh = held_forward(&w->live_held, port, family, dst);
		if (!right(w, &w->live_held, nh, &k, family, dst) && !wrong++)
			explain(w, "live", nh, &k, family, dst);
		if (!local_right(w, &w->live_held, port, &k, family, dst) && !wrong++)
			explain(w, "local", nh, &k, family, dst);
		lazy = w->lazy; /* the other may have seen what it cannot be sure of */
		nh = held_forward(&w->fresh_held, port, family, dst);
		if (!right(w, &w->fresh_held, nh, &k, family, dst) && !wrong++)
			explain(w, "fresh", nh, &k, family, dst);
		if (nh && nh->kind == INTAKE_NH_GROUP && w->changes.plain && i % 16 < 2 &&
		    !all_picked(w, &w->fresh_held, nh, family, if_nametoindex(name), dst) && !wrong++)
			explain(w, "unpicked", nh, &k, family, dst);
		/* IPv6 routes of one metric that are no siblings are punted by design. */
		if (w->lazy != lazy && w->changes.plain && family == 4 && !wrong++)
			explain(w, "lazy", nh, &k, family, dst);
	}
	return wrong;
}

static void refresh(struct world *w)
{
	if (w->fresh)
		intake_destroy(w->fresh);
	held_fini(&w->fresh_held);
	w->fresh = make_intake(&w->fresh_held);
	intake_dump_begin(w->fresh);
	kernel_dump(w->ask, w->fresh);
	intake_dump_end(w->fresh);
}

static void explain_difference(void *arg, const struct verify_difference *d)
{
	const int none = -1, kinds[] = { d->nhs[0] ? (int)d->nhs[0]->kind : none,
					 d->nhs[1] ? (int)d->nhs[1]->kind : none,
					 d->nhs[2] ? (int)d->nhs[2]->kind : none };
	struct world *w = arg;
	char ip[INET6_ADDRSTRLEN];

	inet_ntop(d->prefix.family == 6 ? AF_INET6 : AF_INET, d->prefix.addr, ip, sizeof(ip));
	snprintf(w->first, sizeof(w->first), "table %u %s/%u%s: kernel %d, intake %d, FIB %d", d->table, ip,
		 d->prefix.len, d->routes ? ", other routes" : "", kinds[0], kinds[1], kinds[2]);
}

/* The intake that lives on notifications has what one made anew has, prefix by prefix, and so has the
 * engine. */
static unsigned differing(struct world *w)
{
	struct verify_sum sum;
	struct verify *v;

	assert_int_equal(verify_create(&v), 0);
	verify_begin(v);
	verify_add_intake(v, VERIFY_KERNEL, w->fresh);
	verify_add_intake(v, VERIFY_INTAKE, w->live);
	held_verify(&w->live_held, v);
	assert_int_equal(verify_end(v), 0);
	verify_sum(v, &sum);
	assert_true(sum.routes[VERIFY_FIB] > 0);
	verify_each(v, 1, explain_difference, w);
	verify_destroy(v);
	return (unsigned)sum.differences;
}

/* What the kernel does by itself (addresses, carrier) may come late: a mismatch must last. */
static unsigned compare_settled(struct world *w)
{
	struct pollfd p = { .fd = w->watch, .events = POLLIN };
	unsigned wrong;

	for (unsigned tries = 0;; tries++) {
		kernel_drain(w->watch, w->live);
		intake_commit(w->live);
		refresh(w);
		wrong = compare(w);
		wrong += differing(w);
		if (!wrong || tries == 6)
			return wrong;
		poll(&p, 1, 250);
	}
}

static void print_reason(void *arg, const char *text)
{
	printf("    %s: %s\n", (const char *)arg, text);
}

static void print_held(const char *who, const struct held *h)
{
	for (size_t i = 0; i < h->route_count; i++) {
		const struct held_route *r = &h->routes[i];
		const struct intake_nh *nh = held_nh(h, r->nh);
		char ip[INET6_ADDRSTRLEN];

		inet_ntop(r->prefix.family == 6 ? AF_INET6 : AF_INET, r->prefix.addr, ip, sizeof(ip));
		printf("  %s has %u: %s/%u:", who, r->table, ip, r->prefix.len);
		for (unsigned m = 0; m < (nh->member_count ? nh->member_count : 1); m++) {
			const struct intake_nh *k = nh->member_count ? held_nh(h, nh->members[m]) : nh;

			printf(" %s p%u %02x:%02x", k->kind == INTAKE_NH_ADJ ? "adj" :
			       k->kind == INTAKE_NH_DROP ? "drop" : "punt", k->port, k->mac[4],
			       k->mac[5]);
		}
		printf("\n");
	}
}

static unsigned run_round(struct world *w, unsigned number, bool dump)
{
	char line[LINES][256];
	struct ip ip = { NULL };
	unsigned wrong;

	if (changes_random(&w->changes, 3) == 0)
		heal(&ip, changes_random(&w->changes, KERNEL_PORTS), w->changes.plain);
	for (unsigned i = 0; i < LINES; i++) {
		changes_line(&w->changes, line[i], sizeof(line[i]));
		ip_line(&ip, line[i]);
	}
	if (dump) { /* while the changes go on */
		fflush(ip.batch);
		intake_dump_begin(w->live);
		kernel_dump(w->watch, w->live);
	}
	run_ip(&ip);
	if (dump) {
		kernel_drain(w->watch, w->live);
		intake_dump_end(w->live);
	}
	wrong = compare_settled(w);
	if (!wrong)
		return 0;
	printf("round %u%s: %u wrong: %s\n", number, dump ? " (dump)" : "", wrong, w->first);
	intake_each_reason(w->live, print_reason, "live");
	intake_each_reason(w->fresh, print_reason, "fresh");
	for (unsigned i = 0; i < LINES; i++)
		printf("    %s\n", line[i]);
	print_held("live", &w->live_held);
	print_held("fresh", &w->fresh_held);
	fflush(stdout);
	(void)!system("ip -d link; ip route show table all; ip -6 route show table all; ip nexthop;"
		      "ip rule; ip neigh; ip addr");
	return wrong;
}

static void run(uint64_t seed, bool plain, unsigned count)
{
	struct world w = { .changes = { .state = seed, .plain = plain } };
	unsigned forwards = 0, dropped = 0, lazy = 0, groups = 0;

	assert_int_equal(unshare(CLONE_NEWNET), 0);
	set("/proc/sys/net/ipv4/ip_forward", "1");
	set("/proc/sys/net/ipv4/conf/all/rp_filter", "0");
	set("/proc/sys/net/ipv4/conf/default/rp_filter", "0");
	set("/proc/sys/net/ipv6/conf/all/forwarding", "1");
	set("/proc/sys/net/ipv6/conf/default/accept_dad", "0");
	w.watch = kernel_watch();
	w.ask = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0);
	any_socket = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	make_links();
	w.live = make_intake(&w.live_held);
	intake_dump_begin(w.live);
	kernel_dump(w.watch, w.live);
	intake_dump_end(w.live);
	for (unsigned i = 0; i < count; i++) {
		assert_int_equal(run_round(&w, i, i % 7 == 6), 0);
		forwards += w.forwards;
		dropped += w.dropped;
		lazy += w.lazy;
		groups += w.groups;
	}
	printf("seed %lu: %u forwarded (%u by groups), %u dropped, %u punted that need not be\n",
	       (unsigned long)seed, forwards, groups, dropped, lazy);
	assert_true(forwards > count * (plain ? 50 : 10));
	assert_true(!plain || lazy * 20 < forwards);
	intake_destroy(w.live);
	intake_destroy(w.fresh);
	held_fini(&w.live_held);
	held_fini(&w.fresh_held);
	close(w.watch);
	close(w.ask);
	close(any_socket);
}

/* intake_kernel [SEED [ROUNDS]], for long runs by hand */
static uint64_t first_seed = 1;
static unsigned rounds = 120;

static void plain_is_forwarded(void **state)
{
	for (uint64_t i = 0; i < 2; i++)
		run(first_seed + i, true, rounds);
}

static void anything_is_right(void **state)
{
	for (uint64_t i = 0; i < 3; i++)
		run(first_seed + 100 + i, false, rounds);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_is_forwarded),
		cmocka_unit_test(anything_is_right),
	};

	if (argc > 1)
		first_seed = strtoull(argv[1], NULL, 10);
	if (argc > 2)
		rounds = (unsigned)strtoul(argv[2], NULL, 10);
	if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0) {
		printf("skipped: a network namespace needs root\n");
		return SKIPPED;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
