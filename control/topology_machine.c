/* SPDX-License-Identifier: Apache-2.0 */
/* The machine of a router: its memory, its CPUs, how it boots, how its interfaces are attached; and
 * what it may take of the engine. */
#include "control/topology_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEMORY_MIN 64000000ull
#define MEMORY_MAX (16ull << 30)
#define CPUS_MAX   8

const char *const topology_intake_names[] = {
	[TOPOLOGY_INTAKE_AGENT] = "agent", [TOPOLOGY_INTAKE_FPM] = "fpm",
	[TOPOLOGY_INTAKE_NONE] = "none", NULL,
};

/* "512MiB", "1.5Gb", "256MB" or bytes, as containerlab reads them: B is bytes whatever its case,
 * units with an i are powers of 1024, the others of 1000. 0: not a size. */
static uint64_t parse_size(const char *s)
{
	static const struct {
		const char *name;
		uint64_t bytes;
	} units[] = {
		{"", 1},	  {"b", 1},	    {"k", 1000},       {"kb", 1000},
		{"ki", 1 << 10},  {"kib", 1 << 10}, {"m", 1000000},    {"mb", 1000000},
		{"mi", 1 << 20},  {"mib", 1 << 20}, {"g", 1000000000}, {"gb", 1000000000},
		{"gi", 1u << 30}, {"gib", 1u << 30},
	};
	size_t digits = strspn(s, "0123456789."), dots = 0;
	double v;

	for (size_t i = 0; i < digits; i++)
		dots += s[i] == '.';
	if (!digits || digits > 15 || dots > 1 || s[0] == '.')
		return 0;
	v = strtod(s, NULL);
	s += digits + strspn(s + digits, " ");
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (!strcasecmp(s, units[i].name)) {
			v *= (double)units[i].bytes;
			return v < 1e18 ? (uint64_t)v : UINT64_MAX;
		}
	return 0;
}

static int read_memory(struct loader *l, const struct ty_pair *p, struct topology_node *node)
{
	const char *s;
	uint64_t bytes;
	int rc = ty_text(&l->doc, p->value, "memory", &s);

	if (rc)
		return rc;
	bytes = parse_size(s);
	if (!bytes)
		return ty_err(&l->doc, p->value, "memory \"%.32s\" is not a size such as 256MB, 512MiB or "
			      "1Gb", s);
	if (bytes < MEMORY_MIN || bytes > MEMORY_MAX)
		return ty_err(&l->doc, p->value, "memory %.32s is not in 64MB..16GiB", s);
	if (node->kind != TOPOLOGY_ROUTER)
		return loader_warn(l, p->value, "memory has no effect on %s: it is not a virtual machine",
				   node->name);
	node->memory_mib = (unsigned)((bytes + (1 << 20) - 1) >> 20);
	return 0;
}

static int read_cpu(struct loader *l, const struct ty_pair *p, struct topology_node *node)
{
	const char *s;
	size_t digits;
	double v;
	int rc = ty_text(&l->doc, p->value, "cpu", &s);

	if (rc)
		return rc;
	digits = strspn(s, "0123456789.");
	v = strtod(s, NULL);
	if (!digits || digits > 8 || s[digits] || strchr(s, '.') != strrchr(s, '.') || v <= 0 ||
	    v > CPUS_MAX)
		return ty_err(&l->doc, p->value, "cpu \"%.32s\" is not a number in 1..%d", s, CPUS_MAX);
	if (node->kind != TOPOLOGY_ROUTER)
		return loader_warn(l, p->value, "cpu has no effect on %s: it is not a virtual machine",
				   node->name);
	node->cpus = (unsigned)v;
	if (v > node->cpus) {
		node->cpus++;
		return loader_warn(l, p->value, "cpu %.32s: guests have whole CPUs, %s gets %u", s,
				   node->name, node->cpus);
	}
	return 0;
}

/* The key under weft of the next layer from *at on that has it, or NULL; it is for routers alone. */
static int next_weft(struct loader *l, const struct topology_node *node,
		     const struct ty_map *layers, const char *key, unsigned *at,
		     const struct ty_pair **found)
{
	for (*found = NULL; !*found && *at < LAYERS; ++*at) {
		const struct ty_pair *weft = ty_find(&layers[*at], "weft");
		struct ty_map m;
		int rc = weft ? ty_map(&l->doc, weft->value, "weft", &m) : 0;

		if (!rc && weft)
			rc = loader_check_keys(l, &m, KEYS_WEFT_NODE);
		if (rc)
			return rc;
		*found = weft ? ty_find(&m, key) : NULL;
		if (*found && node->kind != TOPOLOGY_ROUTER && *at == LAYERS - 1)
			return ty_err(&l->doc, (*found)->value, "%s: %s is not a router", key,
				      node->name);
	}
	return 0;
}

/* "relay or vhost-user" */
static void list_words(const char *const *words, char *text, size_t size)
{
	size_t used = 0;

	for (unsigned i = 0; words[i] && used < size; i++)
		used += (size_t)snprintf(text + used, size - used, "%s%s",
					 !i ? "" : words[i + 1] ? ", " : " or ", words[i]);
}

