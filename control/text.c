/* SPDX-License-Identifier: Apache-2.0 */
#include "control/text.h"

#include <stdlib.h>
#include <string.h>

json_t *text_json(const char *text)
{
	json_t *o = json_string(text);
	char *copy = o ? NULL : strdup(text);

	for (char *p = copy; p && *p; p++)
		*p = *p & 0x80 ? '?' : *p;
	if (copy)
		o = json_string(copy);
	free(copy);
	return o;
}
