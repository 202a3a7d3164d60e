/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/weft_vmm_line_priv.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text, size_t room)
{
	const char *end = memchr(text, 0, room);

	if (!end)
		abort();
	for (; text < end; text++)
		if (*text < 32 || *text > 126)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weft_vmm_line line;

	if (weft_vmm_line_read((const char *)data, size, &line) < 0)
		return 0;
	check_text(line.word, sizeof(line.word));
	check_text(line.text, sizeof(line.text));
	return 0;
}
