/* SPDX-License-Identifier: Apache-2.0 */
/* The topology that a client sent, with the files it sent along. Neither is trusted. */
#include "control/base64.h"
#include "control/vnet_priv.h"

#include <errno.h>
#include <jansson.h>
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

int vnet_load(const char *images, const char *name, const char *file, const char *text,
	      const char *files, struct topology **out, struct err *err)
{
	json_t *sent = json_loads(files, 0, NULL);
	struct topology_conf conf = {
		.file = file, .text = text, .len = strlen(text), .images = images,
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
