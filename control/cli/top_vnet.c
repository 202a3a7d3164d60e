/* SPDX-License-Identifier: Apache-2.0 */
/* What a vnet's nodes and links do, and the engine's workers: the difference of two looks. */
#include "control/cli/json.h"
#include "control/cli/top.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

/* What one look saw, and when. */
struct look {
	json_t *vnet, *engine;
	double at;
};

static void look_free(struct look *l)
{
	json_decref(l->vnet);
	json_decref(l->engine);
	*l = (struct look){ .vnet = NULL };
}

static int look_take(struct look *l, struct client *client, const char *vnet, struct err *err)
{
	char path[128];
	int code;

	snprintf(path, sizeof(path), "/v1/vnets/%s", vnet);
	code = client_call(client, "GET", path, NULL, 60, &l->vnet, err);
	if (!code)
		code = vnet_check(l->vnet, err);
	if (!code)
		code = client_call(client, "GET", "/v1/engine", NULL, 60, &l->engine, err);
	l->at = top_now();
	return l->vnet && code == -EACCES ? 0 : code; /* the workers are the operator's to see */
}

/* The object of the list that has the same text under key; NULL: none. */
static const json_t *same(const json_t *list, const json_t *o, const char *key)
{
	const json_t *other;
	size_t i;

	json_array_foreach ((json_t *)(uintptr_t)list, i, other)
		if (!strcmp(json_text(other, key), json_text(o, key)))
			return other;
	return NULL;
}

/* The sum over a node's ports. */
static uint64_t of_ports(const json_t *node, const char *key)
{
	const json_t *port;
	uint64_t sum = 0;
	size_t i;

	json_array_foreach (json_list(node, "ports"), i, port)
		sum += json_count(port, key);
	return sum;
}

/* Adds what is in `from` to the counts of `to`. */
static void add_counts(json_t *to, const json_t *from)
{
	const char *key;
	json_t *n;

	json_object_foreach ((json_t *)(uintptr_t)from, key, n)
		json_object_set_new(to, key, json_integer((json_int_t)(json_count(to, key) +
								       json_count(from, key))));
}

static json_t *drops_of_ports(const json_t *node)
{
	json_t *sum = json_object();
	const json_t *port;
	size_t i;

	json_array_foreach (json_list(node, "ports"), i, port)
		add_counts(sum, json_map(port, "drops"));
	return sum;
}

static json_t *node_rates(const json_t *now, const json_t *before, double seconds)
{
	double cpu = json_number_at(now, "cpu_s") - json_number_at(before, "cpu_s");
	json_t *drops = drops_of_ports(now), *earlier = drops_of_ports(before);
	json_t *o = json_pack(
		"{s:s, s:s, s:f, s:I, s:f, s:f, s:f, s:o}", "name", json_text(now, "name"), "state",
		json_text(now, "state"), "cpu_percent", cpu > 0 ? 100 * cpu / seconds : 0, "memory_bytes",
		(json_int_t)json_count(now, "memory_bytes"), "forwarded_per_s",
		top_rate(of_ports(now, "forwarded"), of_ports(before, "forwarded"), seconds),
		"injected_per_s",
		top_rate(of_ports(now, "injected"), of_ports(before, "injected"), seconds), "punted_per_s",
		top_rate(of_ports(now, "punted"), of_ports(before, "punted"), seconds), "drops_per_s",
		top_drops(drops, earlier, seconds));

	json_decref(drops);
	json_decref(earlier);
	return o;
}

/* The port "NODE:PORT" of a vnet, or NULL. */
static const json_t *port_at(const json_t *vnet, const char *end)
{
	const char *colon = strchr(end, ':');
	const json_t *node, *port;
	size_t i, k;

	json_array_foreach (json_list(vnet, "nodes"), i, node) {
		const char *name = json_text(node, "name");

		if (!colon || strlen(name) != (size_t)(colon - end) || strncmp(name, end, strlen(name)))
			continue;
		json_array_foreach (json_list(node, "ports"), k, port)
			if (!strcmp(json_text(port, "name"), colon + 1))
				return port;
	}
	return NULL;
}

