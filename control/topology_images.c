/* SPDX-License-Identifier: Apache-2.0 */
/*
 * images.yml: which container images name which of Weft's guests. An ordered list of rules, the
 * first that matches wins:
 *	- match: "quay.io/frrouting/frr:*"
 *	  guest: frr
 *	- match: "*"
 *	  host: true
 */
#include "control/topology_priv.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#define RULES_MAX 256
#define GUEST_MAX 32 /* as topology_node.guest_image */

static int read_guest(struct ty_doc *d, yaml_node_t *n, struct image_rule *rule)
{
	int rc = ty_text(d, n, "guest", &rule->guest);

	if (rc)
		return rc;
	if (!*rule->guest || strlen(rule->guest) >= GUEST_MAX ||
	    strspn(rule->guest, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != strlen(rule->guest))
		return ty_err(d, n, "guest \"%.40s\" is not a name of at most %d of a-z 0-9 - _ .",
			      rule->guest, GUEST_MAX - 1);
	return 0;
}

static int read_rule(struct ty_doc *d, yaml_node_t *n, struct image_rule *rule)
{
	const struct key_rule *known;
	const struct ty_pair *match, *guest, *host;
	struct ty_map m;
	const char *yes;
	unsigned count;
	int rc = ty_map(d, n, "an image rule", &m);

	if (rc)
		return rc;
	known = key_rules(KEYS_IMAGE_RULE, &count);
	for (unsigned i = 0; i < m.count; i++) {
		unsigned k = 0;

		while (k < count && strcmp(known[k].key, m.pairs[i].key) != 0)
			k++;
		if (k == count)
			return ty_err(d, m.pairs[i].key_node, "key \"%.64s\" is not one %s: match, guest, host",
				      m.pairs[i].key, key_place_name(KEYS_IMAGE_RULE));
	}
	match = ty_find(&m, "match");
	guest = ty_find(&m, "guest");
	host = ty_find(&m, "host");
	if (!match || !guest == !host)
		return ty_err(d, n, "an image rule has match, and either guest or host");
	rc = ty_text(d, match->value, "match", &rule->match);
	if (rc)
		return rc;
	if (guest)
		return read_guest(d, guest->value, rule);
	rc = ty_text(d, host->value, "host", &yes);
	if (!rc && strcmp(yes, "true") != 0)
		rc = ty_err(d, host->value, "host can only be true");
	return rc;
}

int images_init(struct image_rules *r, const char *text, struct err *err)
{
	yaml_node_t *root;
	int rc;

	*r = (struct image_rules){0};
	rc = ty_open(&r->doc, "images.yml", text, strlen(text), err, &root);
	if (rc)
		return rc;
	rc = ty_list(&r->doc, root, "images.yml", &r->count);
	if (rc)
		return rc;
	if (!r->count || r->count > RULES_MAX)
		return ty_err(&r->doc, root, "%u rules, 1..%d are served", r->count, RULES_MAX);
	r->rules = calloc(r->count, sizeof(r->rules[0]));
	if (!r->rules)
		return err_set(err, -ENOMEM, "images.yml: out of memory");
	for (unsigned i = 0; !rc && i < r->count; i++)
		rc = read_rule(&r->doc, ty_item(&r->doc, root, i), &r->rules[i]);
	return rc;
}

void images_fini(struct image_rules *r)
{
	free(r->rules);
	ty_close(&r->doc);
	*r = (struct image_rules){0};
}

const struct image_rule *images_find(const struct image_rules *r, const char *image)
{
	for (unsigned i = 0; i < r->count; i++)
		if (!fnmatch(r->rules[i].match, image, 0))
			return &r->rules[i];
	return NULL;
}
