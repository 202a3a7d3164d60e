/* SPDX-License-Identifier: Apache-2.0 */
/* topology-check IMAGES FILE: prints the resolved topology as JSON; or the error, and exits 3. */
#include "base/file.h"
#include "control/topology.h"

#include <jansson.h>
#include <stdio.h>

static json_t *strings(const struct topology_string_list *list)
{
	json_t *a = json_array();

	for (unsigned i = 0; i < list->count; i++)
		json_array_append_new(a, json_string(list->items[i]));
	return a;
}

static json_t *ports(const struct topology_node *n)
{
	json_t *a = json_array();

	for (unsigned i = 0; i < n->port_count; i++) {
		const struct topology_port *p = &n->ports[i];
		char mac[18];

		snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", p->mac[0], p->mac[1],
			 p->mac[2], p->mac[3], p->mac[4], p->mac[5]);
		json_array_append_new(a, json_pack("{s:s,s:i,s:s,s:i}", "name", p->name, "link", p->link,
						   "mac", mac, "mtu", p->mtu));
	}
	return a;
}

static json_t *files(const struct topology_node *n)
{
	json_t *a = json_array();

	for (unsigned i = 0; i < n->file_count; i++)
		json_array_append_new(a, json_pack("{s:s,s:s,s:i,s:i}", "source", n->files[i].source,
						   "target", n->files[i].target, "mode",
						   n->files[i].mode, "len", (int)n->files[i].len));
	return a;
}

/* Of each link that does something, from each end. */
static json_t *impairments(const struct topology *t)
{
	json_t *a = json_array();

	for (unsigned i = 0; i < t->link_count; i++)
		for (unsigned end = 0; end < 2; end++) {
			const struct impairment *im = &t->links[i].impair[end];
			char text[IMPAIRMENT_TEXT_MAX];
			json_t *o;

			if (impairment_is_none(im))
				continue;
			o = json_pack("{s:i, s:i}", "link", (int)i, "end", (int)end);
			for (const char *const *key = impairment_keys; *key; key++)
				if (impairment_text(im, *key, text))
					json_object_set_new(o, *key, json_string(text));
			json_array_append_new(a, o);
		}
	return a;
}

static json_t *nodes(const struct topology *t)
{
	json_t *a = json_array();

	for (unsigned i = 0; i < t->node_count; i++) {
		const struct topology_node *n = &t->nodes[i];

		json_array_append_new(
			a, json_pack("{s:s,s:i,s:s,s:s,s:s?,s:s,s:s,s:i,s:i,s:b,s:b,s:b,s:s,s:i,s:o,s:o,s:o,s:o,s:o}",
				     "name", n->name, "line", n->line, "kind", topology_kind_names[n->kind],
				     "kind_name", n->kind_name, "image", n->image, "guest_image",
				     n->guest_image, "group", n->group, "memory_mib", n->memory_mib,
				     "cpus", n->cpus, "vhost_user", n->vhost_user, "hugepages", n->huge_pages,
				     "cold", n->cold, "intake", topology_intake_names[n->intake], "fib_routes", n->fib_routes,
				     "files", files(n), "exec", strings(&n->exec), "env", strings(&n->env), "labels",
				     strings(&n->labels), "ports", ports(n)));
	}
	return a;
}

int main(int argc, char **argv)
{
	struct topology_conf conf = {.read = topology_read_disk, .list = topology_list_disk};
	struct buf images = {0}, text = {0};
	struct topology *t;
	struct err err = {{0}};
	json_t *json;
	int rc;

	if (argc != 3)
		return 2;
	if (file_read(argv[1], TOPOLOGY_FILE_MAX, &images, &err)) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	if (file_read(argv[2], TOPOLOGY_FILE_MAX * 2, &text, &err)) {
		buf_free(&images);
		fprintf(stderr, "%s\n", err.text);
		return 3;
	}
	buf_u8(&images, 0);
	conf.file = argv[2];
	conf.text = (const char *)text.data;
	conf.len = text.len;
	conf.images = (const char *)images.data;
	rc = topology_load(&conf, &t, &err);
	buf_free(&images);
	buf_free(&text);
	if (rc) {
		fprintf(stderr, "%s\n", err.text);
		return 3;
	}
	json = json_pack("{s:s,s:i,s:i,s:i,s:o,s:i,s:o,s:o}", "name", t->name, "weight", t->weight,
			 "guarantee", t->guarantee, "seed", t->seed, "nodes", nodes(t), "links",
			 t->link_count, "impairments", impairments(t), "warnings",
			 strings(&t->warnings));
	json_dumpf(json, stdout, JSON_INDENT(1));
	json_decref(json);
	topology_free(t);
	return 0;
}
