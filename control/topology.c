/* SPDX-License-Identifier: Apache-2.0 */
/* The top of a topology file, and what its parts share: warnings, known keys, copies, names. */
#include "control/topology_priv.h"

#include "base/hash.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WARNINGS_MAX 256

char *loader_copy(struct loader *l, const yaml_node_t *n, const void *bytes, size_t len)
{
	char *copy;

	if (len > TOPOLOGY_BYTES_MAX - l->bytes) {
		ty_err(&l->doc, n, "the nodes' texts and files are more than %u MiB together",
		       TOPOLOGY_BYTES_MAX >> 20);
		return NULL;
	}
	copy = malloc(len + 1);
	if (!copy) {
		err_set(l->err, -ENOMEM, "%s: out of memory", l->conf->file);
		return NULL;
	}
	if (len)
		memcpy(copy, bytes, len);
	copy[len] = 0;
	l->bytes += len;
	return copy;
}

const char *const topology_kind_names[] = {
	[TOPOLOGY_ROUTER] = "router", [TOPOLOGY_HOST] = "host", [TOPOLOGY_BRIDGE] = "bridge",
	[TOPOLOGY_PHYSICAL] = "physical"
};

int loader_append(struct loader *l, const yaml_node_t *n, struct topology_string_list *list,
		  const char *text)
{
	char **items = realloc(list->items, (list->count + 1) * sizeof(items[0]));
	char *copy;

	if (!items)
		return err_set(l->err, -ENOMEM, "%s: out of memory", l->conf->file);
	list->items = items;
	copy = loader_copy(l, n, text, strlen(text));
	if (!copy)
		return -ENOMEM;
	items[list->count++] = copy;
	return 0;
}

int loader_warn(struct loader *l, const yaml_node_t *n, const char *fmt, ...)
{
	char text[512], line[900];
	va_list ap;

	if (l->t->warnings.count == WARNINGS_MAX)
		return 0;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	snprintf(line, sizeof(line), "%.320s:%u: %s", l->conf->file, ty_line(n), text);
	ty_one_line(line);
	return loader_append(l, n, &l->t->warnings, line);
}

static int unknown_key(struct loader *l, const struct ty_pair *p, enum key_place place)
{
	const char *near;
	unsigned count;
	const struct key_rule *rules = key_rules(place, &count);

	near = key_nearest(rules, count, p->key);
	if (near)
		return ty_err(&l->doc, p->key_node, "key \"%.64s\" %s is unknown; did you mean \"%s\"?",
			      p->key, key_place_name(place), near);
	return ty_err(&l->doc, p->key_node, "key \"%.64s\" %s is unknown",
		      p->key, key_place_name(place));
}

/* {}, [] and "" say nothing. */
static bool is_empty(const yaml_node_t *n)
{
	return ty_is_null(n) || (n->type == YAML_SCALAR_NODE && !n->data.scalar.length) ||
	       (n->type == YAML_MAPPING_NODE &&
		n->data.mapping.pairs.start == n->data.mapping.pairs.top) ||
	       (n->type == YAML_SEQUENCE_NODE &&
		n->data.sequence.items.start == n->data.sequence.items.top);
}

int loader_check_keys(struct loader *l, const struct ty_map *m, enum key_place place)
{
	unsigned count;
	const struct key_rule *rules = key_rules(place, &count);

	for (unsigned i = 0; i < m->count; i++) {
		const struct ty_pair *p = &m->pairs[i];
		unsigned k = 0;
		int rc = 0;

		while (k < count && strcmp(rules[k].key, p->key) != 0)
			k++;
		if (k == count)
			return unknown_key(l, p, place);
		if (is_empty(p->value))
			continue;
		if (rules[k].use == KEY_REFUSED)
			return ty_err(&l->doc, p->key_node, "key \"%s\" %s", p->key, rules[k].why);
		if (rules[k].use == KEY_WARN)
			rc = loader_warn(l, p->key_node, "key \"%s\" %s", p->key, rules[k].why);
		if (rc)
			return rc;
	}
	return 0;
}

const struct ty_pair *loader_inherited(const struct ty_map *layers, const char *key)
{
	for (unsigned i = LAYERS; i-- > 0;) {
		const struct ty_pair *p = ty_find(&layers[i], key);

		if (p && !ty_is_null(p->value) &&
		    (p->value->type != YAML_SCALAR_NODE || *p->value->data.scalar.value))
			return p;
	}
	return NULL;
}

