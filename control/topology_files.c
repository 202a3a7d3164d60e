/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of a router: binds (SRC:DST[:ro|rw]) of each layer, and startup-config. A nearer layer
 * replaces a target of an outer one; within a layer a bound file wins over a bound directory.
 */
#include "control/topology_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TARGET_MAX 256
#define SOURCE_MAX 4096

/* Where a file came from: decides which of two wins. */
struct origin {
	unsigned layer;
	bool from_dir;
};

struct file_set {
	struct loader *l;
	struct topology_node *node;
	struct origin origins[TOPOLOGY_FILES_MAX];
};

static int check_source(struct loader *l, const yaml_node_t *at, const char *source)
{
	if (source[0] == '~')
		return ty_err(&l->doc, at, "\"%.64s\": \"~\" is not served: write the path itself", source);
	if (strstr(source, "__clabNodeDir__") || strstr(source, "__clabDir__"))
		return ty_err(&l->doc, at, "\"%.64s\": containerlab's own directories do not exist here",
			      source);
	if (strstr(source, "://"))
		return ty_err(&l->doc, at, "\"%.64s\": fetching from the network is not served", source);
	if (!*source || strlen(source) >= SOURCE_MAX / 2)
		return ty_err(&l->doc, at, "a source path is empty or longer than %d", SOURCE_MAX / 2 - 1);
	return 0;
}

static int check_target(struct loader *l, const yaml_node_t *at, const char *target)
{
	static const char *const refused[] = {"/proc", "/sys", "/dev"};
	size_t len = strlen(target);

	if (!ty_is_line(target))
		return ty_err(&l->doc, at, "\"%.64s\": a path is UTF-8 without control characters",
			      target);
	if (target[0] != '/' || len < 2 || len >= TARGET_MAX || target[len - 1] == '/' ||
	    strstr(target, "//") || strstr(target, "/./") || strstr(target, "/../") ||
	    (len > 2 && !strcmp(target + len - 3, "/..")) || !strcmp(target + len - 2, "/."))
		return ty_err(&l->doc, at, "\"%.64s\" is not an absolute path in a guest", target);
	for (unsigned i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		size_t n = strlen(refused[i]);

		if (!strncmp(target, refused[i], n) && (!target[n] || target[n] == '/'))
			return ty_err(&l->doc, at, "\"%.64s\": nothing can be bound below %s", target,
				      refused[i]);
	}
	return 0;
}

/* source as the reader knows it: relative to the directory of the topology. */
static int resolve_source(struct loader *l, const yaml_node_t *at, const char *source,
			  char out[SOURCE_MAX])
{
	const char *slash = strrchr(l->conf->file, '/');
	int n;

	if (source[0] == '/' || !slash)
		n = snprintf(out, SOURCE_MAX, "%s", source);
	else
		n = snprintf(out, SOURCE_MAX, "%.*s/%s", (int)(slash - l->conf->file), l->conf->file,
			     source);
	return n < SOURCE_MAX ? 0 : ty_err(&l->doc, at, "\"%.64s...\": too long", source);
}

static bool is_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return !strncmp(path, dir, n) && path[n] == '/';
}

/* The place for target: a new one, that of the file it replaces, or none (*slot NULL: skip). */
static int find_slot(struct file_set *s, const yaml_node_t *at, const char *target, struct origin o,
		     struct topology_file **slot)
{
	struct topology_node *node = s->node;
	struct topology_file *files;
	unsigned i = 0;

