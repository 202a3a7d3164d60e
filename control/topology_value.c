/* SPDX-License-Identifier: Apache-2.0 */
/* Values of a checked document: mappings with merge keys resolved, lists, texts, numbers. */
#include "control/topology_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool ty_is_null(const yaml_node_t *n)
{
	const char *s;

	if (!n)
		return true;
	if (n->type != YAML_SCALAR_NODE || n->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
		return false;
	s = (const char *)n->data.scalar.value;
	return !*s || !strcmp(s, "~") || !strcmp(s, "null") || !strcmp(s, "Null") ||
	       !strcmp(s, "NULL");
}

const struct ty_pair *ty_find(const struct ty_map *m, const char *key)
{
	for (unsigned i = 0; i < m->count; i++)
		if (!strcmp(m->pairs[i].key, key))
			return &m->pairs[i];
	return NULL;
}

static bool is_merge(const yaml_node_t *key)
{
	return key->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	       !strcmp((const char *)key->data.scalar.value, "<<");
}

/* How many pairs map has at most, with everything it merges. Bounded by the walk's budget. */
static size_t count_pairs(struct ty_doc *d, const yaml_node_t *n)
{
	size_t count = 0;

	if (n->type == YAML_SEQUENCE_NODE)
		for (yaml_node_item_t *i = n->data.sequence.items.start;
		     i < n->data.sequence.items.top; i++)
			count += count_pairs(d, ty_node(d, *i));
	if (n->type == YAML_MAPPING_NODE)
		for (yaml_node_pair_t *p = n->data.mapping.pairs.start;
		     p < n->data.mapping.pairs.top; p++)
			count += is_merge(ty_node(d, p->key)) ? count_pairs(d, ty_node(d, p->value)) : 1;
	return count;
}

static int merge(struct ty_doc *d, yaml_node_t *n, struct ty_map *out);

/* The value of a merge key: a mapping, or a list of mappings of which the first wins. */
static int merge_value(struct ty_doc *d, yaml_node_t *n, struct ty_map *out)
{
	int rc = 0;

	if (n->type == YAML_MAPPING_NODE)
		return merge(d, n, out);
	if (n->type != YAML_SEQUENCE_NODE)
		return ty_err(d, n, "\"<<\" takes a mapping or a list of mappings");
	for (yaml_node_item_t *i = n->data.sequence.items.start;
	     !rc && i < n->data.sequence.items.top; i++) {
		yaml_node_t *item = ty_node(d, *i);

		if (item->type != YAML_MAPPING_NODE)
			return ty_err(d, item, "\"<<\" takes a mapping or a list of mappings");
		rc = merge(d, item, out);
	}
	return rc;
}

static int merge(struct ty_doc *d, yaml_node_t *n, struct ty_map *out)
{
	yaml_node_pair_t *first = n->data.mapping.pairs.start, *end = n->data.mapping.pairs.top;
	int rc = 0;

	for (yaml_node_pair_t *p = first; p < end; p++) {
		yaml_node_t *key = ty_node(d, p->key);
		const char *text = (const char *)key->data.scalar.value;

		if (is_merge(key) || ty_find(out, text))
			continue;
		out->pairs[out->count++] = (struct ty_pair){text, key, ty_node(d, p->value)};
	}
	for (yaml_node_pair_t *p = first; !rc && p < end; p++)
		if (is_merge(ty_node(d, p->key)))
			rc = merge_value(d, ty_node(d, p->value), out);
	return rc;
}

int ty_map(struct ty_doc *d, yaml_node_t *n, const char *what, struct ty_map *out)
{
	struct ty_chunk *c;
	size_t count;

	*out = (struct ty_map){0};
	if (ty_is_null(n))
		return 0;
	if (n->type != YAML_MAPPING_NODE)
		return ty_err(d, n, "%s must be a mapping (key: value)", what);
	count = count_pairs(d, n);
	if (count > TY_KEYS_MAX)
		return ty_err(d, n, "%zu keys in one mapping, the limit is %d", count, TY_KEYS_MAX);
	c = malloc(sizeof(*c) + count * sizeof(out->pairs[0]));
	if (!c)
		return err_set(d->err, -ENOMEM, "%s: out of memory", d->file);
	c->next = d->chunks;
	d->chunks = c;
	out->pairs = (struct ty_pair *)(c + 1);
	return merge(d, n, out);
}

int ty_text(struct ty_doc *d, yaml_node_t *n, const char *what, const char **out)
{
	if (ty_is_null(n) || n->type != YAML_SCALAR_NODE)
		return ty_err(d, n, "%s must be a text", what);
	*out = (const char *)n->data.scalar.value;
	return 0;
}

int ty_list(struct ty_doc *d, yaml_node_t *n, const char *what, unsigned *count)
{
	*count = 0;
	if (ty_is_null(n))
		return 0;
	if (n->type != YAML_SEQUENCE_NODE)
		return ty_err(d, n, "%s must be a list", what);
	*count = (unsigned)(n->data.sequence.items.top - n->data.sequence.items.start);
	return 0;
}

yaml_node_t *ty_item(struct ty_doc *d, yaml_node_t *n, unsigned i)
{
	return ty_node(d, n->data.sequence.items.start[i]);
}

int ty_number(struct ty_doc *d, yaml_node_t *n, const char *what, unsigned min, unsigned max,
	      unsigned *out)
{
	const char *s = NULL;
	unsigned long v;
	int rc = ty_text(d, n, what, &s);

	if (rc)
		return rc;
	if (!*s || strspn(s, "0123456789") != strlen(s) || strlen(s) > 9)
		return ty_err(d, n, "%s \"%.32s\" is not a number in %u..%u", what, s, min, max);
	v = strtoul(s, NULL, 10);
	if (v < min || v > max)
		return ty_err(d, n, "%s %lu is not in %u..%u", what, v, min, max);
	*out = (unsigned)v;
	return 0;
}
