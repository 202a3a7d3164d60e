/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/weft_vmm_line_priv.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

/* The machine's words may end up on a terminal. */
static void copy_text(char *out, size_t size, const json_t *text)
{
	const char *from = json_string_value(text);

	snprintf(out, size, "%s", from ? from : "");
	for (; *out; out++)
		if (*out < 32 || *out > 126)
			*out = '?';
}

static int read_answer(const json_t *o, struct weft_vmm_line *out)
{
	const json_t *id = json_object_get(o, "id"), *result = json_object_get(o, "result");
	const json_t *error = json_object_get(o, "error");

	if (!json_is_integer(id) || json_is_object(result) == json_is_string(error))
		return -EBADMSG;
	out->kind = error ? WEFT_VMM_REFUSED : WEFT_VMM_DONE;
	out->id = json_integer_value(id);
	out->instant_us = json_integer_value(json_object_get(result, "instant_us"));
	copy_text(out->text, sizeof(out->text), error);
	return 0;
}

int weft_vmm_line_read(const char *line, size_t len, struct weft_vmm_line *out)
{
	json_t *o = json_loadb(line, len, 0, NULL);
	const char *event = json_string_value(json_object_get(o, "event"));
	int code = 0;

	*out = (struct weft_vmm_line){ .kind = WEFT_VMM_OTHER };
	if (!json_is_object(o)) {
		code = -EBADMSG;
	} else if (!event) {
		code = read_answer(o, out);
	} else if (strcmp(event, "ended") == 0) {
		out->kind = WEFT_VMM_ENDED;
		copy_text(out->word, sizeof(out->word), json_object_get(o, "reason"));
		copy_text(out->text, sizeof(out->text), json_object_get(o, "why"));
	}
	json_decref(o);
	return code;
}