	*slot = NULL;
	for (unsigned k = 0; k < node->file_count; k++)
		if (is_below(target, node->files[k].target) || is_below(node->files[k].target, target))
			return ty_err(&s->l->doc, at, "%s gets %.128s and %.128s: one must be a directory",
				      node->name, node->files[k].target, target);
	while (i < node->file_count && strcmp(node->files[i].target, target) != 0)
		i++;
	if (i < node->file_count && s->origins[i].layer > o.layer)
		return 0;
	if (i < node->file_count) {
		if (s->origins[i].layer == o.layer && !o.from_dir && !s->origins[i].from_dir)
			return ty_err(&s->l->doc, at, "%s gets %.128s twice", node->name, target);
		if (s->origins[i].layer == o.layer && o.from_dir)
			return 0;
		free(node->files[i].source);
		free(node->files[i].target);
		free(node->files[i].bytes);
		node->files[i] = (struct topology_file){0};
	} else {
		if (node->file_count == TOPOLOGY_FILES_MAX)
			return ty_err(&s->l->doc, at, "node %s has more than %d files", node->name,
				      TOPOLOGY_FILES_MAX);
		files = realloc(node->files, (node->file_count + 1) * sizeof(files[0]));
		if (!files)
			return err_set(s->l->err, -ENOMEM, "%s: out of memory", s->l->conf->file);
		node->files = files;
		files[node->file_count++] = (struct topology_file){0};
	}
	s->origins[i] = o;
	*slot = &node->files[i];
	return 0;
}

static int put(struct file_set *s, const yaml_node_t *at, const char *source, const char *target,
	       const void *bytes, size_t len, struct origin o)
{
	struct topology_file *f;
	int rc = find_slot(s, at, target, o, &f);

	if (rc || !f)
		return rc;
	f->target = loader_copy(s->l, at, target, strlen(target));
	f->source = f->target ? loader_copy(s->l, at, source, strlen(source)) : NULL;
	f->bytes = f->source ? loader_copy(s->l, at, bytes, len) : NULL;
	f->len = f->bytes ? len : 0;
	f->mode = (len >= 2 && !memcmp(bytes, "#!", 2)) || (len >= 4 && !memcmp(bytes, "\177ELF", 4))
			  ? 0755 : 0644;
	return f->bytes ? 0 : -ENOMEM;
}

static int read_one(struct file_set *s, const yaml_node_t *at, const char *source,
		    const char *target, struct origin o)
{
	struct loader *l = s->l;
	struct err why = {0};
	void *bytes = NULL;
	size_t len = 0;
	int rc = l->conf->read(l->conf->arg, source, &bytes, &len, &why);

	if (rc)
		return ty_err(&l->doc, at, "%s: %.400s", s->node->name, why.text);
	if (len > TOPOLOGY_FILE_MAX)
		rc = ty_err(&l->doc, at, "%s: %.200s is larger than %u MiB", s->node->name, source,
			    TOPOLOGY_FILE_MAX >> 20);
	else
		rc = put(s, at, source, target, bytes, len, o);
	free(bytes);
	return rc;
}

static int read_below(struct file_set *s, const yaml_node_t *at, const char *source,
		      const char *target, const struct topology_string_list *names, unsigned layer)
{
	char from[SOURCE_MAX], to[TARGET_MAX * 2];
	int rc = 0;

	for (unsigned i = 0; !rc && i < names->count; i++) {
		int n = snprintf(from, sizeof(from), "%s/%s", source, names->items[i]);
		int m = snprintf(to, sizeof(to), "%s/%s", target, names->items[i]);

		if (n >= (int)sizeof(from) || m >= (int)sizeof(to))
			return ty_err(&s->l->doc, at, "a path below %.128s is too long", source);
		rc = check_target(s->l, at, to);
		if (!rc)
			rc = read_one(s, at, from, to, (struct origin){layer, true});
	}
	return rc;
}

static int read_path(struct file_set *s, const yaml_node_t *at, const char *source,
		     const char *target, unsigned layer)
{
	struct topology_string_list names = {0};
	struct loader *l = s->l;
	struct err why = {0};
	int rc = -ENOTDIR;

	if (l->conf->list)
		rc = l->conf->list(l->conf->arg, source, &names, &why);
	if (rc == -ENOTDIR)
		rc = read_one(s, at, source, target, (struct origin){layer, false});
	else if (rc)
		rc = ty_err(&l->doc, at, "%s: %.400s", s->node->name, why.text);
	else
		rc = read_below(s, at, source, target, &names, layer);
	string_list_free(&names);
	return rc;
}

