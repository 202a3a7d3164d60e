/* SPDX-License-Identifier: Apache-2.0 */
#include "control/topology_diff.h"

#include "base/hash.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void topology_end(const struct topology *t, const struct topology_link *l, unsigned end,
		  char text[TOPOLOGY_END_MAX])
{
	const struct topology_node *n = &t->nodes[l->node[end]];

	snprintf(text, TOPOLOGY_END_MAX, "%s:%s", n->name, n->ports[l->port[end]].name);
}

void topology_link_key(const struct topology *t, const struct topology_link *l,
		       char key[TOPOLOGY_LINK_MAX])
{
	char end[2][TOPOLOGY_END_MAX];
	bool turned;

	topology_end(t, l, 0, end[0]);
	topology_end(t, l, 1, end[1]);
	turned = strcmp(end[0], end[1]) > 0;
	memset(key, 0, TOPOLOGY_LINK_MAX); /* hash maps compare all of it */
	snprintf(key, TOPOLOGY_LINK_MAX, "%s,%s", end[turned], end[!turned]);
}

const struct topology_port *topology_port(const struct topology_node *n, const char *name)
{
	for (unsigned i = 0; i < n->port_count; i++)
		if (!strcmp(n->ports[i].name, name))
			return &n->ports[i];
	return NULL;
}

