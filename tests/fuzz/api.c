/* SPDX-License-Identifier: Apache-2.0 */
/* The body of a deployment as a client may send it, down to the topology; of what a link is to do;
 * base64; a cursor. */
#include "control/base64.h"
#include "control/events.h"
#include "control/vnet_impair.h"
#include "control/vnet_priv.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_base64(const uint8_t *data, size_t size)
{
	char *text = base64_encode(data, size), *raw = strndup((const char *)data, size);
	size_t len = 0;
	void *bytes;

	if (!text || !raw || base64_decode(text, &bytes, &len) || len != size ||
	    (size && memcmp(bytes, data, size) != 0))
		abort();
	free(bytes);
	free(text);
	if (!base64_decode(raw, &bytes, &len))
		free(bytes);
	free(raw);
}

static void try_deploy(json_t *body)
{
	const char *file = json_string_value(json_object_get(body, "file"));
	const char *text = json_string_value(json_object_get(body, "topology"));
	char *files = json_dumps(json_object_get(body, "files"), JSON_COMPACT | JSON_ENCODE_ANY);
	struct err err = { { 0 } };
	struct topology *t;

	if (file && text && files) {
		if (!vnet_load("- {match: \"*frr*\", guest: frr}\n- {match: \"*\", host: true}\n", "red",
			       file, text, files, &t, &err))
			topology_free(t);
		else if (!err.text[0])
			abort();
	}
	free(files);
}

/* What is understood is said so that it is understood. */
static void try_impair(const json_t *o)
{
	struct impairment im, again;
	struct err err = { { 0 } };
	json_t *said;

	if (vnet_impairment_of(o, &im, &err) < 0) {
		if (!err.text[0])
			abort();
		return;
	}
	said = vnet_impairment_json(&im);
	if (vnet_impairment_of(said, &again, &err) < 0 ||
	    impairment_is_none(&im) != impairment_is_none(&again))
		abort();
	json_decref(said);
}

static void try_cursor(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);
	static struct events *events;
	struct events_follower f = { .next = 0 };
	struct buf out = { 0 };

	if (!events && events_create(7, &events, NULL) < 0)
		abort();
	if (!text || (!events_since(events, text, &f) && events_read(events, &f, NULL, 1, &out)))
		abort(); /* there are none */
	buf_free(&out);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *body = json_loadb((const char *)data, size, 0, NULL);

	try_base64(data, size);
	try_cursor(data, size);
	try_deploy(body);
	if (body)
		try_impair(json_object_get(body, "impair"));
	json_decref(body);
	return 0;
}
