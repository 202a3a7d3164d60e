/* SPDX-License-Identifier: Apache-2.0 */
/* What a link does to its frames: "weft" of a link, for both directions and for each. */
#include "control/topology_diff.h"
#include "control/topology_priv.h"

#include <stdio.h>
#include <string.h>

/* What m says, on top of what im has. */
static int read_keys(struct loader *l, const struct ty_map *m, struct impairment *im)
{
	for (unsigned i = 0; i < m->count; i++) {
		const struct ty_pair *p = &m->pairs[i];
		const char *text;
		struct err err;
		int rc;

		if (!strcmp(p->key, "from") || !strcmp(p->key, "guarantee") ||
		    !strcmp(p->key, "ceiling") || ty_is_null(p->value))
			continue;
		rc = ty_text(&l->doc, p->value, p->key, &text);
		if (rc)
			return rc;
		if (*text && impairment_set(im, p->key, text, &err) < 0)
			return ty_err(&l->doc, p->value, "%s", err.text);
	}
	return 0;
}

/* "from": {"NODE:INTERFACE": {...}}: of what that end sends. */
static int read_from(struct loader *l, const struct ty_pair *from, struct topology_link *link)
{
	struct ty_map ends, m;
	int rc = ty_map(&l->doc, from->value, "from", &ends);

	for (unsigned i = 0; !rc && i < ends.count; i++) {
		const struct ty_pair *p = &ends.pairs[i];
		char name[2][TOPOLOGY_END_MAX];
		unsigned end = 0;

		for (unsigned k = 0; k < 2; k++)
			topology_end(l->t, link, k, name[k]);
		while (end < 2 && strcmp(p->key, name[end]) != 0)
			end++;
		if (end == 2)
			return ty_err(&l->doc, p->key_node, "\"%.64s\" is no end of this link, which are "
				      "%s and %s", p->key, name[0], name[1]);
		rc = ty_map(&l->doc, p->value, p->key, &m);
		if (!rc)
			rc = loader_check_keys(l, &m, KEYS_IMPAIR);
		if (!rc)
			rc = read_keys(l, &m, &link->impair[end]);
	}
	return rc;
}

int loader_impair(struct loader *l, yaml_node_t *weft, struct topology_link *link)
{
	const struct ty_pair *from;
	struct ty_map m;
	struct err err;
	int rc = ty_map(&l->doc, weft, "weft", &m);

	if (!rc)
		rc = loader_check_keys(l, &m, KEYS_WEFT_LINK);
	for (unsigned end = 0; !rc && end < 2; end++)
		rc = read_keys(l, &m, &link->impair[end]);
	if (!rc)
		rc = loader_share(l, &m, link);
	from = rc ? NULL : ty_find(&m, "from");
	if (from)
		rc = read_from(l, from, link);
	for (unsigned end = 0; !rc && end < 2; end++)
		if (impairment_finish(&link->impair[end], &err) < 0)
			rc = ty_err(&l->doc, weft, "%s", err.text);
	return rc;
}
