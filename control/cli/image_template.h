/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_CLI_IMAGE_TEMPLATE_H
#define CONTROL_CLI_IMAGE_TEMPLATE_H

#include "control/cli/cli.h"
#include "control/cli/progress.h"
#include "vrouter/template.h"

/* Builds the image's template unless a good one is there (or always, with force); shows progress. */
int template_make(const struct cli *cli, const struct image *image, bool force,
		  struct progress *progress, struct template *out, struct err *err);

#endif
