/* SPDX-License-Identifier: Apache-2.0 */
#include "control/cli/json.h"

#include "control/cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const char *json_text(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text ? text : "";
}

static uint64_t count_of(const json_t *v)
{
	json_int_t n = json_integer_value(v);

	return n > 0 ? (uint64_t)n : 0;
}

uint64_t json_count(const json_t *o, const char *key)
{
	return count_of(json_object_get(o, key));
}

double json_number_at(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	return json_is_number(v) ? json_number_value(v) : -1;
}

bool json_true_at(const json_t *o, const char *key)
{
	return json_is_true(json_object_get(o, key));
}

json_t *json_list(const json_t *o, const char *key)
{
	json_t *v = json_object_get(o, key);

	return json_is_array(v) ? v : NULL;
}

json_t *json_map(const json_t *o, const char *key)
{
	json_t *v = json_object_get(o, key);

	return json_is_object(v) ? v : NULL;
}

uint64_t json_sum(const json_t *map)
{
	uint64_t sum = 0;
	const char *key;
	json_t *v;

	json_object_foreach ((json_t *)map, key, v)
		sum += count_of(v);
	return sum;
}

static bool all_have(const json_t *list, const char *const *keys)
{
	size_t i;
	json_t *o;

	if (!json_is_array(list))
		return false;
	json_array_foreach (list, i, o)
		for (const char *const *key = keys; *key; key++)
			if (!json_is_string(json_object_get(o, *key)))
				return false;
	return true;
}

int vnet_check(const json_t *vnet, struct err *err)
{
	static const char *const node[] = { "name", "kind", "state", NULL };
	static const char *const link[] = { "a", "b", NULL };

	if (cli_name_valid(json_text(vnet, "name")) &&
	    json_is_string(json_object_get(vnet, "state")) &&
	    all_have(json_object_get(vnet, "nodes"), node) &&
	    all_have(json_object_get(vnet, "links"), link))
		return 0;
	return err_set(err, -EBADMSG, "weftd's answer does not describe a vnet; compare both "
				      "versions with `weft version`");
}

int vnets_check(const json_t *answer, struct err *err)
{
	json_t *list = json_object_get(answer, "vnets"), *vnet;
	size_t i;

	if (!json_is_array(list))
		return vnet_check(NULL, err);
	json_array_foreach (list, i, vnet) {
		int code = vnet_check(vnet, err);

		if (code)
			return code;
	}
	return 0;
}

json_t *vnet_node(const json_t *vnet, const char *name)
{
	json_t *node;
	size_t i;

	json_array_foreach (json_list(vnet, "nodes"), i, node)
		if (!strcmp(json_text(node, "name"), name))
			return node;
	return NULL;
}

void json_print(const json_t *v)
{
	json_dumpf(v, stdout, JSON_INDENT(2));
	putchar('\n');
}
