/* SPDX-License-Identifier: Apache-2.0 */
#include "base/tape.h"
#include "control/capture_priv.h"
#include "dataplane/api.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int add(struct capture_request *r, const char *name, struct capture_request_port first,
	       struct capture_request_port second, struct err *err)
{
	if (json_array_append_new(r->interfaces, json_string(name)) < 0)
		return err_set(err, -ENOMEM, "out of memory");
	r->ports[r->count++] = first;
	r->ports[r->count++] = second;
	return 0;
}

/* turned: named by its other end first. */
static int add_link(struct capture_request *r, const struct vnet *v, const struct link *l, bool turned,
		    const char *name, struct err *err)
{
	struct capture_request_port first = { vnet_end(v, l, turned, NULL)->id, DP_CAPTURE_TX };
	struct capture_request_port second = { vnet_end(v, l, !turned, NULL)->id, DP_CAPTURE_TX };

	return add(r, name, first, second, err);
}

static int add_all(struct capture_request *r, const struct vnet *v, struct err *err)
{
	int code = 0;

	for (unsigned i = 0; !code && i < v->topology->link_count; i++)
		code = add_link(r, v, &v->links[i], false, v->links[i].name, err);
	if (!code && !r->count)
		code = err_set(err, -ENOENT, "vnet %s has no links", v->topology->name);
	return code;
}

static int add_one(struct capture_request *r, struct vnet *v, const char *at, struct err *err)
{
	const char *comma = strchr(at, ',');
	size_t len = comma ? (size_t)(comma - at) : strlen(at);
	struct capture_request_port port = { .flags = DP_CAPTURE_TX | DP_CAPTURE_RX }, none = { 0 };

	for (unsigned i = 0; i < v->topology->link_count; i++) {
		const struct link *l = &v->links[i];

		for (int end = 0; end < 2; end++) {
			if (!link_is_end(l, end, at, len) ||
			    (comma && !link_is_end(l, !end, comma + 1, strlen(comma + 1))))
				continue;
			port.id = vnet_end(v, l, end, NULL)->id;
			return comma ? add_link(r, v, l, end, at, err) : add(r, at, port, none, err);
		}
	}
	return err_set(err, -ENOENT, "vnet %s has no %s %s", v->topology->name,
		       comma ? "link" : "link at", at);
}

static int parse(struct vnet *v, const json_t *at, struct capture_request *r, struct err *err)
{
	size_t channels = at ? 2 : 2 * (size_t)v->topology->link_count;

	if (channels > TAPE_CHANNELS_MAX)
		return err_set(err, -E2BIG, "vnet %s has more than %u links: name one",
			       v->topology->name, TAPE_CHANNELS_MAX / 2);
	r->interfaces = json_array();
	r->ports = calloc(channels + 1, sizeof(*r->ports));
	if (!r->interfaces || !r->ports)
		return err_set(err, -ENOMEM, "out of memory");
	return at ? add_one(r, v, json_string_value(at), err) : add_all(r, v, err);
}

int capture_request_parse(struct weftd *d, const struct principal *who, const json_t *o,
			  struct capture_request *out, struct err *err)
{
	const char *name = json_string_value(json_object_get(o, "vnet"));
	const json_t *at = json_object_get(o, "at"), *snap = json_object_get(o, "snap");
	json_int_t bytes = snap ? json_integer_value(snap) : DP_CAPTURE_SNAP;
	struct vnet *v = name ? vnet_find(d, name) : NULL;
	int code;

	*out = (struct capture_request){ 0 };
	if (!name || (at && !json_is_string(at)) || bytes < 1 || bytes > DP_CAPTURE_SNAP)
		return err_set(err, -EINVAL, "that is no request; docs/api.md says what is one");
	if (!v || v->destroying || (who->user && v->owner != who->user))
		return err_set(err, -ENOENT, "no vnet %s", name);
	out->vnet = v->id;
	out->snap = (uint32_t)bytes;
	code = parse(v, at, out, err);
	if (code)
		capture_request_free(out);
	return code;
}

void capture_request_free(struct capture_request *r)
{
	json_decref(r->interfaces);
	free(r->ports);
	*r = (struct capture_request){ 0 };
}
