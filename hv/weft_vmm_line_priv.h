/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HV_WEFT_VMM_LINE_PRIV_H
#define HV_WEFT_VMM_LINE_PRIV_H

/* What weft-vmm says on its control socket (docs/machines.md), a line at a time. It may be a machine
 * that its guest has taken over: nothing it says is trusted. */

#include <stddef.h>
#include <stdint.h>

#define WEFT_VMM_LINE_MAX 65536

enum weft_vmm_said {
	WEFT_VMM_DONE,	  /* answer id */
	WEFT_VMM_REFUSED, /* answer id; text says why */
	WEFT_VMM_ENDED,	  /* word is the reason, text says why */
	WEFT_VMM_OTHER,	  /* an event of later versions */
};

struct weft_vmm_line {
	enum weft_vmm_said kind;
	int64_t id, instant_us; /* 0: not said */
	char word[16], text[256]; /* printable ASCII, cut where they are longer; "": not said */
};

/* -EBADMSG: it is no such line. */
int weft_vmm_line_read(const char *line, size_t len, struct weft_vmm_line *out);

#endif
