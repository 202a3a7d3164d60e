/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/machine_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

int machine_wish(struct machine *m, enum wish_kind kind, const char *dir, bool as_template)
{
	struct wish *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->kind = kind;
	w->as_template = as_template;
	if (dir)
		snprintf(w->dir, sizeof(w->dir), "%s", dir);
	STAILQ_INSERT_TAIL(&m->wishes, w, link);
	return 0;
}

static void pop(struct machine *m)
{
	struct wish *w = STAILQ_FIRST(&m->wishes);

	STAILQ_REMOVE_HEAD(&m->wishes, link);
	free(w);
}

void machine_granted(struct machine *m, enum hv_event ev, const char *reason)
{
	pop(m);
	machine_tell(m, ev, reason);
}

bool machine_saves(const struct machine *m)
{
	const struct wish *w;

	STAILQ_FOREACH(w, &m->wishes, link)
		if (w->kind == WISH_SAVE)
			return true;
	return false;
}

void machine_drop_wishes(struct machine *m, bool tell)
{
	while (STAILQ_FIRST(&m->wishes)) {
		if (tell && STAILQ_FIRST(&m->wishes)->kind == WISH_SAVE)
			machine_tell(m, HV_NOT_SAVED, "the machine ended");
		pop(m);
	}
}