/* The options after the second colon. */
static int check_options(struct file_set *s, const yaml_node_t *at, const char *options)
{
	static const char *const known[] = {"ro", "rw", "z", "Z"};

	while (*options) {
		size_t n = strcspn(options, ","), k = 0;

		while (k < 4 && (strlen(known[k]) != n || strncmp(known[k], options, n) != 0))
			k++;
		if (k == 4)
			return ty_err(&s->l->doc, at, "bind option \"%.32s\" is not ro or rw", options);
		if (k == 1) {
			int rc = loader_warn(s->l, at, "rw: what %s writes stays in the guest",
					     s->node->name);

			if (rc)
				return rc;
		}
		options += n + (options[n] == ',');
	}
	return 0;
}

static int read_bind(struct file_set *s, yaml_node_t *at, unsigned layer)
{
	char source[SOURCE_MAX / 2], target[TARGET_MAX + 1], path[SOURCE_MAX];
	const char *bind, *colon, *options;
	struct loader *l = s->l;
	size_t n;
	int rc = ty_text(&l->doc, at, "a bind", &bind);

	if (rc)
		return rc;
	colon = strchr(bind, ':');
	if (!colon)
		return ty_err(&l->doc, at, "bind \"%.64s\" is not SOURCE:TARGET", bind);
	if ((size_t)(colon - bind) >= sizeof(source))
		return ty_err(&l->doc, at, "bind \"%.64s...\": too long", bind);
	snprintf(source, sizeof(source), "%.*s", (int)(colon - bind), bind);
	n = strcspn(colon + 1, ":");
	options = colon[1 + n] ? colon + 2 + n : "";
	if (n >= sizeof(target))
		return ty_err(&l->doc, at, "bind \"%.64s...\": too long", bind);
	snprintf(target, sizeof(target), "%.*s", (int)n, colon + 1);
	if (n > 1 && target[n - 1] == '/')
		target[n - 1] = 0;
	rc = strstr(bind, "://") ? check_source(l, at, bind) : check_source(l, at, source);
	if (!rc)
		rc = check_target(l, at, target);
	if (!rc)
		rc = check_options(s, at, options);
	if (rc)
		return rc;
	rc = resolve_source(l, at, source, path);
	return rc ? rc : read_path(s, at, path, target, layer);
}

static int read_startup(struct file_set *s, const struct ty_map *layers)
{
	char path[SOURCE_MAX];
	const char *text, *target;
	struct origin o = {0};
	const struct ty_pair *p = loader_inherited(layers, "startup-config");
	int rc;

	if (!p)
		return 0;
	while (ty_find(&layers[o.layer], "startup-config") != p)
		o.layer++;
	rc = ty_text(&s->l->doc, p->value, "startup-config", &text);
	if (rc)
		return rc;
	if (!strcmp(s->node->guest_image, "frr"))
		target = "/etc/frr/frr.conf";
	else if (!strcmp(s->node->guest_image, "bird"))
		target = "/etc/bird/bird.conf";
	else
		return ty_err(&s->l->doc, p->key_node, "startup-config: guest %s has no place for it; use binds",
			      s->node->guest_image);
	if (strchr(text, '\n')) /* the configuration itself */
		return put(s, p->value, "", target, text, strlen(text), o);
	rc = check_source(s->l, p->value, text);
	if (!rc)
		rc = resolve_source(s->l, p->value, text, path);
	return rc ? rc : read_one(s, p->value, path, target, o);
}

int loader_files(struct loader *l, struct topology_node *node, const struct ty_map *layers)
{
	struct file_set s = {.l = l, .node = node};

	for (unsigned i = 0; i < LAYERS; i++) {
		const struct ty_pair *p = ty_find(&layers[i], "binds");
		unsigned count = 0;
		int rc = p ? ty_list(&l->doc, p->value, "binds", &count) : 0;

		for (unsigned k = 0; !rc && k < count; k++)
			rc = read_bind(&s, ty_item(&l->doc, p->value, k), i);
		if (rc)
			return rc;
	}
	return read_startup(&s, layers);
}
