/* SPDX-License-Identifier: Apache-2.0 */
/* What a deploy would do, for people: a line for each node and link that does not stay as it is. */
#include "control/cli/plan.h"

#include "control/cli/json.h"
#include "control/cli/table.h"

#include <stdio.h>
#include <string.h>

#define ROOM 1024

static void say(char *line)
{
	text_clean(line);
	puts(line);
}

static const char *sign(const char *change)
{
	return !strcmp(change, "add") ? "+" : !strcmp(change, "remove") ? "-" :
	       !strcmp(change, "restart") ? "!" : "~";
}

/* " +eth3 -eth1 ~eth2" */
static void put_ports(const json_t *node, char *line, size_t room)
{
	size_t i, used = strlen(line);
	json_t *p;

	json_array_foreach (json_list(node, "ports"), i, p) {
		int n = snprintf(line + used, room - used, " %s%.32s", sign(json_text(p, "change")),
				 json_text(p, "name"));

		if (n < 0 || (size_t)n >= room - used)
			return;
		used += (size_t)n;
	}
}

static void print_node(const json_t *node)
{
	const char *change = json_text(node, "change");
	double spare = json_number_at(node, "spare_nics");
	char line[ROOM];
	size_t used;

	snprintf(line, sizeof(line), "  %s %.16s %.64s", sign(change), json_text(node, "kind"),
		 json_text(node, "name"));
	used = strlen(line);
	if (!strcmp(change, "restart"))
		snprintf(line + used, sizeof(line) - used, " begins anew: %.300s", json_text(node, "why"));
	else if (!strcmp(change, "change"))
		put_ports(node, line, sizeof(line));
	used = strlen(line);
	if (!strcmp(change, "change") && spare >= 0)
		snprintf(line + used, sizeof(line) - used, " (%.0f spare NICs are left)", spare);
	say(line);
}

static void print_link(const json_t *link)
{
	const char *change = json_text(link, "change");
	json_t *from = json_map(link, "from");
	char line[ROOM];

	if (from)
		snprintf(line, sizeof(line), "  ~ link %.64s - %.64s, was %.64s - %.64s", json_text(link, "a"),
			 json_text(link, "b"), json_text(from, "a"), json_text(from, "b"));
	else
		snprintf(line, sizeof(line), "  %s link %.64s - %.64s%s", sign(change), json_text(link, "a"),
			 json_text(link, "b"),
			 !strcmp(change, "change") ? ": its MTU, or what it does to frames" : "");
	say(line);
}

static void print_share(const json_t *plan, const char *key, const char *name)
{
	json_t *o = json_map(plan, key);

	if (o)
		printf("  ~ %s %g, was %g\n", name, json_number_at(o, "to"), json_number_at(o, "from"));
}

void plan_print(const json_t *plan)
{
	json_t *kept = json_map(plan, "kept"), *o;
	char line[ROOM];
	size_t i;

	if (json_true_at(plan, "new"))
		snprintf(line, sizeof(line), "%.64s: a new vnet", json_text(plan, "name"));
	else
		snprintf(line, sizeof(line), "%.64s: %llu nodes and %llu links stay as they are",
			 json_text(plan, "name"), (unsigned long long)(kept ? json_count(kept, "nodes") : 0),
			 (unsigned long long)(kept ? json_count(kept, "links") : 0));
	say(line);
	print_share(plan, "weight", "weight");
	print_share(plan, "guarantee_cores", "guarantee in cores");
	json_array_foreach (json_list(plan, "nodes"), i, o)
		print_node(o);
	json_array_foreach (json_list(plan, "links"), i, o)
		print_link(o);
}
