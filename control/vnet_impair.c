/* SPDX-License-Identifier: Apache-2.0 */
/* What links do to their frames: as the topology says, until an operator says otherwise. */
#include "base/hash.h"
#include "base/log.h"
#include "control/store.h"
#include "control/vnet_impair.h"
#include "control/vnet_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct impairment *vnet_impairment(const struct link *l, int end)
{
	return l->is_live[end] ? &l->live[end] : &l->spec->impair[end];
}

struct dp_impair vnet_impair_record(struct vnet *v, const struct link *l, int end)
{
	struct node *n;
	struct port *p = vnet_end(v, l, end, &n);
	struct dp_impair rec = vnet_impairment(l, end)->dp;
	char name[96];

	/* By the names, so that a file does the same to its frames wherever it is deployed. */
	snprintf(name, sizeof(name), "%llu %s:%s",
		 (unsigned long long)(rec.seed ? rec.seed : v->topology->seed), n->spec->name,
		 p->spec->name);
	rec.seed = hash_bytes(name, strlen(name));
	rec.link = l->id;
	rec.from = p->id;
	return rec;
}

json_t *vnet_impairment_json(const struct impairment *im)
{
	json_t *o = json_object();
	char text[IMPAIRMENT_TEXT_MAX];

	for (const char *const *key = impairment_keys; *key; key++)
		if (impairment_text(im, *key, text))
			json_object_set_new(o, *key, json_string(text));
	return o;
}

int vnet_impairment_of(const json_t *o, struct impairment *im, struct err *err)
{
	const char *key;
	json_t *value;

	*im = (struct impairment){ 0 };
	if (!json_is_object(o))
		return err_set(err, -EINVAL, "impair is neither an object nor null");
	json_object_foreach ((json_t *)o, key, value) {
		if (!json_is_string(value))
			return err_set(err, -EINVAL, "%.32s: its value is not a text", key);
		if (impairment_set(im, key, json_string_value(value), err) < 0)
			return -EINVAL;
	}
	return impairment_finish(im, err);
}

/* In the store the lesser end is 0, whichever comes first in the file. */
static int stored_end(const struct link *l, int end)
{
	return link_is_turned(l) ? !end : end;
}

static int put(struct vnet *v, struct link *l, int end, const struct impairment *im, struct err *err)
{
	json_t *o = im ? vnet_impairment_json(im) : NULL;
	char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;
	int code = im && !text ? err_sys(err, -ENOMEM, "%s", l->name) :
				 store_link_impair_put(v->daemon->store, v->id, l->key, stored_end(l, end),
						       text, err);

	json_decref(o);
	free(text);
	return code;
}

int vnet_impair(struct vnet *v, struct link *l, const struct impairment *im, const bool which[2],
		struct err *err)
{
	struct store *s = v->daemon->store;
	int code = store_begin(s, err);

	if (code)
		return code;
	for (int end = 0; !code && end < 2; end++)
		if (which[end])
			code = put(v, l, end, im, err);
	if (code) {
		store_rollback(s);
		return code;
	}
	code = store_commit(s, err);
	if (code)
		return code;
	for (int end = 0; end < 2; end++) {
		if (!which[end])
			continue;
		l->is_live[end] = im != NULL;
		if (im)
			l->live[end] = *im;
	}
	vnet_program_link(v, l);
	return 0;
}

void vnet_impair_restore(struct vnet *v, struct link *l, const char *name)
{
	for (int end = 0; end < 2; end++) {
		char *text = store_link_impair(v->daemon->store, v->id, l->key, stored_end(l, end));
		json_t *o = text ? json_loads(text, 0, NULL) : NULL;
		struct err err = { "not JSON" };

		if (o && vnet_impairment_of(o, &l->live[end], &err) == 0)
			l->is_live[end] = true;
		else if (text)
			log_error("%s: what was set of the link %s: %s", name, l->name, err.text);
		json_decref(o);
		free(text);
	}
}
