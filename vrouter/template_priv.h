/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VROUTER_TEMPLATE_PRIV_H
#define VROUTER_TEMPLATE_PRIV_H

#include "hv/hv.h"
#include "vrouter/template.h"

#include <limits.h>

/* The machine that an image's template and its clones have. NICs, name and directory are open. */
void template_machine(const struct image *img, struct hv_conf *conf);

/* What template.json must say for the template to be of use: the hash of the machine. */
int template_key(const struct image *img, char key[17], struct err *err);

void template_dir(const struct image *img, char dir[TEMPLATE_PATH_MAX]);

/* Writes DIR/initrd for a cold boot of guest, and its path to path. */
int template_initrd(const struct image *img, const struct image_guest *guest, const char *dir,
		    char path[PATH_MAX], struct err *err);

#endif
