/* SPDX-License-Identifier: Apache-2.0 */
/* Two topology files with a line "---" between them: what makes the one the other is consistent. */
#include "control/topology_diff.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int read_little(void *arg, const char *path, void **bytes, size_t *len, struct err *err)
{
	*bytes = strdup("hostname x\n");
	*len = 11;
	return *bytes ? 0 : -1;
}

static struct topology *load(const uint8_t *data, size_t size)
{
	struct topology_conf conf = { .file = "fuzz.clab.yml", .text = (const char *)data, .len = size,
				      .images = "- {match: \"*frr*\", guest: frr}\n"
						"- {match: \"*\", host: true}\n",
				      .read = read_little };
	struct topology *t;

	return topology_load(&conf, &t, NULL) ? NULL : t;
}

static void need(bool so)
{
	if (!so)
		abort();
}

/* Each node of both is told of once, and the ports that differ make up for the difference in their number. */
static void check_nodes(const struct topology_diff *d)
{
	unsigned was = 0, is = 0;

	for (unsigned i = 0; i < d->node_count; i++) {
		const struct topology_node_diff *n = &d->nodes[i];
		int more = 0;

		was += n->was != NULL;
		is += n->is != NULL;
		need(n->was || n->is);
		need((n->change == TOPOLOGY_COMES) == !n->was && (n->change == TOPOLOGY_GOES) == !n->is);
		need((n->change == TOPOLOGY_ANEW) == (n->why[0] != 0));
		for (unsigned k = 0; k < n->port_count; k++)
			more += !n->ports[k].was - !n->ports[k].is;
		if (n->was && n->is)
			need((int)n->is->port_count - (int)n->was->port_count == more);
	}
	need(was == (d->was ? d->was->node_count : 0) && is == d->is->node_count);
}

static void check_links(const struct topology_diff *d)
{
	char a[TOPOLOGY_LINK_MAX], b[TOPOLOGY_LINK_MAX];
	unsigned was = 0, is = 0;

	for (unsigned i = 0; i < d->link_count; i++) {
		const struct topology_link_diff *l = &d->links[i];

		was += l->was != NULL;
		is += l->is != NULL;
		need((l->change == TOPOLOGY_COMES) == !l->was && (l->change == TOPOLOGY_GOES) == !l->is);
		if (!l->was || !l->is)
			continue;
		topology_link_key(d->was, l->was, a);
		topology_link_key(d->is, l->is, b);
		need((l->change == TOPOLOGY_MOVES) == (strcmp(a, b) != 0));
		if (l->change != TOPOLOGY_MOVES)
			continue;
		topology_end(d->is, l->is, l->stays, b);
		topology_end(d->was, l->was, 0, a);
		if (strcmp(a, b) != 0)
			topology_end(d->was, l->was, 1, a);
		need(!strcmp(a, b));
	}
	need(was == (d->was ? d->was->link_count : 0) && is == d->is->link_count);
}

static void check(const struct topology *was, const struct topology *is, bool same)
{
	struct topology_diff *d;

	need(topology_diff(was, is, &d) == 0);
	check_nodes(d);
	check_links(d);
	for (unsigned i = 0; same && i < d->node_count; i++)
		need(d->nodes[i].change == TOPOLOGY_KEEPS);
	for (unsigned i = 0; same && i < d->link_count; i++)
		need(d->links[i].change == TOPOLOGY_KEEPS);
	topology_diff_free(d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *cut = memmem(data, size, "\n---\n", 5);
	struct topology *was = cut ? load(data, (size_t)(cut + 1 - data)) : NULL;
	struct topology *is = cut ? load(cut + 5, size - (size_t)(cut + 5 - data)) : load(data, size);

	if (is) {
		check(was, is, false);
		check(is, is, true);
	}
	topology_free(was);
	topology_free(is);
	return 0;
}
