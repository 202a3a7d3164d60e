/* SPDX-License-Identifier: Apache-2.0 */
#include "control/cli/view.h"

#include "control/cli/json.h"
#include "control/cli/table.h"

#include <stdio.h>
#include <string.h>

struct view_tally view_tally(const json_t *vnet)
{
	struct view_tally t = { 0 };
	json_t *o;
	size_t i;

	json_array_foreach (json_list(vnet, "nodes"), i, o) {
		bool ready = !strcmp(json_text(o, "state"), "ready");

		if (!strcmp(json_text(o, "state"), "failed") && !t.failed)
			t.failed = o;
		if (!strcmp(json_text(o, "kind"), "router")) {
			t.routers++;
			t.configured += ready;
			t.routers_ready += ready && json_true_at(o, "synced");
		} else {
			t.others++;
			t.others_ready += ready;
		}
	}
	json_array_foreach (json_list(vnet, "links"), i, o) {
		t.links++;
		t.links_risen += json_true_at(o, "risen");
		t.links_up += json_true_at(o, "up") && json_true_at(o, "carrier");
	}
	return t;
}

static unsigned count_kind(const json_t *vnet, const char *kind)
{
	unsigned n = 0;
	json_t *o;
	size_t i;

	json_array_foreach (json_list(vnet, "nodes"), i, o)
		n += !strcmp(json_text(o, "kind"), kind);
	return n;
}

static void cell_count(struct table *t, uint64_t n)
{
	char text[32];

	table_cell(t, "%s", text_count(text, n));
}

void view_vnets(const json_t *vnets)
{
	struct table *t = table_create("VNET", "STATE", ">AGE", ">ROUTERS", ">HOSTS", ">LINKS UP",
				       ">WEIGHT", ">GUARANTEE", ">FORWARDED", ">DROPS", "OWNER", "FILE", NULL);
	json_t *vnet;
	size_t i;

	json_array_foreach (vnets, i, vnet) {
		struct view_tally n = view_tally(vnet);
		json_t *counters = json_map(vnet, "counters");
		double cores = json_number_at(vnet, "guarantee_cores");
		char age[32];

		table_cell(t, "%s", json_text(vnet, "name"));
		table_cell(t, "%s", json_text(vnet, "state"));
		table_cell(t, "%s", text_age(age, json_number_at(vnet, "age_s")));
		table_cell(t, "%u/%u", n.routers_ready, n.routers);
		table_cell(t, "%u", count_kind(vnet, "host"));
		table_cell(t, "%u/%u", n.links_up, n.links);
		table_cell(t, "%llu", (unsigned long long)json_count(vnet, "weight"));
		if (cores > 0)
			table_cell(t, "%.3f cores", cores);
		else
			table_cell(t, "%s", "");
		cell_count(t, json_count(counters, "forwarded"));
		cell_count(t, json_sum(json_map(counters, "drops")));
		table_cell(t, "%s", json_text(vnet, "owner"));
		table_cell(t, "%s", json_text(vnet, "file"));
	}
	table_print(t, stdout);
	table_destroy(t);
}

/* "ospf 2/2 bgp 1/1" */
static void cell_protocols(struct table *t, const json_t *node)
{
	char text[128] = "";
	size_t i, used = 0;
	json_t *p;

	json_array_foreach (json_list(node, "protocols"), i, p) {
		int n = snprintf(text + used, sizeof(text) - used, "%s%.16s %llu/%llu",
				 i ? " " : "", json_text(p, "name"),
				 (unsigned long long)json_count(p, "up"),
				 (unsigned long long)json_count(p, "total"));

		if (n < 0 || (size_t)n >= sizeof(text) - used)
			break;
		used += (size_t)n;
	}
	table_cell(t, "%s", text);
}

static void cell_fib(struct table *t, const json_t *node)
{
	unsigned long long v4 = 0, v6 = 0;
	json_t *fib;
	size_t i;

	json_array_foreach (json_list(node, "fib"), i, fib) {
		v4 += json_count(fib, "ipv4");
		v6 += json_count(fib, "ipv6");
	}
	if (strcmp(json_text(node, "kind"), "router"))
		table_cell(t, "%s", "");
	else
		table_cell(t, "%llu/%llu", v4, v6);
}

static void cell_seconds(struct table *t, const json_t *node, const char *key)
{
	double s = json_number_at(node, key);

	if (s < 0)
		table_cell(t, "%s", "");
	else
		table_cell(t, "%.1f s", s);
}

void view_nodes(const json_t *vnet)
{
	struct table *t = table_create("NODE", "KIND", "IMAGE", "STATE", "START", ">BOOT", "NEIGHBOURS",
				       ">FIB v4/v6", ">CPU", ">MEMORY", ">RESTARTS", NULL);
	json_t *node;
	size_t i;

	json_array_foreach (json_list(vnet, "nodes"), i, node) {
		bool router = !strcmp(json_text(node, "kind"), "router");
		uint64_t memory = json_count(node, "memory_bytes");
		const char *state = json_text(node, "state");
		char text[32];

		table_cell(t, "%s", json_text(node, "name"));
		table_cell(t, "%s", json_text(node, "kind"));
		table_cell(t, "%s", json_text(node, "image"));
		table_cell(t, "%s%s%s", state,
			   router && !strcmp(state, "ready") && !json_true_at(node, "synced")
				   ? ", not synced"
				   : "",
			   json_is_false(json_object_get(node, "fpm")) ? ", no FPM" : "");
		table_cell(t, "%s", json_text(node, "boot"));
		cell_seconds(t, node, "boot_s");
		cell_protocols(t, node);
		cell_fib(t, node);
		cell_seconds(t, node, "cpu_s");
		table_cell(t, "%s", memory ? text_bytes(text, memory) : "");
		if (router)
			table_cell(t, "%llu", (unsigned long long)json_count(node, "restarts"));
		else
			table_cell(t, "%s", "");
	}
	table_print(t, stdout);
	table_destroy(t);
}

