/* SPDX-License-Identifier: Apache-2.0 */
#include "control/topology_diff.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char images[] = "- {match: \"frr*\", guest: frr}\n- {match: \"*\", host: true}\n";

/* A file holds its own path and what `said` says. */
static const char *said = "";

static int read_said(void *arg, const char *path, void **bytes, size_t *len, struct err *err)
{
	char *text = NULL;

	*len = (size_t)asprintf(&text, "%s %s", path, said);
	*bytes = text;
	return text ? 0 : -ENOMEM;
}

static struct topology *load(const char *nodes, const char *links)
{
	struct topology_conf conf = { .file = "t.yml", .images = images, .read = read_said };
	struct topology *t;
	char text[2048];
	struct err err;

	snprintf(text, sizeof(text), "name: n\ntopology:\n  defaults: {kind: linux}\n  nodes: {%s}\n  links: [%s]\n",
		 nodes, links);
	conf.text = text;
	conf.len = strlen(text);
	if (topology_load(&conf, &t, &err) < 0)
		fail_msg("%s", err.text);
	return t;
}

/* "=a +b -c ~d(+eth1 -eth2) !e(why)" and the same of links, with "a:1,b:1<old" for one that moves. */
static void put_nodes(const struct topology_diff *d, char *out, size_t room)
{
	static const char signs[] = { [TOPOLOGY_KEEPS] = '=', [TOPOLOGY_COMES] = '+', [TOPOLOGY_GOES] = '-',
				      [TOPOLOGY_CHANGES] = '~', [TOPOLOGY_ANEW] = '!' };
	size_t n = 0;

	for (unsigned i = 0; i < d->node_count; i++) {
		const struct topology_node_diff *x = &d->nodes[i];

		n += (size_t)snprintf(out + n, room - n, "%s%c%s", i ? " " : "", signs[x->change],
				      x->is ? x->is->name : x->was->name);
		if (x->change == TOPOLOGY_ANEW)
			n += (size_t)snprintf(out + n, room - n, "(%s)", x->why);
		for (unsigned k = 0; x->change == TOPOLOGY_CHANGES && k < x->port_count; k++)
			n += (size_t)snprintf(out + n, room - n, "%c%s",
					      !x->ports[k].was ? '+' : !x->ports[k].is ? '-' : '~',
					      x->ports[k].is ? x->ports[k].is->name : x->ports[k].was->name);
	}
}

static void put_links(const struct topology_diff *d, char *out, size_t room)
{
	static const char signs[] = { [TOPOLOGY_KEEPS] = '=', [TOPOLOGY_COMES] = '+', [TOPOLOGY_GOES] = '-',
				      [TOPOLOGY_CHANGES] = '~', [TOPOLOGY_MOVES] = '>' };
	char key[TOPOLOGY_LINK_MAX];
	size_t n = 0;

	for (unsigned i = 0; i < d->link_count; i++) {
		const struct topology_link_diff *x = &d->links[i];

		topology_link_key(x->is ? d->is : d->was, x->is ? x->is : x->was, key);
		n += (size_t)snprintf(out + n, room - n, "%s%c%s", i ? " " : "", signs[x->change], key);
		if (x->change != TOPOLOGY_MOVES)
			continue;
		topology_link_key(d->was, x->was, key);
		n += (size_t)snprintf(out + n, room - n, "<%s", key);
	}
}

/* Takes both. */
static void differ(struct topology *was, struct topology *is, const char *nodes, const char *links)
{
	char text[1024] = "";
	struct topology_diff *d;

	assert_int_equal(topology_diff(was, is, &d), 0);
	put_nodes(d, text, sizeof(text));
	assert_string_equal(text, nodes);
	text[0] = 0;
	put_links(d, text, sizeof(text));
	assert_string_equal(text, links);
	topology_diff_free(d);
	topology_free(was);
	topology_free(is);
}

#define A "a: {image: x}, "
#define B "b: {image: x}, "
#define C "c: {image: x}, "
#define AB "{endpoints: [a:e1, b:e1]}, "

static void nothing_was(void **state)
{
	differ(NULL, load(A B, AB), "+a +b", "+a:e1,b:e1");
}

static void order_is_no_difference(void **state)
{
	differ(load(A B C, AB "{endpoints: [a:e2, c:e1]}"),
	       load(C B A, "{endpoints: [c:e1, a:e2]}, {endpoints: [b:e1, a:e1]}"), "=c =b =a",
	       "=a:e2,c:e1 =a:e1,b:e1");
}