int loader_name(struct loader *l, const yaml_node_t *n, const char *what, const char *name)
{
	static const char ok[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";

	if (strlen(name) >= TOPOLOGY_NAME_MAX)
		return ty_err(&l->doc, n, "%s name \"%.64s\" is longer than %d", what, name,
			      TOPOLOGY_NAME_MAX - 1);
	if (!*name || strchr("-_.", *name) || strspn(name, ok) != strlen(name))
		return ty_err(&l->doc, n, "%s name \"%s\": a letter or digit, then letters, digits and - _ .",
			      what, name);
	return 0;
}

/* What decides about the layers cannot be said in one of them. */
static int check_section_keys(struct loader *l, const struct ty_map *m, const char *what)
{
	const struct ty_pair *p = ty_find(m, "group");

	if (!p && *what == 'k')
		p = ty_find(m, "kind");
	if (p)
		return ty_err(&l->doc, p->key_node, "key \"%s\" has no meaning under %ss", p->key, what);
	return loader_check_keys(l, m, KEYS_NODE);
}

/* Kinds or groups: used ones are checked like nodes, once; the others are only pointed out. */
static int check_sections(struct loader *l, const struct ty_map *sections, const char *what)
{
	for (unsigned i = 0; i < sections->count; i++) {
		const struct ty_pair *p = &sections->pairs[i];
		bool used = false;
		struct ty_map m;
		int rc;

		for (unsigned n = 0; n < l->t->node_count; n++)
			used |= !strcmp(p->key, *what == 'k' ? l->t->nodes[n].kind_name
							     : l->t->nodes[n].group);
		if (!used) {
			rc = loader_warn(l, p->key_node, "no node is of %s \"%.64s\"", what, p->key);
			if (rc)
				return rc;
			continue;
		}
		rc = ty_map(&l->doc, p->value, what, &m);
		if (!rc)
			rc = check_section_keys(l, &m, what);
		if (rc)
			return rc;
	}
	return 0;
}

static int read_topology(struct loader *l, const struct ty_pair *p)
{
	static const char *const names[] = {"defaults", "kinds", "groups", "nodes"};
	struct ty_map *const maps[] = {&l->defaults, &l->kinds, &l->groups, &l->nodes};
	struct ty_map m;
	int rc = ty_map(&l->doc, p->value, "topology", &m);

	if (!rc)
		rc = loader_check_keys(l, &m, KEYS_TOPOLOGY);
	for (unsigned i = 0; !rc && i < 4; i++) {
		const struct ty_pair *section = ty_find(&m, names[i]);

		if (section)
			rc = ty_map(&l->doc, section->value, names[i], maps[i]);
	}
	if (!rc && !l->nodes.count)
		rc = ty_err(&l->doc, p->key_node, "there are no nodes under topology");
	if (!rc)
		rc = loader_check_keys(l, &l->defaults, KEYS_NODE);
	if (!rc)
		rc = loader_nodes(l);
	if (!rc)
		rc = check_sections(l, &l->kinds, "kind");
	if (!rc)
		rc = check_sections(l, &l->groups, "group");
	p = ty_find(&m, "links");
	if (!rc && p)
		rc = loader_links(l, p->value);
	return rc;
}

/* "0.05 cores", "1 core": in 1/1000 of a core. 0: it is none. */
static unsigned parse_cores(const char *s)
{
	size_t whole = strspn(s, "0123456789"), decimals = 0;
	unsigned milli = (unsigned)strtoul(s, NULL, 10) * 1000, digit = 100;

	if (!whole || whole > 4)
		return 0;
	s += whole;
	if (*s == '.') {
		decimals = strspn(++s, "0123456789");
		if (!decimals || decimals > 3)
			return 0;
		for (; decimals; decimals--, digit /= 10)
			milli += (unsigned)(*s++ - '0') * digit;
	}
	if (strcmp(s, " core") != 0 && strcmp(s, " cores") != 0)
		return 0;
	return milli <= TOPOLOGY_CORES_MAX * 1000 ? milli : 0;
}

/* What the vnet asks of the engine. */
static int read_weft(struct loader *l, yaml_node_t *at)
{
	const struct ty_pair *weight, *guarantee, *seed;
	const char *s;
	struct ty_map m;
	int rc = ty_map(&l->doc, at, "weft", &m);

	if (!rc)
		rc = loader_check_keys(l, &m, KEYS_WEFT_TOP);
	if (rc)
		return rc;
	weight = ty_find(&m, "weight");
	guarantee = ty_find(&m, "guarantee");
	seed = ty_find(&m, "seed");
	if (weight)
		rc = ty_number(&l->doc, weight->value, "weight", 1, TOPOLOGY_WEIGHT_MAX,
			       &l->t->weight);
	if (!rc && seed)
		rc = ty_number(&l->doc, seed->value, "seed", 0, 999999999, &l->t->seed);
	if (!rc && guarantee)
		rc = ty_text(&l->doc, guarantee->value, "guarantee", &s);
	if (rc || !guarantee)
		return rc;
	l->t->guarantee = parse_cores(s);
	return l->t->guarantee ? 0 :
		ty_err(&l->doc, guarantee->value, "guarantee \"%.32s\" is not a share of the "
		       "engine's cores such as \"0.05 cores\", from 0.001 to %d", s,
		       TOPOLOGY_CORES_MAX);
}

static int read_top(struct loader *l, yaml_node_t *root)
{
	const struct ty_pair *name, *topology, *weft;
	struct ty_map top;
	const char *s;
	int rc = ty_map(&l->doc, root, "a topology", &top);

	if (!rc)
		rc = loader_check_keys(l, &top, KEYS_TOP);
	if (rc)
		return rc;
	name = ty_find(&top, "name");
	topology = ty_find(&top, "topology");
	weft = ty_find(&top, "weft");
	if (!name)
		return ty_err(&l->doc, root, "there is no name: write \"name: ...\" at the top");
	if (!topology)
		return ty_err(&l->doc, root, "there is no topology");
	rc = ty_text(&l->doc, name->value, "name", &s);
	if (!rc)
		rc = loader_name(l, name->value, "network", s);
	l->t->weight = TOPOLOGY_WEIGHT;
	if (!rc && weft)
		rc = read_weft(l, weft->value);
	if (rc)
		return rc;
	snprintf(l->t->name, sizeof(l->t->name), "%s", s);
	return read_topology(l, topology);
}

static int load(const struct topology_conf *conf, struct topology **out, struct err *err)
{
	struct loader l = {.conf = conf, .err = err};
	yaml_node_t *root;
	int rc;

	if (conf->len > TOPOLOGY_FILE_MAX)
		return err_set(err, -EFBIG, "%.320s:1: the file is larger than %u MiB", conf->file,
			       TOPOLOGY_FILE_MAX >> 20);
	l.t = calloc(1, sizeof(*l.t));
	if (!l.t)
		return err_set(err, -ENOMEM, "%s: out of memory", conf->file);
	rc = images_init(&l.images, conf->images, err);
	if (rc)
		goto out_images;
	rc = ty_open(&l.doc, conf->file, conf->text, conf->len, err, &root);
	if (!rc)
		rc = read_top(&l, root);
	ty_close(&l.doc);
	hash_map_destroy(l.macs);
	free(l.islands);
out_images:
	images_fini(&l.images);
	if (rc) {
		topology_free(l.t);
		return rc;
	}
	*out = l.t;
	return 0;
}

int topology_load(const struct topology_conf *conf, struct topology **out, struct err *err)
{
	int rc = load(conf, out, err);

	if (rc && err)
		ty_one_line(err->text); /* the file's own name may be of any bytes */
	return rc;
}

void string_list_free(struct topology_string_list *list)
{
	for (unsigned i = 0; i < list->count; i++)
		free(list->items[i]);
	free(list->items);
	*list = (struct topology_string_list){0};
}

static void free_node(struct topology_node *n)
{
	for (unsigned i = 0; i < n->file_count; i++) {
		free(n->files[i].source);
		free(n->files[i].target);
		free(n->files[i].bytes);
	}
	free(n->files);
	free(n->image);
	free(n->ports);
	string_list_free(&n->exec);
	string_list_free(&n->env);
	string_list_free(&n->labels);
}

void topology_free(struct topology *t)
{
	if (!t)
		return;
	for (unsigned i = 0; i < t->node_count; i++)
		free_node(&t->nodes[i]);
	free(t->nodes);
	free(t->links);
	string_list_free(&t->warnings);
	free(t);
}

const struct topology_node *topology_find(const struct topology *t, const char *name)
{
	for (unsigned i = 0; i < t->node_count; i++)
		if (!strcmp(t->nodes[i].name, name))
			return &t->nodes[i];
	return NULL;
}
