/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes: inheritance (defaults < kind < group < node), then what each kind of node may have. */
#include "control/topology_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIST_MAX  256 /* exec lines, variables, labels of one node */
#define IMAGE_MAX 255

/* Names are words before they are anything else: unset is "". */
static int word(struct loader *l, const struct ty_pair *p, size_t max, const char **out)
{
	int rc;

	*out = "";
	if (!p || ty_is_null(p->value))
		return 0;
	rc = ty_text(&l->doc, p->value, p->key, out);
	if (!rc && strlen(*out) >= max)
		rc = ty_err(&l->doc, p->value, "%s \"%.40s...\" is longer than %zu", p->key, *out,
			    max - 1);
	return rc;
}

static int find_section(struct loader *l, const struct ty_map *section, const char *what,
			const char *name, struct ty_map *out)
{
	const struct ty_pair *p = ty_find(section, name);

	*out = (struct ty_map){0};
	return p ? ty_map(&l->doc, p->value, what, out) : 0;
}

/* Where no groups are defined, a group is just a word for drawings, as in containerlab. */
static int unknown_group(struct loader *l, const struct ty_pair *p, const struct topology_node *node)
{
	const char *group = (const char *)p->value->data.scalar.value, *near = NULL;
	unsigned best = KEY_TYPO_MAX + 1;

	for (unsigned i = 0; i < l->groups.count; i++)
		near = key_nearer(l->groups.pairs[i].key, group, near, &best);
	return ty_err(&l->doc, p->value, "group %s (node %s) is not under topology.groups%s%s%s", group,
		      node->name, near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

/* Kind and group decide which layers there are, so they are resolved first. */
static int resolve_layers(struct loader *l, yaml_node_t *at, struct topology_node *node,
			  struct ty_map *layers)
{
	const struct ty_pair *p;
	const char *group, *kind;
	int rc;

	layers[0] = l->defaults;
	layers[1] = layers[2] = (struct ty_map){0};
	p = loader_inherited(layers, "group");
	rc = word(l, p, sizeof(node->group), &group);
	if (!rc && *group && l->groups.count && !ty_find(&l->groups, group))
		rc = unknown_group(l, p, node);
	if (!rc)
		rc = find_section(l, &l->groups, "a group", group, &layers[2]);
	if (rc)
		return rc;
	p = loader_inherited(layers, "kind");
	rc = word(l, p, sizeof(node->kind_name), &kind);
	if (rc)
		return rc;
	if (!*kind)
		return ty_err(&l->doc, at, "node %s has no kind: write \"kind: linux\" on it or under "
			      "topology.defaults", node->name);
	snprintf(node->group, sizeof(node->group), "%s", group);
	snprintf(node->kind_name, sizeof(node->kind_name), "%s", kind);
	if (!strcmp(kind, "bridge") || !strcmp(kind, "ovs-bridge"))
		node->kind = TOPOLOGY_BRIDGE;
	else if (strcmp(kind, "linux") != 0)
		return ty_err(&l->doc, p->value, "kind %s (node %s) has no Weft image; served kinds are "
			      "linux, bridge and ovs-bridge", kind, node->name);
	return find_section(l, &l->kinds, "a kind", kind, &layers[1]);
}

static int read_image(struct loader *l, yaml_node_t *at, struct topology_node *node,
		      const struct ty_map *layers)
{
	const struct ty_pair *p = loader_inherited(layers, "image");
	const struct image_rule *rule;
	const char *image;
	int rc;

	if (!p)
		return ty_err(&l->doc, at, "node %s has no image", node->name);
	rc = word(l, p, IMAGE_MAX + 1, &image);
	if (rc)
		return rc;
	node->image = loader_copy(l, p->value, image, strlen(image));
	if (!node->image)
		return -ENOMEM;
	rule = images_find(&l->images, image);
	if (!rule)
		return ty_err(&l->doc, p->value, "image %.100s (node %s) matches no rule of images.yml",
			      image, node->name);
	node->kind = rule->guest ? TOPOLOGY_ROUTER : TOPOLOGY_HOST;
	snprintf(node->guest_image, sizeof(node->guest_image), "%s", rule->guest ? rule->guest : "");
	return 0;
}

static int read_exec(struct loader *l, struct topology_node *node, const struct ty_map *layers)
{
	for (unsigned i = 0; i < LAYERS; i++) {
		const struct ty_pair *p = ty_find(&layers[i], "exec");
		unsigned count;
		int rc;

		if (!p)
			continue;
		rc = ty_list(&l->doc, p->value, "exec", &count);
		if (rc)
			return rc;
		if (node->exec.count + count > LIST_MAX)
			return ty_err(&l->doc, p->value, "node %s has more than %d exec lines", node->name,
				      LIST_MAX);
		for (unsigned k = 0; k < count; k++) {
			yaml_node_t *item = ty_item(&l->doc, p->value, k);
			const char *line;

			rc = ty_text(&l->doc, item, "an exec line", &line);
			if (!rc && !*line)
				rc = ty_err(&l->doc, item, "an exec line is empty");
			if (!rc)
				rc = loader_append(l, item, &node->exec, line);
			if (rc)
				return rc;
		}
	}
	return 0;
}

static bool is_variable(const char *s)
{
	if (!*s || (*s >= '0' && *s <= '9'))
		return false;
	for (; *s; s++)
		if (*s != '_' && !(*s >= '0' && *s <= '9') && !(*s >= 'a' && *s <= 'z') &&
		    !(*s >= 'A' && *s <= 'Z'))
			return false;
	return true;
}

/* Sets K=V of list, over what an outer layer said. */
static int set_variable(struct loader *l, const struct ty_pair *p, struct topology_string_list *list)
{
	size_t key_len = strlen(p->key), len;
	const char *value = "";
	char *text;
	int rc = 0;

	if (!ty_is_null(p->value))
		rc = ty_text(&l->doc, p->value, p->key, &value);
	if (rc)
		return rc;
	len = key_len + 1 + strlen(value);
	text = malloc(len + 1);
	if (!text)
		return err_set(l->err, -ENOMEM, "%s: out of memory", l->conf->file);
	snprintf(text, len + 1, "%s=%s", p->key, value);
	for (unsigned i = 0; i < list->count; i++)
		if (!strncmp(list->items[i], text, key_len + 1)) {
			char *copy = loader_copy(l, p->value, text, len);

			free(text);
			if (!copy)
				return -ENOMEM;
			free(list->items[i]);
			list->items[i] = copy;
			return 0;
		}
	if (list->count == LIST_MAX)
		rc = ty_err(&l->doc, p->key_node, "more than %d entries", LIST_MAX);
	else
		rc = loader_append(l, p->value, list, text);
	free(text);
	return rc;
}

/* env or labels, merged over the layers. */
static int read_variables(struct loader *l, const char *key, const struct ty_map *layers,
			  struct topology_string_list *list)
{
	bool env = !strcmp(key, "env");

	for (unsigned i = 0; i < LAYERS; i++) {
		const struct ty_pair *p = ty_find(&layers[i], key);
		struct ty_map m;
		int rc = p ? ty_map(&l->doc, p->value, key, &m) : 0;

		if (rc)
			return rc;
		for (unsigned k = 0; p && k < m.count; k++) {
			if (env && !strcmp(m.pairs[k].key, "__IMPORT_ENVS"))
				return ty_err(&l->doc, m.pairs[k].key_node, "__IMPORT_ENVS is not served: "
					      "write the variables under env");
			if (env ? !is_variable(m.pairs[k].key) : !!strchr(m.pairs[k].key, '='))
				return ty_err(&l->doc, m.pairs[k].key_node, "\"%.40s\" is not a name for %s",
					      m.pairs[k].key, env ? "a variable" : "a label");
			rc = set_variable(l, &m.pairs[k], list);
			if (rc)
				return rc;
		}
	}
	return 0;
}

static int read_network_mode(struct loader *l, const struct ty_map *layers)
{
	const struct ty_pair *p = loader_inherited(layers, "network-mode");
	const char *mode;
	int rc = p ? ty_text(&l->doc, p->value, p->key, &mode) : 0;

	if (p && !rc && strcmp(mode, "none") != 0)
		rc = ty_err(&l->doc, p->value, "network-mode %.32s is not served: a node has its links and "
			    "nothing else (none)", mode);
	return rc;
}

/* A bridge has ports and nothing else; what it inherits is meant for the others. */
static int check_bridge(struct loader *l, const struct topology_node *node,
			const struct ty_map *own)
{
	static const char *const refused[] = {"exec", "binds", "startup-config", "env", "weft"};

	for (unsigned i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		const struct ty_pair *p = ty_find(own, refused[i]);

		if (p && !ty_is_null(p->value))
			return ty_err(&l->doc, p->key_node, "%s: %s is a bridge, which runs nothing", p->key,
				      node->name);
	}
	return 0;
}

static int check_host(struct loader *l, const struct topology_node *node,
		      const struct ty_map *layers)
{
	const struct ty_pair *p = loader_inherited(layers, "binds");

	if (!p)
		p = loader_inherited(layers, "startup-config");
	if (p)
		return ty_err(&l->doc, p->key_node, "%s: %s is a host, which runs this machine's own programs "
			      "and sees its files; binds are for routers", p->key, node->name);
	return 0;
}

static int read_node(struct loader *l, const struct ty_pair *pair, struct topology_node *node)
{
	struct ty_map layers[LAYERS];
	int rc = loader_name(l, pair->key_node, "node", pair->key);

	if (rc)
		return rc;
	snprintf(node->name, sizeof(node->name), "%s", pair->key);
	node->line = ty_line(pair->key_node);
	rc = ty_map(&l->doc, pair->value, "a node", &layers[LAYERS - 1]);
	if (!rc)
		rc = loader_check_keys(l, &layers[LAYERS - 1], KEYS_NODE);
	if (!rc)
		rc = resolve_layers(l, pair->key_node, node, layers);
	if (!rc)
		rc = read_variables(l, "labels", layers, &node->labels);
	if (!rc && node->kind == TOPOLOGY_BRIDGE)
		return check_bridge(l, node, &layers[LAYERS - 1]);
	if (!rc)
		rc = read_image(l, pair->key_node, node, layers);
	if (!rc && node->kind == TOPOLOGY_HOST)
		rc = check_host(l, node, layers);
	if (!rc)
		rc = read_network_mode(l, layers);
	if (!rc)
		rc = read_exec(l, node, layers);
	if (!rc)
		rc = read_variables(l, "env", layers, &node->env);
	if (!rc)
		rc = loader_machine(l, node, layers);
	if (!rc && node->kind == TOPOLOGY_ROUTER)
		rc = loader_files(l, node, layers);
	return rc;
}

int loader_nodes(struct loader *l)
{
	struct topology *t = l->t;
	unsigned count = l->nodes.count;
	int rc = 0;

	if (count > TOPOLOGY_NODES_MAX)
		return ty_err(&l->doc, l->nodes.pairs[TOPOLOGY_NODES_MAX].key_node,
			      "%u nodes, the limit is %d", count, TOPOLOGY_NODES_MAX);
	t->nodes = calloc(count + 1, sizeof(t->nodes[0])); /* and that of physical ports */
	if (!t->nodes)
		return err_set(l->err, -ENOMEM, "%s: out of memory", l->conf->file);
	t->node_count = count;
	for (unsigned i = 0; !rc && i < count; i++)
		rc = read_node(l, &l->nodes.pairs[i], &t->nodes[i]);
	return rc;
}