static json_t *way_rates(const json_t *now, const json_t *before, double seconds)
{
	return json_pack("{s:f, s:f}", "packets_per_s",
			 top_rate(json_count(now, "wire_tx_packets"), json_count(before, "wire_tx_packets"),
				  seconds), "bits_per_s",
			 8 * top_rate(json_count(now, "wire_tx_bytes"), json_count(before, "wire_tx_bytes"),
				      seconds));
}

static json_t *link_rates(const json_t *link, const struct look *now, const struct look *before)
{
	double seconds = now->at - before->at;
	const char *ends[2] = { json_text(link, "a"), json_text(link, "b") };
	json_t *ways[2], *drops = json_object(), *earlier = json_object(), *o;

	for (int i = 0; i < 2; i++) {
		const json_t *port = port_at(now->vnet, ends[i]), *then = port_at(before->vnet, ends[i]);

		ways[i] = way_rates(port, then ? then : port, seconds);
		add_counts(drops, json_map(port, "drops"));
		add_counts(earlier, json_map(then ? then : port, "drops"));
	}
	o = json_pack("{s:s, s:s, s:b, s:o, s:o, s:o}", "a", ends[0], "b", ends[1], "carrier",
		      json_true_at(link, "carrier"), "a_to_b", ways[0], "b_to_a", ways[1], "drops_per_s",
		      top_drops(drops, earlier, seconds));
	json_decref(drops);
	json_decref(earlier);
	return o;
}

static json_t *worker_rates(const json_t *now, const json_t *before, double seconds)
{
	double busy = json_number_at(now, "busy_s") - json_number_at(before, "busy_s");

	return json_pack("{s:I, s:f, s:f, s:b}", "index", (json_int_t)json_count(now, "index"),
			 "busy_percent", busy > 0 ? 100 * busy / seconds : 0, "packets_per_s",
			 top_rate(json_count(now, "packets"), json_count(before, "packets"), seconds),
			 "limiting", json_true_at(now, "limiting"));
}

static double bits_of(const json_t *link)
{
	return json_number_at(json_map(link, "a_to_b"), "bits_per_s") +
	       json_number_at(json_map(link, "b_to_a"), "bits_per_s");
}

static int by_bits(const void *a, const void *b)
{
	double x = bits_of(*(json_t *const *)a), y = bits_of(*(json_t *const *)b);

	return x < y ? 1 : x > y ? -1 : 0;
}

static int by_cpu(const void *a, const void *b)
{
	double x = json_number_at(*(json_t *const *)a, "cpu_percent");
	double y = json_number_at(*(json_t *const *)b, "cpu_percent");

	return x < y ? 1 : x > y ? -1 : 0;
}

/* The list in order; takes it. */
static json_t *sorted(json_t *list, int (*order)(const void *a, const void *b))
{
	size_t n = json_array_size(list), i;
	json_t **items = calloc(n + 1, sizeof(*items)), *out = json_array(), *o;

	json_array_foreach (list, i, o)
		if (items)
			items[i] = json_incref(o);
	if (items)
		qsort(items, n, sizeof(*items), order);
	for (i = 0; items && i < n; i++)
		json_array_append_new(out, items[i]);
	free(items);
	json_decref(list);
	return out;
}

static json_t *sample(const struct look *now, const struct look *before)
{
	json_t *nodes = json_array(), *links = json_array(), *workers = json_array(), *o;
	const json_t *was = json_list(json_map(before->engine, "engine"), "workers");
	double seconds = now->at - before->at;
	size_t i;

	json_array_foreach (json_list(now->vnet, "nodes"), i, o) {
		const json_t *old = same(json_list(before->vnet, "nodes"), o, "name");

		json_array_append_new(nodes, node_rates(o, old ? old : o, seconds));
	}
	json_array_foreach (json_list(now->vnet, "links"), i, o)
		json_array_append_new(links, link_rates(o, now, before));
	json_array_foreach (json_list(json_map(now->engine, "engine"), "workers"), i, o) {
		const json_t *old = json_array_get(was, i);

		json_array_append_new(workers, worker_rates(o, old ? old : o, seconds));
	}
	return json_pack("{s:I, s:s, s:o, s:o, s:o}", "time", (json_int_t)time(NULL), "vnet",
			 json_text(now->vnet, "name"), "workers", workers, "nodes", sorted(nodes, by_cpu),
			 "links", sorted(links, by_bits));
}

