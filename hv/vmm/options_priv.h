/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HV_VMM_OPTIONS_PRIV_H
#define HV_VMM_OPTIONS_PRIV_H

/* The command line of weft-vmm. */

#include "hv/vmm/vmm.h"

struct options {
	struct vmm_conf vmm;
	const char *control;
	bool paused;
};

enum { OPTIONS_OK = -1 };

/* OPTIONS_OK, or the status to exit with: something was printed. Strings point into argv, which is
 * written to. */
int options_parse(int argc, char **argv, struct options *out);
/* What --net says: a sentence, or 0. text is written to. */
int options_nic(char *text, struct vmm_nic *out, struct err *err);

#endif