bool topology_same_port(const struct topology_port *a, const struct topology_port *b)
{
	return !memcmp(a->mac, b->mac, 6) && a->mtu == b->mtu;
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

static const struct topology_file *find_file(const struct topology_node *n, const char *target)
{
	for (unsigned i = 0; i < n->file_count; i++)
		if (!strcmp(n->files[i].target, target))
			return &n->files[i];
	return NULL;
}

static bool same_file(const struct topology_file *a, const struct topology_file *b)
{
	return a && b && a->mode == b->mode && a->len == b->len && !memcmp(a->bytes, b->bytes, a->len);
}

/* The first file of a that b has not, or has otherwise; NULL: there is none. */
static const char *other_file(const struct topology_node *a, const struct topology_node *b)
{
	for (unsigned i = 0; i < a->file_count; i++)
		if (!same_file(&a->files[i], find_file(b, a->files[i].target)))
			return a->files[i].target;
	return NULL;
}

/* Adds what differs to the list; false always, so that it can be returned. */
static void differs(char why[TOPOLOGY_WHY_MAX], bool is, const char *what, const char *name)
{
	size_t used = strlen(why);

	if (is)
		snprintf(why + used, TOPOLOGY_WHY_MAX - used, "%s%s%.100s", used ? ", " : "", what, name);
}

bool topology_goes_on(const struct topology_node *was, const struct topology_node *is,
		      char why[TOPOLOGY_WHY_MAX])
{
	const char *file = other_file(was, is);

	if (!file)
		file = other_file(is, was);
	why[0] = 0;
	differs(why, was->kind != is->kind, "kind", "");
	differs(why, strcmp(was->guest_image, is->guest_image) != 0, "image", "");
	differs(why, was->memory_mib != is->memory_mib, "memory", "");
	differs(why, was->cpus != is->cpus, "cpu", "");
	differs(why, was->vhost_user != is->vhost_user, "attachment", "");
	differs(why, was->huge_pages != is->huge_pages, "hugepages", "");
	differs(why, was->cold != is->cold, "boot", "");
	differs(why, was->intake != is->intake, "intake", "");
	differs(why, was->fib_routes != is->fib_routes, "fib-routes", "");
	differs(why, !same_list(&was->env, &is->env), "env", "");
	differs(why, !same_list(&was->exec, &is->exec), "exec", "");
	differs(why, file != NULL, "files: ", file ? file : "");
	return !why[0];
}

static int diff_ports(struct topology_node_diff *d)
{
	const struct topology_node *was = d->was, *is = d->is;

	d->ports = calloc(was->port_count + is->port_count + 1, sizeof(*d->ports));
	if (!d->ports)
		return -ENOMEM;
	for (unsigned i = 0; i < is->port_count; i++) {
		const struct topology_port *p = topology_port(was, is->ports[i].name);

		if (!p || !topology_same_port(p, &is->ports[i]))
			d->ports[d->port_count++] = (struct topology_port_diff){ p, &is->ports[i] };
	}
	for (unsigned i = 0; i < was->port_count; i++)
		if (!topology_port(is, was->ports[i].name))
			d->ports[d->port_count++] = (struct topology_port_diff){ &was->ports[i], NULL };
	return 0;
}

static int diff_nodes(struct topology_diff *d)
{
	for (unsigned i = 0; i < d->is->node_count; i++) {
		struct topology_node_diff *n = &d->nodes[d->node_count++];

		n->is = &d->is->nodes[i];
		n->was = d->was ? topology_find(d->was, n->is->name) : NULL;
		n->change = TOPOLOGY_COMES;
		if (!n->was)
			continue;
		if (diff_ports(n) < 0)
			return -ENOMEM;
		n->change = !topology_goes_on(n->was, n->is, n->why) ? TOPOLOGY_ANEW :
			    n->port_count			       ? TOPOLOGY_CHANGES :
									 TOPOLOGY_KEEPS;
	}
	for (unsigned i = 0; d->was && i < d->was->node_count; i++)
		if (!topology_find(d->is, d->was->nodes[i].name))
			d->nodes[d->node_count++] = (struct topology_node_diff){
				.change = TOPOLOGY_GOES, .was = &d->was->nodes[i]
			};
	return 0;
}

/* The link of t at the port that an end of l has; NULL: there is no such port. */
static const struct topology_link *link_at(const struct topology *t, const struct topology *of,
					   const struct topology_link *l, unsigned end)
{
	const struct topology_node *mine = &of->nodes[l->node[end]];
	const struct topology_node *n = topology_find(t, mine->name);
	const struct topology_port *p = n ? topology_port(n, mine->ports[l->port[end]].name) : NULL;

	return p ? &t->links[p->link] : NULL;
}

/* Is this link, of the new ones, an old one that moves? spoken_for: the old ones that are others'. */
static bool moves(struct topology_diff *d, struct topology_link_diff *l, bool *spoken_for)
{
	for (unsigned end = 0; end < 2; end++) {
		const struct topology_link *was = link_at(d->was, d->is, l->is, end);

		if (!was || spoken_for[was - d->was->links])
			continue;
		spoken_for[was - d->was->links] = true;
		l->change = TOPOLOGY_MOVES;
		l->was = was;
		l->stays = end;
		return true;
	}
	return false;
}

/* Whether its random numbers are those of the vnet's seed. */
static bool takes_seed(const struct impairment *im)
{
	return !im->dp.seed && !impairment_is_none(im);
}

/* Of two links with the same ends: whether frames fare alike on both. */
static bool same_link(const struct topology_diff *d, const struct topology_link *was,
		      const struct topology_link *is)
{
	char end[2][TOPOLOGY_END_MAX];
	bool turned;

	topology_end(d->was, was, 0, end[0]);
	topology_end(d->is, is, 0, end[1]);
	turned = strcmp(end[0], end[1]) != 0;
	if (d->was->seed != d->is->seed && (takes_seed(&is->impair[0]) || takes_seed(&is->impair[1])))
		return false;
	return was->mtu == is->mtu &&
	       impairment_same(&was->impair[0], &is->impair[turned]) &&
	       impairment_same(&was->impair[1], &is->impair[!turned]);
}

static int diff_links(struct topology_diff *d, bool *spoken_for, struct hash_map *by_key)
{
	unsigned old = d->was ? d->was->link_count : 0;
	char key[TOPOLOGY_LINK_MAX];

	for (unsigned i = 0; i < old; i++) {
		topology_link_key(d->was, &d->was->links[i], key);
		if (hash_map_set(by_key, key, &d->was->links[i]) < 0)
			return -ENOMEM;
	}
	for (unsigned i = 0; i < d->is->link_count; i++) {
		struct topology_link_diff *l = &d->links[d->link_count++];

		l->is = &d->is->links[i];
		topology_link_key(d->is, l->is, key);
		l->was = hash_map_find(by_key, key);
		l->change = !l->was ? TOPOLOGY_COMES :
			    !same_link(d, l->was, l->is) ? TOPOLOGY_CHANGES : TOPOLOGY_KEEPS;
		if (l->was)
			spoken_for[l->was - d->was->links] = true;
	}
	/* A link that keeps both ends is no other link's former self, so these come second. */
	for (unsigned i = 0; old && i < d->link_count; i++)
		if (!d->links[i].was)
			moves(d, &d->links[i], spoken_for);
	for (unsigned i = 0; i < old; i++)
		if (!spoken_for[i])
			d->links[d->link_count++] = (struct topology_link_diff){
				.change = TOPOLOGY_GOES, .was = &d->was->links[i]
			};
	return 0;
}

int topology_diff(const struct topology *was, const struct topology *is, struct topology_diff **out)
{
	struct topology_diff *d = calloc(1, sizeof(*d));
	unsigned nodes = is->node_count + (was ? was->node_count : 0);
	unsigned links = is->link_count + (was ? was->link_count : 0);
	bool *spoken_for = calloc(links + 1, sizeof(*spoken_for));
	struct hash_map *by_key = hash_map_create(TOPOLOGY_LINK_MAX);
	int code = -ENOMEM;

	if (d) {
		*d = (struct topology_diff){ .was = was, .is = is };
		d->nodes = calloc(nodes + 1, sizeof(*d->nodes));
		d->links = calloc(links + 1, sizeof(*d->links));
	}
	if (d && d->nodes && d->links && spoken_for && by_key)
		code = diff_nodes(d);
	if (!code)
		code = diff_links(d, spoken_for, by_key);
	free(spoken_for);
	hash_map_destroy(by_key);
	if (code)
		topology_diff_free(d);
	else
		*out = d;
	return code;
}

void topology_diff_free(struct topology_diff *d)
{
	if (!d)
		return;
	for (unsigned i = 0; d->nodes && i < d->node_count; i++)
		free(d->nodes[i].ports);
	free(d->nodes);
	free(d->links);
	free(d);
}