static void view_links(const json_t *vnet)
{
	struct table *t = table_create("LINK", "", ">MTU", "STATE", NULL);
	json_t *link;
	size_t i;

	json_array_foreach (json_list(vnet, "links"), i, link) {
		table_cell(t, "%s", json_text(link, "a"));
		table_cell(t, "%s", json_text(link, "b"));
		table_cell(t, "%llu", (unsigned long long)json_count(link, "mtu"));
		table_cell(t, "%s", !json_true_at(link, "up")	     ? "down"
				    : !json_true_at(link, "carrier") ? "up, no carrier"
								     : "up");
	}
	if (table_rows(t)) {
		putchar('\n');
		table_print(t, stdout);
	}
	table_destroy(t);
}

static void view_drops(const json_t *drops, const char *of)
{
	struct table *t = table_create("DROP REASON", ">PACKETS", NULL);
	const char *reason;
	json_t *n;

	json_object_foreach ((json_t *)drops, reason, n) {
		if (json_integer_value(n) <= 0)
			continue;
		table_cell(t, "%s%s%s", of, *of ? ": " : "", reason);
		table_cell(t, "%llu", (unsigned long long)json_integer_value(n));
	}
	if (table_rows(t)) {
		putchar('\n');
		table_print(t, stdout);
	}
	table_destroy(t);
}

static void say(const char *who, const char *text)
{
	char line[1024];

	snprintf(line, sizeof(line), "%s%s%s", who, *who ? ": " : "", text);
	text_clean(line);
	puts(line);
}

/* Why a node failed or is no clone, how its routes come if not by an agent, and what its guest forwards
 * because the engine cannot. */
static void view_node_notes(const json_t *node, bool *any)
{
	const char *name = json_text(node, "name"), *cold = json_text(node, "boot_why");
	bool fpm = json_is_boolean(json_object_get(node, "fpm"));
	json_t *why;
	size_t i;

	if (!*any && (*json_text(node, "error") || *cold || fpm ||
		      json_array_size(json_list(node, "punted")))) {
		putchar('\n');
		*any = true;
	}
	if (*cold) {
		char text[256];

		snprintf(text, sizeof(text), "booted cold: %s", cold);
		say(name, text);
	}
	if (fpm)
		say(name, json_true_at(node, "fpm") ? "intake fpm: zebra is connected" :
						      "intake fpm: zebra is not connected");
	if (*json_text(node, "error"))
		say(name, json_text(node, "error"));
	json_array_foreach (json_list(node, "punted"), i, why) {
		char text[768];

		if (!json_is_string(why))
			continue;
		snprintf(text, sizeof(text), "the guest itself forwards %s",
			 json_string_value(why));
		say(name, text);
	}
}

void view_vnet(const json_t *vnet)
{
	bool any = false;
	json_t *o;
	size_t i;

	view_nodes(vnet);
	view_links(vnet);
	view_drops(json_map(json_map(vnet, "counters"), "drops"), "");
	if (*json_text(vnet, "engine"))
		printf("\nNothing is forwarded, as the engine does not run: %s\n",
		       json_text(vnet, "engine"));
	json_array_foreach (json_list(vnet, "notes"), i, o) {
		char text[512];

		snprintf(text, sizeof(text), "%s", json_is_string(o) ? json_string_value(o) : "");
		text_clean(text);
		printf("\nNote: %s\n", text);
	}
	json_array_foreach (json_list(vnet, "nodes"), i, o)
		view_node_notes(o, &any);
}

void view_node(const json_t *node)
{
	struct table *t = table_create("PORT", "MAC", ">MTU", "PEER", "CARRIER", ">RX", ">RX BYTES",
				       ">TX", ">TX BYTES", ">FORWARDED", ">PUNTED", ">INJECTED",
				       ">DROPS", NULL);
	static const char *const counters[] = { "wire_rx_packets", "wire_rx_bytes",
						"wire_tx_packets", "wire_tx_bytes", "forwarded",
						"punted", "injected" };
	bool any = false;
	json_t *port;
	size_t i;

	json_array_foreach (json_list(node, "ports"), i, port) {
		table_cell(t, "%s", json_text(port, "name"));
		table_cell(t, "%s", json_text(port, "mac"));
		table_cell(t, "%llu", (unsigned long long)json_count(port, "mtu"));
		table_cell(t, "%s", json_text(port, "peer"));
		table_cell(t, "%s", json_true_at(port, "carrier") ? "yes" : "no");
		for (size_t k = 0; k < sizeof(counters) / sizeof(*counters); k++)
			cell_count(t, json_count(port, counters[k]));
		cell_count(t, json_sum(json_map(port, "drops")));
	}
	table_print(t, stdout);
	table_destroy(t);
	json_array_foreach (json_list(node, "ports"), i, port)
		view_drops(json_map(port, "drops"), json_text(port, "name"));
	if (*json_text(node, "machine"))
		printf("\n%s runs in %s by %s, process %llu\n", json_text(node, "name"),
		       json_text(node, "machine"), json_text(node, "accel"),
		       (unsigned long long)json_count(node, "pid"));
	view_node_notes(node, &any);
}
