/* SPDX-License-Identifier: Apache-2.0 */
/* A scenario as anybody may write it. What is read can be asked of the API. */
#include "control/scenario.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_step(const struct scenario_step *step)
{
	json_t *body = step->body ? json_loads(step->body, 0, NULL) : NULL;

	if ((step->body && !body) || !step->path || strchr(step->path, ' ') || strstr(step->path, "/.."))
		abort();
	json_decref(body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = { { 0 } };
	struct scenario *s;

	if (scenario_load("s.yml", (const char *)data, size, &s, &err) < 0) {
		if (strncmp(err.text, "s.yml:", 6) != 0)
			abort();
		return 0;
	}
	for (unsigned i = 0; i < s->count; i++)
		check_step(&s->steps[i]);
	scenario_free(s);
	return 0;
}
