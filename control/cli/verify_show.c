/* SPDX-License-Identifier: Apache-2.0 */
#include "control/cli/verify.h"

#include "control/cli/json.h"
#include "control/cli/table.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { TEXT = 400 };

static void put(char text[TEXT], const char *s)
{
	size_t n = strlen(text);

	snprintf(text + n, TEXT - n, "%s", s);
}

/* "forward eth1 02:00:00:00:00:01", "group eth1 02:..., guest", "nothing" */
static const char *nh_text(char text[TEXT], const json_t *nh)
{
	const json_t *hop;
	size_t i;

	snprintf(text, TEXT, "%s", json_is_object(nh) ? json_text(nh, "kind") : "nothing");
	json_array_foreach (json_list(nh, "via"), i, hop) {
		put(text, i ? ", " : " ");
		if (!*json_text(hop, "mac")) {
			put(text, "guest");
			continue;
		}
		put(text, *json_text(hop, "port") ? json_text(hop, "port") : "no port");
		put(text, " ");
		put(text, json_text(hop, "mac"));
	}
	return text;
}

static const char *result_text(char text[TEXT], const json_t *router)
{
	unsigned long long n = json_count(router, "difference_count");
	const char *state = json_text(router, "state");

	if (strcmp(state, "differs") != 0)
		snprintf(text, TEXT, "%s%s%s", state, *json_text(router, "why") ? ": " : "",
			 json_text(router, "why"));
	else
		snprintf(text, TEXT, "%llu %s", n, n == 1 ? "differs" : "differ");
	return text;
}

static void show_routers(const json_t *routers)
{
	struct table *t = table_create("NODE", ">KERNEL", ">INTAKE", ">FIB", "RESULT", NULL);
	static const char *const views[] = { "kernel", "intake", "fib" };
	const json_t *router;
	char text[TEXT];
	size_t i;

	json_array_foreach (routers, i, router) {
		const json_t *routes = json_map(router, "routes");

		table_cell(t, "%s", json_text(router, "node"));
		for (unsigned v = 0; v < 3; v++) {
			if (json_is_integer(json_object_get(routes, views[v])))
				table_cell(t, "%llu", (unsigned long long)json_count(routes, views[v]));
			else
				table_cell(t, "%s", "");
		}
		table_cell(t, "%s", result_text(text, router));
	}
	table_print(t, stdout);
	table_destroy(t);
}

static void show_differences(const json_t *routers)
{
	struct table *t = table_create("NODE", ">TABLE", "PREFIX", "KERNEL", "INTAKE", "FIB", "", NULL);
	const json_t *router, *d;
	char text[TEXT];
	size_t i, k;

	json_array_foreach (routers, i, router) {
		json_array_foreach (json_list(router, "differences"), k, d) {
			table_cell(t, "%s", json_text(router, "node"));
			table_cell(t, "%llu", (unsigned long long)json_count(d, "table"));
			table_cell(t, "%s%s%s", json_text(d, "prefix"), *json_text(d, "port") ? " " : "",
				   json_text(d, "port"));
			table_cell(t, "%s", nh_text(text, json_object_get(d, "kernel")));
			table_cell(t, "%s", nh_text(text, json_object_get(d, "intake")));
			table_cell(t, "%s", nh_text(text, json_object_get(d, "fib")));
			table_cell(t, "%s", json_true_at(d, "routes_differ") ? "other routes in the kernel" :
									       " ");
		}
	}
	if (table_rows(t)) {
		putchar('\n');
		table_print(t, stdout);
	}
	table_destroy(t);
}

void verify_show(const json_t *routers)
{
	const json_t *router, *why;
	char text[TEXT];
	size_t i, k;

	show_routers(routers);
	show_differences(routers);
	json_array_foreach (routers, i, router) {
		json_array_foreach (json_list(router, "left_out"), k, why) {
			snprintf(text, sizeof(text), "%s: left out: %s", json_text(router, "node"),
				 json_is_string(why) ? json_string_value(why) : "");
			text_clean(text);
			puts(text);
		}
	}
}

void verify_show_line(const json_t *router)
{
	const json_t *d = json_array_get(json_list(router, "differences"), 0);
	char when[32] = "", result[TEXT], line[3 * TEXT], text[TEXT];
	time_t now = time(NULL);
	struct tm tm;
	int n;

	if (localtime_r(&now, &tm))
		strftime(when, sizeof(when), "%F %T", &tm);
	n = snprintf(line, sizeof(line), "%s  %s: %s", when, json_text(router, "node"),
		     result_text(result, router));
	if (d)
		n += snprintf(line + n, sizeof(line) - (size_t)n, ", first %s of table %llu: kernel %s",
			      json_text(d, "prefix"), (unsigned long long)json_count(d, "table"),
			      nh_text(text, json_object_get(d, "kernel")));
	if (d && (size_t)n < sizeof(line))
		n += snprintf(line + n, sizeof(line) - (size_t)n, ", intake %s",
			      nh_text(text, json_object_get(d, "intake")));
	if (d && (size_t)n < sizeof(line))
		snprintf(line + n, sizeof(line) - (size_t)n, ", fib %s",
			 nh_text(text, json_object_get(d, "fib")));
	text_clean(line);
	puts(line);
	fflush(stdout);
}
