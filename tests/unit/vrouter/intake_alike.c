/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes of routes of one prefix that are much alike, by this machine's kernel, after each of which all
 * have the same: an intake made anew from a dump, and those that were made so after each change before and
 * have lived on notifications since. Needs root: a network namespace of its own.
 */
#include "tests/unit/test.h"
#include "tests/unit/vrouter/held.h"
#include "tests/unit/vrouter/kernel_nl.h"
#include "vrouter/verify.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LINES_MAX = 8, PORTS = 2, SKIPPED = 77 };

/* Of routes; A, B and C stand for IPv6 gateways, D and E for IPv4 ones, 6 and 4 for prefixes. */
struct changes {
	const char *lines[LINES_MAX];
};

struct mirror {
	int watch;
	struct intake *in;
	struct held held;
};

static void ip(const char *fmt, const char *what)
{
	char command[512];

	snprintf(command, sizeof(command), fmt, what);
	if (system(command) != 0)
		fail_msg("%s", command);
}

static void links_are(void)
{
	static const char *const commands[] = {
		"ip link set lo up",
		"ip link add p0 address 02:00:00:00:00:f0 type veth peer name w0",
		"ip link add p1 address 02:00:00:00:00:f1 type veth peer name w1",
		"for l in p0 w0 p1 w1; do ip link set $l up; done",
		"sysctl -q net.ipv6.conf.all.forwarding=1",
		"for p in 0 1; do ip addr add fd00:$p::1/64 dev p$p nodad; for h in 2 3; do "
		"ip neigh replace fd00:$p::$h dev p$p lladdr 02:00:00:00:$p:$h; done; done",
		"sysctl -q net.ipv4.ip_forward=1",
		"for p in 0 1; do ip addr add 10.$p.0.1/24 dev p$p; ip neigh replace 10.$p.0.2 dev p$p lladdr "
		"02:00:00:00:$p:4; done",
	};

	for (unsigned i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		ip("%s", commands[i]);
}

static void change(const char *words)
{
	static const char *const stands[128] = {
		['A'] = "via fd00:0::2 dev p0", ['B'] = "via fd00:1::2 dev p1", ['C'] = "via fd00:1::3 dev p1",
		['D'] = "via 10.0.0.2 dev p0", ['E'] = "via 10.1.0.2 dev p1", ['6'] = "2001:db8::/32",
		['4'] = "30.0.0.0/16",
	};
	char line[400] = "";

	for (const char *c = words; *c; c++) {
		const char *stand = (c == words || c[-1] == ' ') && (!c[1] || c[1] == ' ') ? stands[*c & 127] : NULL;
		size_t len = strlen(line);

		snprintf(line + len, sizeof(line) - len, stand ? "%s" : "%.1s", stand ? stand : c);
	}
	ip("ip route %s", line);
}

static void mirror_init(struct mirror *m)
{
	struct intake_port ports[PORTS] = { { .mac = { 2, 0, 0, 0, 0, 0xf0 }, .mtu = 1500, .name = "p0" },
					    { .mac = { 2, 0, 0, 0, 0, 0xf1 }, .mtu = 1500, .name = "p1" } };
	struct intake_conf conf = { .port_count = PORTS, .ports = ports, .max_routes = 1000,
				    .sink = &held_sink, .arg = &m->held };

	memset(&m->held, 0, sizeof(m->held));
	m->watch = kernel_watch();
	assert_int_equal(intake_create(&conf, &m->in), 0);
	intake_dump_begin(m->in);
	kernel_dump(m->watch, m->in);
	intake_dump_end(m->in);
}

static void mirror_fini(struct mirror *m)
{
	close(m->watch);
	intake_destroy(m->in);
	held_fini(&m->held);
}

static void print_difference(void *arg, const struct verify_difference *d)
{
	static const char *const kinds[] = { "nothing", "punt", "drop", "adj", "group", "local" };

	printf("%s: ", (const char *)arg);
	for (unsigned i = 0; i < VERIFY_VIEWS; i++)
		printf("%s (%u)%s", kinds[d->nhs[i] ? d->nhs[i]->kind : 0], d->nhs[i] ? d->nhs[i]->hop_count : 0,
		       i + 1 < VERIFY_VIEWS ? ", " : "\n");
}

static bool same(const struct mirror *kernel, const struct mirror *live, const char *line)
{
	struct verify_sum sum;
	struct verify *v;

	assert_int_equal(verify_create(&v), 0);
	verify_begin(v);
	verify_add_intake(v, VERIFY_KERNEL, kernel->in);
	verify_add_intake(v, VERIFY_INTAKE, live->in);
	held_verify(&live->held, v);
	assert_int_equal(verify_end(v), 0);
	verify_sum(v, &sum);
	verify_each(v, 1, print_difference, (char *)line);
	verify_destroy(v);
	return !sum.differences;
}

/* A mirror that begins after each line, and lives on. */
static void all_have_the_same(const struct changes *c)
{
	struct mirror mirrors[LINES_MAX];
	unsigned n, wrong = 0;

	for (n = 0; n < LINES_MAX && c->lines[n]; n++) {
		change(c->lines[n]);
		mirror_init(&mirrors[n]);
		for (unsigned i = 0; i < n; i++) {
			kernel_drain(mirrors[i].watch, mirrors[i].in);
			intake_commit(mirrors[i].in);
			if (same(&mirrors[n], &mirrors[i], c->lines[n]))
				continue;
			printf("  since \"%s\"\n", c->lines[i]);
			wrong++;
		}
	}
	for (unsigned i = 0; i < n; i++)
		mirror_fini(&mirrors[i]);
	(void)!system("ip -6 route flush exact 2001:db8::/32; ip route flush exact 30.0.0.0/16");
	assert_int_equal(wrong, 0);
}

/* A kernel tells the weight of one that is left alone no more, and not yet of one that is the first: the
 * next that comes beside it is told with it. */
static void alone_without_weight(void **state)
{
	all_have_the_same(&(struct changes){ { "add unreachable 6 metric 4000",
		"add 6 nexthop A weight 3 nexthop B weight 2", "del 6 B",
		"append 6 C", "del 6 A", "append 6 B", "del 6 C",
		"del 6 B" } });
	all_have_the_same(&(struct changes){ { "add 6 nexthop A weight 3",
		"append 6 C", "append 6 B", "del 6 A",
		"del 6" } });
}

/* Of those that are told together the first one's options are told alone. */
static void options_of_the_first(void **state)
{
	all_have_the_same(&(struct changes){ { "add unreachable 6 metric 4000",
		"add 6 mtu 1400 A", "append 6 B", "append 6 C",
		"del 6 B", "del 6 C", "del 6 A" } });
	all_have_the_same(&(struct changes){ { "add unreachable 6 metric 4000",
		"add 6 expires 600 A", "append 6 B", "del 6 B",
		"append 6 nexthop B weight 2 nexthop C weight 3", "del 6" } });
	all_have_the_same(&(struct changes){ { "add 6 pref high A", "append 6 B",
		"append 6 nexthop C", "del 6 B", "del 6" } });
	all_have_the_same(&(struct changes){ { "add 6 A", "append 6 mtu 1400 B",
		"append 6 pref high C", "replace 6 mtu 1400 B",
		"append 6 A" } });
}

/* Told apart by their sources: these are no siblings, and nothing is between them. */
static void of_other_sources(void **state)
{
	all_have_the_same(&(struct changes){ { "add prohibit 6 metric 20", "append 6 metric 20 A",
		"add 6 from fd00:9::/32 metric 20 B", "append 6 from fd00:9::/32 metric 20 A",
		"del 6 from fd00:9::/32 metric 20 A", "append 6 metric 20 B", "del prohibit 6 metric 20" } });
}

/* Two routes to the kernel that differ by no more than that a gateway is on-link, or by weights. */
static void all_but_the_same(void **state)
{
	all_have_the_same(&(struct changes){ { "add 4 metric 30 D", "append 4 metric 30 D onlink",
		"replace 4 metric 30 E", "append 4 metric 30 D", "del 4 metric 30 E",
		"del 4 metric 30", "del 4" } });
	all_have_the_same(&(struct changes){ { "add 4 nexthop D weight 1 nexthop E weight 2",
		"append 4 nexthop D weight 2 nexthop E weight 1",
		"append 4 nexthop D weight 2 onlink nexthop E weight 1", "del 4 nexthop D weight 2 nexthop E weight 1",
		"del 4", "del 4" } });
}

/* Siblings by one gateway that encapsulate differently. */
static void encapsulated(void **state)
{
	if (system("ip -6 route add fd00:8::/64 encap seg6 mode encap segs fd00:9::1 dev p0") != 0)
		return; /* this kernel has no SRv6 */
	all_have_the_same(&(struct changes){ { "add 6 encap seg6 mode encap segs fd00:9::1 A",
		"append 6 encap seg6 mode encap segs fd00:9::2 A", "append 6 A", "del 6 A", "del 6 A", "del 6 A" } });
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(alone_without_weight),
		cmocka_unit_test(options_of_the_first),
		cmocka_unit_test(of_other_sources),
		cmocka_unit_test(all_but_the_same),
		cmocka_unit_test(encapsulated),
	};

	if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0) {
		printf("skipped: a network namespace needs root\n");
		return SKIPPED;
	}
	links_are();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