/* One of some words, NULL at their end: *choice is its index, by the nearest layer that has the key. */
static int read_word(struct loader *l, const struct topology_node *node, const struct ty_map *layers,
		     const char *key, const char *const *words, unsigned *choice)
{
	const struct ty_pair *p;
	char text[80];
	unsigned at = 0, i;
	const char *s;
	int rc;

	for (;;) {
		rc = next_weft(l, node, layers, key, &at, &p);
		if (!rc && p)
			rc = ty_text(&l->doc, p->value, key, &s);
		if (rc || !p)
			return rc;
		for (i = 0; words[i] && strcmp(s, words[i]) != 0; i++)
			;
		list_words(words, text, sizeof(text));
		if (!words[i])
			return ty_err(&l->doc, p->value, "%s \"%.32s\" is not %s", key, s, text);
		*choice = node->kind == TOPOLOGY_ROUTER ? i : 0;
	}
}

/* One of two. */
static int read_choice(struct loader *l, const struct topology_node *node,
		       const struct ty_map *layers, const char *key, const char *const words[3],
		       bool *second)
{
	unsigned choice = *second;
	int rc = read_word(l, node, layers, key, words, &choice);

	*second = choice;
	return rc;
}

/* The nearest layer's; only of a key that some layer has. */
static const struct ty_pair *nearest_weft(struct loader *l, const struct topology_node *node,
					  const struct ty_map *layers, const char *key)
{
	const struct ty_pair *p = NULL, *next;
	unsigned at = 0;

	while (!next_weft(l, node, layers, key, &at, &next) && next)
		p = next;
	return p;
}

/* Memory that is not shared needs none: it is in huge pages by itself where the machine gives such. */
static int read_hugepages(struct loader *l, struct topology_node *node, const struct ty_map *layers)
{
	static const char *const words[] = { "false", "true", NULL };
	int rc = read_choice(l, node, layers, "hugepages", words, &node->huge_pages);
	const struct ty_pair *p;

	if (rc || !node->huge_pages || node->vhost_user)
		return rc;
	p = nearest_weft(l, node, layers, "hugepages");
	return ty_err(&l->doc, p->value, "hugepages: %s is attached by relay; only memory that is shared, by "
		      "attachment: vhost-user, takes any", node->name);
}

/* *value stays as it is where no layer has the key. */
static int read_count(struct loader *l, const struct topology_node *node, const struct ty_map *layers,
		      const char *key, unsigned min, unsigned max, unsigned *value)
{
	const struct ty_pair *p;
	unsigned at = 0;
	int rc;

	do {
		rc = next_weft(l, node, layers, key, &at, &p);
		if (!rc && p)
			rc = ty_number(&l->doc, p->value, p->key, min, max, value);
	} while (!rc && p);
	return rc;
}

/* Without an agent nobody runs commands in the guest, and by vhost-user nobody sees its neighbours. */
static int check_fpm(struct loader *l, const struct topology_node *node, const struct ty_map *layers)
{
	const struct ty_pair *p = loader_inherited(layers, "exec");

	if (node->intake != TOPOLOGY_INTAKE_FPM)
		return 0;
	if (node->vhost_user) {
		p = nearest_weft(l, node, layers, "intake");
		return ty_err(&l->doc, p->value, "intake: %s is attached by vhost-user; fpm takes attachment: "
			      "relay", node->name);
	}
	return node->exec.count ? ty_err(&l->doc, p->value, "exec: %s has no agent to run commands (intake: "
					 "fpm); write it into its configuration", node->name) : 0;
}

int loader_machine(struct loader *l, struct topology_node *node, const struct ty_map *layers)
{
	static const char *const attachments[] = { "relay", "vhost-user", NULL };
	static const char *const boots[] = { "clone", "cold", NULL };
	const struct ty_pair *memory = loader_inherited(layers, "memory");
	const struct ty_pair *cpu = loader_inherited(layers, "cpu");
	unsigned intake = TOPOLOGY_INTAKE_AGENT;
	int rc = 0;

	node->fib_routes = TOPOLOGY_FIB_ROUTES;
	node->spare_nics = TOPOLOGY_SPARE_NICS;
	if (memory)
		rc = read_memory(l, memory, node);
	if (!rc && cpu)
		rc = read_cpu(l, cpu, node);
	if (!rc)
		rc = read_choice(l, node, layers, "attachment", attachments, &node->vhost_user);
	if (!rc)
		rc = read_hugepages(l, node, layers);
	if (!rc)
		rc = read_count(l, node, layers, "fib-routes", 1, TOPOLOGY_FIB_ROUTES_MAX,
				&node->fib_routes);
	if (!rc)
		rc = read_count(l, node, layers, "spare-nics", 0, TOPOLOGY_PORTS_MAX, &node->spare_nics);
	if (!rc)
		rc = read_choice(l, node, layers, "boot", boots, &node->cold);
	if (!rc)
		rc = read_word(l, node, layers, "intake", topology_intake_names, &intake);
	node->intake = (enum topology_intake)intake;
	return rc ? rc : check_fpm(l, node, layers);
}