static void show_workers(const json_t *workers)
{
	struct table *t = table_create(">WORKER", ">BUSY %", ">PACKETS/s", "OVERLOADED", NULL);
	const json_t *w;
	size_t i;

	json_array_foreach ((json_t *)(uintptr_t)workers, i, w) {
		table_cell(t, "%llu", (unsigned long long)json_count(w, "index"));
		table_cell(t, "%.1f", json_number_at(w, "busy_percent"));
		top_cell(t, json_number_at(w, "packets_per_s"));
		table_cell(t, "%s", json_true_at(w, "limiting") ? "yes" : "");
	}
	table_print(t, stdout);
	table_destroy(t);
}

static void show_nodes(const json_t *nodes, size_t most)
{
	struct table *t = table_create("NODE", "STATE", ">CPU %", ">MEMORY", ">FORWARDED/s", ">INJECTED/s",
				       ">PUNTED/s", ">DROPS/s", "MOSTLY", NULL);
	char text[32];
	const json_t *n;

	for (size_t i = 0; i < most && (n = json_array_get(nodes, i)); i++) {
		table_cell(t, "%s", json_text(n, "name"));
		table_cell(t, "%s", json_text(n, "state"));
		table_cell(t, "%.1f", json_number_at(n, "cpu_percent"));
		table_cell(t, "%s", text_bytes(text, json_count(n, "memory_bytes")));
		top_cell(t, json_number_at(n, "forwarded_per_s"));
		top_cell(t, json_number_at(n, "injected_per_s"));
		top_cell(t, json_number_at(n, "punted_per_s"));
		top_cell_drops(t, json_map(n, "drops_per_s"));
	}
	table_print(t, stdout);
	table_destroy(t);
}

static void show_links(const json_t *links, size_t most)
{
	static const char *const ways[2] = { "a_to_b", "b_to_a" };
	struct table *t = table_create("LINK", "TO", "CARRIER", ">PACKETS/s", ">BITS/s", ">BACK/s",
				       ">BITS/s", ">DROPS/s", "MOSTLY", NULL);
	const json_t *l;

	for (size_t i = 0; i < most && (l = json_array_get(links, i)); i++) {
		table_cell(t, "%s", json_text(l, "a"));
		table_cell(t, "%s", json_text(l, "b"));
		table_cell(t, "%s", json_true_at(l, "carrier") ? "up" : "down");
		for (int way = 0; way < 2; way++) {
			top_cell(t, json_number_at(json_map(l, ways[way]), "packets_per_s"));
			top_cell(t, json_number_at(json_map(l, ways[way]), "bits_per_s"));
		}
		top_cell_drops(t, json_map(l, "drops_per_s"));
	}
	table_print(t, stdout);
	table_destroy(t);
}

/* What of a table fits: half of the terminal that the workers leave; elsewhere there is room. */
static size_t room(size_t workers)
{
	size_t around = workers + 6; /* heads, empty lines, the cursor's */
	struct winsize w;

	if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) < 0 || !w.ws_row)
		return SIZE_MAX;
	return w.ws_row > around + 2 ? (w.ws_row - around) / 2 : 1;
}

static void show(const json_t *o)
{
	const json_t *workers = json_list(o, "workers");
	size_t most = room(json_array_size(workers));

	top_begin();
	show_workers(workers);
	putchar('\n');
	show_nodes(json_list(o, "nodes"), most);
	putchar('\n');
	show_links(json_list(o, "links"), most);
	top_end();
}

static void print(const struct cli *cli, const json_t *o)
{
	if (cli->json) {
		json_dumpf(o, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
		putchar('\n');
	} else {
		show(o);
	}
	fflush(stdout);
}

int top_vnet(const struct cli *cli, struct client *client, const char *vnet, const struct top *top,
	     struct err *err)
{
	struct look before = { .vnet = NULL }, now = { .vnet = NULL };
	int code = look_take(&before, client, vnet, err);

	for (unsigned long n = 0; !code && (!top->count || n < top->count); n++) {
		json_t *o;

		usleep((useconds_t)(top->interval * 1e6));
		code = look_take(&now, client, vnet, err);
		if (code)
			break;
		o = sample(&now, &before);
		print(cli, o);
		json_decref(o);
		look_free(&before);
		before = now;
		now = (struct look){ .vnet = NULL };
	}
	look_free(&before);
	look_free(&now);
	return code;
}
