/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML for people who make mistakes and for people who mean harm. libyaml gives a document whose
 * aliases are shared nodes; one walk over it, as if every alias were written out, counts what the
 * rest of the reader would see. That walk has a budget, so that neither a cycle nor a tower of
 * aliases ("billion laughs") gets any further.
 */
#include "control/topology_priv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 32
#define WALK_MAX  200000 /* nodes with every alias written out */

unsigned ty_line(const yaml_node_t *n)
{
	return n ? (unsigned)n->start_mark.line + 1 : 1;
}

/* The length of the character at p; 0: it is not UTF-8 (RFC 3629: shortest form, no surrogates),
 * or a control character or line separator. */
static unsigned char_len(const unsigned char *p)
{
	unsigned len = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 :
		       p[0] < 0xf5 ? 4 : 0;

	for (unsigned i = 1; i < len; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	if (p[0] < 0x20 || p[0] == 0x7f || (p[0] == 0xc2 && p[1] < 0xa0) ||
	    (p[0] == 0xe2 && p[1] == 0x80 && (p[2] == 0xa8 || p[2] == 0xa9)))
		return 0;
	return len;
}

bool ty_is_line(const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	unsigned len;

	while (*p && (len = char_len(p)))
		p += len;
	return !*p;
}

void ty_one_line(char *text)
{
	for (unsigned char *p = (unsigned char *)text; *p;) {
		unsigned len = char_len(p);

		if (!len)
			*p = '?';
		p += len ? len : 1;
	}
}

static int err_at(struct ty_doc *d, size_t line, const char *fmt, va_list ap)
{
	char text[640];

	vsnprintf(text, sizeof(text), fmt, ap);
	err_set(d->err, -EINVAL, "%.320s:%zu: %s", d->file, line, text);
	if (d->err)
		ty_one_line(d->err->text);
	return -EINVAL;
}

static int err_line(struct ty_doc *d, size_t line, const char *fmt, ...)
{
	va_list ap;
	int rc;

	va_start(ap, fmt);
	rc = err_at(d, line, fmt, ap);
	va_end(ap);
	return rc;
}

int ty_err(struct ty_doc *d, const yaml_node_t *n, const char *fmt, ...)
{
	va_list ap;
	int rc;

	va_start(ap, fmt);
	rc = err_at(d, ty_line(n), fmt, ap);
	va_end(ap);
	return rc;
}

static size_t count_lines(const char *text, size_t len)
{
	size_t lines = 0;

	for (size_t i = 0; i < len; i++)
		lines += text[i] == '\n';
	return lines;
}

static int syntax_error(struct ty_doc *d, const yaml_parser_t *p, const char *text, size_t len)
{
	size_t line = p->problem_mark.line + 1;
	const char *problem = p->problem ? p->problem : "not YAML";

	if (p->error == YAML_MEMORY_ERROR)
		return err_set(d->err, -ENOMEM, "%s: out of memory", d->file);
	if (p->error == YAML_READER_ERROR) /* the reader counts bytes, not lines */
		line = 1 + count_lines(text, p->problem_offset < len ? p->problem_offset : len);
	/* what ends too early is looked for where it began */
	if (p->context && p->problem_mark.line && !p->problem_mark.column &&
	    p->problem_mark.line == count_lines(text, len))
		line = p->context_mark.line + 1;
	if (p->context)
		return err_line(d, line, "not YAML: %s (%s that began in line %zu)", problem,
				p->context, p->context_mark.line + 1);
	return err_line(d, line, "not YAML: %s", problem);
}

yaml_node_t *ty_node(struct ty_doc *d, int id)
{
	return yaml_document_get_node(&d->yaml, id);
}

static bool same_scalar(const yaml_node_t *a, const yaml_node_t *b)
{
	return a->data.scalar.length == b->data.scalar.length &&
	       !memcmp(a->data.scalar.value, b->data.scalar.value, a->data.scalar.length);
}

static int check_scalar(struct ty_doc *d, const yaml_node_t *n)
{
	const char *s = (const char *)n->data.scalar.value;

	if (memchr(s, 0, n->data.scalar.length))
		return ty_err(d, n, "a zero byte in a text");
	for (const char *p = strchr(s, '$'); p; p = strchr(p + 1, '$')) {
		if (p[1] != '{' && p[1] != '_' && !(p[1] >= 'A' && p[1] <= 'Z') &&
		    !(p[1] >= 'a' && p[1] <= 'z'))
			continue;
		return ty_err(d, n, "\"%.24s\": environment variables are not served: write the value "
			      "itself, or run the file through envsubst first", p);
	}
	return 0;
}

/* Keys are scalars, and each is there once. */
static int check_keys(struct ty_doc *d, const yaml_node_t *map)
{
	yaml_node_pair_t *first = map->data.mapping.pairs.start, *end = map->data.mapping.pairs.top;

	if (end - first > TY_KEYS_MAX)
		return ty_err(d, map, "%td keys in one mapping, the limit is %d", end - first, TY_KEYS_MAX);
	for (yaml_node_pair_t *p = first; p < end; p++) {
		yaml_node_t *key = ty_node(d, p->key);

		if (key->type != YAML_SCALAR_NODE)
			return ty_err(d, key, "a key must be a plain text");
		for (yaml_node_pair_t *q = first; q < p; q++)
			if (same_scalar(ty_node(d, q->key), key))
				return ty_err(d, key, "key \"%.64s\" is here twice, first in line %u",
					      key->data.scalar.value, ty_line(ty_node(d, q->key)));
	}
	return 0;
}

struct walk {
	struct ty_doc *d;
	unsigned visits, depth;
	const yaml_node_t *path[DEPTH_MAX];
	bool *checked; /* by node id: its keys were looked at */
};

static int walk(struct walk *w, int id);

static int walk_children(struct walk *w, const yaml_node_t *n)
{
	int rc = 0;

	if (n->type == YAML_SEQUENCE_NODE)
		for (yaml_node_item_t *i = n->data.sequence.items.start;
		     !rc && i < n->data.sequence.items.top; i++)
			rc = walk(w, *i);
	if (n->type == YAML_MAPPING_NODE)
		for (yaml_node_pair_t *p = n->data.mapping.pairs.start;
		     !rc && p < n->data.mapping.pairs.top; p++) {
			rc = walk(w, p->key);
			if (!rc)
				rc = walk(w, p->value);
		}
	return rc;
}

static int walk(struct walk *w, int id)
{
	const yaml_node_t *n = ty_node(w->d, id);
	int rc = 0;

	if (++w->visits > WALK_MAX)
		return ty_err(w->d, n, "with its aliases written out this file has more than %d values: "
			      "refused", WALK_MAX);
	for (unsigned i = 0; i < w->depth; i++)
		if (w->path[i] == n)
			return ty_err(w->d, n, "an alias refers to what it is part of");
	if (w->depth == DEPTH_MAX)
		return ty_err(w->d, n, "nested more than %d deep", DEPTH_MAX);
	if (!w->checked[id]) {
		w->checked[id] = true;
		if (n->type == YAML_SCALAR_NODE)
			rc = check_scalar(w->d, n);
		else if (n->type == YAML_MAPPING_NODE)
			rc = check_keys(w->d, n);
		if (rc)
			return rc;
	}
	w->path[w->depth++] = n;
	rc = walk_children(w, n);
	w->depth--;
	return rc;
}

static int check_document(struct ty_doc *d)
{
	struct walk w = {.d = d};
	int rc;

	w.checked = calloc((size_t)(d->yaml.nodes.top - d->yaml.nodes.start) + 1, 1);
	if (!w.checked)
		return err_set(d->err, -ENOMEM, "%s: out of memory", d->file);
	rc = walk(&w, 1); /* the root */
	free(w.checked);
	return rc;
}

static int only_one_document(struct ty_doc *d, yaml_parser_t *p, const char *text, size_t len)
{
	yaml_document_t next;
	const yaml_node_t *root;
	int rc = 0;

	if (!yaml_parser_load(p, &next))
		return syntax_error(d, p, text, len);
	root = yaml_document_get_root_node(&next);
	if (root)
		rc = ty_err(d, root, "a second document: one file describes one network");
	yaml_document_delete(&next);
	return rc;
}

int ty_open(struct ty_doc *d, const char *file, const char *text, size_t len, struct err *err,
	    yaml_node_t **root)
{
	yaml_parser_t p;
	int rc;

	*d = (struct ty_doc){.file = file, .err = err};
	if (!yaml_parser_initialize(&p))
		return err_set(err, -ENOMEM, "%s: out of memory", file);
	yaml_parser_set_encoding(&p, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&p, (const unsigned char *)(len ? text : ""), len);
	if (!yaml_parser_load(&p, &d->yaml)) {
		rc = syntax_error(d, &p, text, len);
		goto out;
	}
	d->loaded = true;
	*root = yaml_document_get_root_node(&d->yaml);
	if (!*root)
		rc = ty_err(d, NULL, "the file is empty");
	else
		rc = check_document(d);
	if (!rc)
		rc = only_one_document(d, &p, text, len);
out:
	yaml_parser_delete(&p);
	return rc;
}

void ty_close(struct ty_doc *d)
{
	while (d->chunks) {
		struct ty_chunk *c = d->chunks;

		d->chunks = c->next;
		free(c);
	}
	if (d->loaded)
		yaml_document_delete(&d->yaml);
	d->loaded = false;
}
