/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a topology to a running vnet. Deploying compares: a node that is the same in the old and
 * the new topology is not touched, one that differs is taken out and made anew under new ids.
 */
#include "base/log.h"
#include "control/base64.h"
#include "control/engine.h"
#include "control/host.h"
#include "control/router.h"
#include "control/store.h"
#include "control/vnet_priv.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* topology_reader over what the client sent. */
static int read_sent(void *arg, const char *path, void **bytes, size_t *len, struct err *err)
{
	const char *text = json_string_value(json_object_get(arg, path));

	if (!text)
		return err_set(err, -ENOENT, "%s: was not sent along", path);
	return base64_decode(text, bytes, len) < 0 ? err_set(err, -EINVAL, "%s: not base64", path) : 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* topology_lister over what the client sent: the paths below path. */
static int list_sent(void *arg, const char *path, struct topology_string_list *names,
		     struct err *err)
{
	size_t len = strlen(path);
	const char *key;
	json_t *value;

	json_object_foreach ((json_t *)arg, key, value) {
		char **items;

		if (strncmp(key, path, len) != 0 || key[len] != '/')
			continue;
		if (names->count == TOPOLOGY_FILES_MAX)
			return err_set(err, -E2BIG, "%s: more than %d files", path, TOPOLOGY_FILES_MAX);
		items = realloc(names->items, (names->count + 1) * sizeof(*items));
		if (items)
			names->items = items;
		if (!items || !(items[names->count] = strdup(key + len + 1)))
			return err_sys(err, -ENOMEM, "%s", path);
		names->count++;
	}
	if (!names->count)
		return -ENOTDIR;
	qsort(names->items, names->count, sizeof(*names->items), by_name);
	return 0;
}

static int load(struct weftd *d, const char *name, const char *file, const char *text,
		const char *files, struct topology **out, struct err *err)
{
	json_t *sent = json_loads(files, 0, NULL);
	struct topology_conf conf = {
		.file = file, .text = text, .len = strlen(text), .images = d->images,
		.read = read_sent, .list = list_sent, .arg = sent,
	};
	int code;

	if (!json_is_object(sent)) {
		json_decref(sent);
		return err_set(err, -EINVAL, "files: not an object of path: base64");
	}
	code = topology_load(&conf, out, err);
	json_decref(sent);
	if (code)
		return code;
	if (strcmp((*out)->name, name) != 0) {
		topology_free(*out);
		return err_set(err, -EINVAL, "%s: its name is not %s", file, name);
	}
	return 0;
}

static void port_name(const struct topology_node *n, const struct topology_port *p, char name[64])
{
	snprintf(name, 64, "%s:%s", n->name, p->name);
}

void vnet_ids_del(const struct node *n)
{
	struct store *s = n->vnet->daemon->store;
	char name[64];

	for (unsigned i = 0; i < n->spec->port_count; i++) {
		port_name(n->spec, n->ports[i].spec, name);
		store_id_del(s, STORE_PORT, n->vnet->id, name);
	}
	store_id_del(s, STORE_NODE, n->vnet->id, n->spec->name);
}

static struct node *node_create(struct vnet *v, const struct topology_node *spec)
{
	struct node *n = calloc(1, sizeof(*n));
	char name[64];

	if (!n)
		return NULL;
	n->spec = spec;
	n->vnet = v;
	n->id = store_id(v->daemon->store, STORE_NODE, v->id, spec->name);
	n->ports = calloc(spec->port_count + 1, sizeof(*n->ports));
	if (!n->ports || !n->id)
		goto fail;
	for (unsigned i = 0; i < spec->port_count; i++) {
		port_name(spec, &spec->ports[i], name);
		n->ports[i].spec = &spec->ports[i];
		n->ports[i].id = store_id(v->daemon->store, STORE_PORT, v->id, name);
		if (!n->ports[i].id)
			goto fail;
	}
	return n;
fail:
	vnet_node_free(n);
	return NULL;
}

static bool same_list(const struct topology_string_list *a, const struct topology_string_list *b)
{
	if (a->count != b->count)
		return false;
	for (unsigned i = 0; i < a->count; i++)
		if (strcmp(a->items[i], b->items[i]) != 0)
			return false;
	return true;
}

static bool same_files(const struct topology_node *a, const struct topology_node *b)
{
	if (a->file_count != b->file_count)
		return false;
	for (unsigned i = 0; i < a->file_count; i++) {
		const struct topology_file *x = &a->files[i], *y = &b->files[i];

		if (strcmp(x->target, y->target) != 0 || x->mode != y->mode || x->len != y->len ||
		    memcmp(x->bytes, y->bytes, x->len) != 0)
			return false;
	}
	return true;
}

/* Whether a running node of spec a may go on as b. Which link a port is on may change. */
static bool same_node(const struct topology_node *a, const struct topology_node *b)
{
	if (strcmp(a->name, b->name) != 0 || a->kind != b->kind ||
	    strcmp(a->guest_image, b->guest_image) != 0 || a->memory_mib != b->memory_mib ||
	    a->cpus != b->cpus || a->vhost_user != b->vhost_user || a->port_count != b->port_count ||
	    !same_list(&a->exec, &b->exec) || !same_list(&a->env, &b->env) || !same_files(a, b))
		return false;
	for (unsigned i = 0; i < a->port_count; i++) {
		const struct topology_port *x = &a->ports[i], *y = &b->ports[i];

		if (strcmp(x->name, y->name) != 0 || memcmp(x->mac, y->mac, 6) != 0 || x->mtu != y->mtu)
			return false;
	}
	return true;
}

/* The running node that may go on as spec, or NULL. */
static struct node *find_same(struct vnet *v, const struct topology_node *spec)
{
	struct node *n = v->topology ? vnet_node(v, spec->name) : NULL;

	return n && (n->router || n->host || n->spec->kind == TOPOLOGY_BRIDGE) &&
			       same_node(n->spec, spec) ? n : NULL;
}

static void adopt_node(struct node *n, const struct topology_node *spec)
{
	n->spec = spec;
	for (unsigned i = 0; i < spec->port_count; i++)
		n->ports[i].spec = &spec->ports[i];
}

static struct link *links_create(struct vnet *v, const struct topology *t)
{
	struct link *links = calloc(t->link_count + 1, sizeof(*links));

	for (unsigned i = 0; links && i < t->link_count; i++) {
		const struct topology_link *spec = &t->links[i];
		char end[2][64];

		for (int e = 0; e < 2; e++)
			port_name(&t->nodes[spec->node[e]], &t->nodes[spec->node[e]].ports[spec->port[e]],
				  end[e]);
		links[i].spec = spec;
		snprintf(links[i].name, sizeof(links[i].name), "%s,%s", end[0], end[1]);
		links[i].id = store_id(v->daemon->store, STORE_LINK, v->id, links[i].name);
		links[i].down = store_link_is_down(v->daemon->store, v->id, links[i].name);
	}
	return links;
}

/* Links that the new topology has no more. */
static void delete_links(struct vnet *v, const struct link *links, unsigned count)
{
	for (unsigned i = 0; v->topology && i < v->topology->link_count; i++) {
		struct dp_id rec = { .id = v->links[i].id };
		bool stays = false;

		for (unsigned j = 0; j < count && !stays; j++)
			stays = links[j].id == rec.id;
		if (stays)
			continue;
		engine_send(v->daemon->engine, DP_LINK_DEL, &rec, sizeof(rec), -1);
		store_link_set_down(v->daemon->store, v->id, v->links[i].name, false, NULL);
		store_id_del(v->daemon->store, STORE_LINK, v->id, v->links[i].name);
	}
}

static void start_node(struct node *n)
{
	struct err err;
	int code = 0;

	if (n->spec->kind == TOPOLOGY_ROUTER && !n->router)
		code = router_create(n, &n->router, &err);
	else if (n->spec->kind == TOPOLOGY_HOST && !n->host)
		code = host_create(n, &n->host, &err);
	n->error[0] = 0;
	if (!code)
		return;
	snprintf(n->error, sizeof(n->error), "%.255s", err.text);
	log_error("%s/%s: %s", n->vnet->topology->name, n->spec->name, n->error);
}

/* Makes v be as t says. Takes t on success. */
static int apply(struct vnet *v, struct topology *t, struct err *err)
{
	struct node **nodes = calloc(t->node_count + 1, sizeof(*nodes));
	struct retired_topology *old = calloc(1, sizeof(*old));
	struct link *links = NULL;

	if (!nodes || !old)
		goto no_memory;
	/* First out with what does not stay: its names and ids are free then. */
	for (unsigned i = 0; i < t->node_count; i++)
		nodes[i] = find_same(v, &t->nodes[i]);
	for (unsigned i = 0; v->topology && i < v->topology->node_count; i++) {
		bool stays = false;

		for (unsigned j = 0; j < t->node_count && !stays; j++)
			stays = nodes[j] == v->nodes[i];
		if (!stays)
			vnet_retire(v->nodes[i]);
		v->nodes[i] = stays ? v->nodes[i] : NULL;
	}
	for (unsigned i = 0; i < t->node_count; i++) {
		if (nodes[i])
			adopt_node(nodes[i], &t->nodes[i]);
		else if (!(nodes[i] = node_create(v, &t->nodes[i])))
			goto no_memory;
	}
	links = links_create(v, t);
	if (!links)
		goto no_memory;
	delete_links(v, links, t->link_count);
	if (v->topology) {
		old->topology = v->topology;
		SLIST_INSERT_HEAD(&v->retired, old, entry);
	} else {
		free(old);
	}
	free(v->nodes);
	free(v->links);
	v->nodes = nodes;
	v->links = links;
	v->topology = t;
	for (unsigned i = 0; i < t->node_count; i++)
		start_node(nodes[i]);
	vnet_program(v);
	return 0;
no_memory:
	free(old);
	free(nodes);
	free(links);
	return err_sys(err, -ENOMEM, "%s", t->name);
}

static int replace(char **where, const char *with)
{
	char *copy = strdup(with);

	if (!copy)
		return -ENOMEM;
	free(*where);
	*where = copy;
	return 0;
}

/* Everything that can be known to be impossible before something is started. */
static int admit(struct weftd *d, const struct topology *t, struct err *err)
{
	char store[512];

	snprintf(store, sizeof(store), "%s/images", d->state);
	for (unsigned i = 0; i < t->node_count; i++) {
		const struct topology_node *n = &t->nodes[i];
		struct image image;
		int code;

		if (n->kind != TOPOLOGY_ROUTER)
			continue;
		code = image_find(store, n->guest_image, &image, err);
		if (code)
			return err_prefix(err, code, "node %s", n->name);
	}
	return 0;
}

static struct vnet *vnet_create(struct weftd *d, uint32_t id)
{
	struct vnet *v = calloc(1, sizeof(*v));

	if (!v)
		return NULL;
	v->daemon = d;
	v->id = id;
	TAILQ_INIT(&v->leaving);
	SLIST_INIT(&v->retired);
	clock_gettime(CLOCK_MONOTONIC, &v->since);
	return v;
}

int vnet_deploy(struct weftd *d, const char *name, const char *file, const char *text,
		const char *files, struct vnet **out, struct err *err)
{
	struct vnet *v;
	struct topology *t;
	bool fresh;
	int code = load(d, name, file, text, files, &t, err);

	if (code)
		return code;
	v = vnet_find(d, name);
	fresh = !v;
	if (v && v->destroying)
		code = err_set(err, -EBUSY, "vnet %s is being destroyed: wait and deploy again", name);
	if (!code)
		code = admit(d, t, err);
	if (!code && fresh) {
		v = vnet_create(d, store_id(d->store, STORE_VNET, 0, name));
		code = v && v->id ? 0 : err_sys(err, -ENOMEM, "%s", name);
	}
	if (!code)
		code = store_vnet_put(d->store, v->id, name, file, text, files, err);
	if (!code && (replace(&v->file, file) || replace(&v->text, text) || replace(&v->files, files)))
		code = err_sys(err, -ENOMEM, "%s", name);
	if (!code) {
		engine_start(d->engine);
		code = apply(v, t, err);
	}
	if (code) {
		topology_free(t);
		if (fresh && v) {
			store_vnet_del(d->store, v->id, NULL);
			vnet_free(v);
		}
		return code;
	}
	if (fresh)
		TAILQ_INSERT_TAIL(&d->vnets, v, entry);
	*out = v;
	return 0;
}

int vnet_restore(struct weftd *d, uint32_t id, const char *name, const char *file,
		 const char *text, const char *files, struct err *err)
{
	struct vnet *v = vnet_create(d, id);
	struct topology *t = NULL;
	int code;

	if (!v)
		return err_sys(err, -ENOMEM, "%s", name);
	code = load(d, name, file, text, files, &t, err);
	if (!code && (replace(&v->file, file) || replace(&v->text, text) || replace(&v->files, files)))
		code = err_sys(err, -ENOMEM, "%s", name);
	if (!code)
		code = apply(v, t, err);
	if (code) {
		topology_free(t);
		vnet_free(v);
		return code;
	}
	TAILQ_INSERT_TAIL(&d->vnets, v, entry);
	return 0;
}