static void nodes_and_links_come_and_go(void **state)
{
	differ(load(A B, AB), load(A B C, AB "{endpoints: [a:e2, c:e1]}"), "~a+e2 =b +c",
	       "=a:e1,b:e1 +a:e2,c:e1");
	differ(load(A B C, AB "{endpoints: [a:e2, c:e1]}"), load(A B, AB), "~a-e2 =b -c",
	       "=a:e1,b:e1 -a:e2,c:e1");
}

static void a_link_moves(void **state)
{
	differ(load(A B C, AB), load(A B C, "{endpoints: [a:e1, c:e1]}"), "=a ~b-e1 ~c+e1",
	       ">a:e1,c:e1<a:e1,b:e1");
	/* One of a pair of new links is the old one, and only one. */
	differ(load(A B C, AB), load(A B C, "{endpoints: [a:e1, c:e1]}, {endpoints: [b:e1, c:e2]}"),
	       "=a =b ~c+e1+e2", ">a:e1,c:e1<a:e1,b:e1 +b:e1,c:e2");
}

static void what_a_link_is_like(void **state)
{
	differ(load(A B, AB), load(A B, "{endpoints: [a:e1, b:e1], mtu: 9000}"), "~a~e1 ~b~e1",
	       "~a:e1,b:e1");
	differ(load(A B, AB),
	       load(A B, "{type: veth, endpoints: [{node: a, interface: e1, mac: \"02:00:00:00:00:01\"}, "
			 "{node: b, interface: e1}]}"), "~a~e1 =b", "=a:e1,b:e1");
}

#define FROM_A "weft: {from: {\"a:e1\": {delay: 10ms}}}}"

static void what_a_link_does(void **state)
{
	differ(load(A B, AB), load(A B, "{endpoints: [a:e1, b:e1], " FROM_A), "=a =b", "~a:e1,b:e1");
	/* By the end that sends, whichever comes first in the file. */
	differ(load(A B, "{endpoints: [a:e1, b:e1], " FROM_A), load(A B, "{endpoints: [b:e1, a:e1], " FROM_A),
	       "=a =b", "=a:e1,b:e1");
	differ(load(A B, "{endpoints: [a:e1, b:e1], " FROM_A),
	       load(A B, "{endpoints: [a:e1, b:e1], weft: {from: {\"b:e1\": {delay: 10ms}}}}"), "=a =b",
	       "~a:e1,b:e1");
}

static void what_cannot_change(void **state)
{
	struct topology *was;

	differ(load("r: {image: frr, memory: 256MiB, cpu: 2}", ""),
	       load("r: {image: frr, weft: {boot: cold, intake: fpm, fib-routes: 9}}", ""),
	       "!r(memory, cpu, boot, intake, fib-routes)", "");
	differ(load("r: {image: frr, weft: {spare-nics: 1}, labels: {a: b}}", ""),
	       load("r: {image: frr, weft: {spare-nics: 9}}", ""), "=r", "");
	differ(load("r: {image: frr}", ""), load("r: {image: x}", ""), "!r(kind, image)", "");
	differ(load("h: {image: x, exec: [a]}", ""), load("h: {image: y, exec: [a], env: {A: b}}", ""),
	       "!h(env)", "");
	differ(load("h: {image: x, exec: [a]}", ""), load("h: {image: x, exec: [b, a]}", ""), "!h(exec)", "");
	differ(load("r: {image: frr, binds: [\"a:/etc/a\", \"b:/etc/b\"]}", ""),
	       load("r: {image: frr, binds: [\"b:/etc/b\", \"a:/etc/a\"]}", ""), "=r", "");
	differ(load("r: {image: frr, binds: [\"a:/etc/a\", \"b:/etc/b\"]}", ""),
	       load("r: {image: frr, binds: [\"a:/etc/a\"]}", ""), "!r(files: /etc/b)", "");
	was = load("r: {image: frr, binds: [\"a:/etc/a\"]}", "");
	said = "otherwise";
	differ(was, load("r: {image: frr, binds: [\"a:/etc/a\"]}", ""), "!r(files: /etc/a)", "");
	said = "";
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_was),
		cmocka_unit_test(order_is_no_difference),
		cmocka_unit_test(nodes_and_links_come_and_go),
		cmocka_unit_test(a_link_moves),
		cmocka_unit_test(what_a_link_is_like),
		cmocka_unit_test(what_a_link_does),
		cmocka_unit_test(what_cannot_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
