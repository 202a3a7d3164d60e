/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/weft_vmm_priv.h"

#include "hv/machine_dir_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct weft_vmm *of(const struct hv_machine *m)
{
	return (struct weft_vmm *)m;
}

static bool describe_end(const struct machine *m, char *out, size_t size)
{
	static const char *const ends[][2] = { { "shutdown", "guest powered off" },
					       { "reset", "guest rebooted" },
					       { "crashed", "guest panicked" },
					       { "stopped", "stopped by its control socket or a signal" } };
	const struct weft_vmm_line *end = &((const struct weft_vmm *)m)->end;

	if (end->kind != WEFT_VMM_ENDED)
		return false;
	for (unsigned i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (strcmp(end->word, ends[i][0]) == 0)
			return snprintf(out, size, "%s", ends[i][1]) > 0;
	return snprintf(out, size, "%s%s%s", end->word, end->text[0] ? ": " : "", end->text) > 0;
}

static void destroy(struct weft_vmm *w)
{
	weft_vmm_control_fini(w);
	machine_fini(&w->m);
	free(w);
}

static struct weft_vmm *create(struct event_base *base, const char *dir, hv_event_cb cb, void *arg)
{
	static const struct machine_ops ops = { weft_vmm_control_process_ended, describe_end };
	struct weft_vmm *w = calloc(1, sizeof(*w));
	int code;

	if (!w)
		return NULL;
	code = machine_init(&w->m, &hv_weft_vmm, &ops, base, dir, cb, arg);
	if (weft_vmm_control_init(w) < 0 || code) {
		destroy(w);
		return NULL;
	}
	return w;
}

static int start(struct event_base *base, const struct hv_conf *conf, hv_event_cb cb, void *arg,
		 struct hv_machine **out, struct err *err)
{
	struct weft_vmm *w;
	int code = machine_check(conf, err);

	if (!code)
		code = weft_vmm_can(conf, err);
	if (!code)
		code = machine_may_start(conf, err);
	if (code)
		return code;
	w = create(base, conf->dir, cb, arg);
	if (!w)
		return err_sys(err, -ENOMEM, "%s", conf->name);
	machine_fill_record(&w->m, conf);
	snprintf(w->m.rec.accel, sizeof(w->m.rec.accel), "kvm");
	code = weft_vmm_launch(w, conf, err);
	if (!code)
		code = machine_began(&w->m, conf, err);
	if (code) {
		machine_dir_clean(conf->dir, &w->m.rec);
		destroy(w);
		return code;
	}
	weft_vmm_control_connect(w);
	*out = &w->m.m;
	return 0;
}

static int adopt(struct event_base *base, const char *dir, const char *from, hv_event_cb cb,
		 void *arg, struct hv_machine **out, struct err *err)
{
	struct hv_record rec;
	struct weft_vmm *w;
	int code = machine_find(dir, &rec, err);

	if (code)
		return code;
	w = create(base, dir, cb, arg);
	if (!w)
		return err_sys(err, -ENOMEM, "%s", dir);
	code = machine_adopt(&w->m, &rec, err);
	if (code) {
		destroy(w);
		return code;
	}
	weft_vmm_control_connect(w);
	*out = &w->m.m;
	return 0;
}

static int set_carrier(struct hv_machine *m, unsigned nic, bool up)
{
	struct weft_vmm *w = of(m);

	if (nic >= w->m.rec.nic_count)
		return -EINVAL;
	w->nic[nic] = up ? WEFT_VMM_LINK_UP : WEFT_VMM_LINK_DOWN;
	weft_vmm_control_carrier(w, nic);
	return 0;
}

static int pause_(struct hv_machine *m)
{
	return weft_vmm_control_wish(of(m), true);
}

static int resume(struct hv_machine *m)
{
	return weft_vmm_control_wish(of(m), false);
}

static int save(struct hv_machine *m, const char *dir, bool as_template, struct err *err)
{
	return err_set(err, -ENOTSUP, "%s: weft-vmm cannot save a machine", of(m)->m.dir);
}

static int fingerprint(const struct hv_conf *conf, struct buf *out, struct err *err)
{
	return err_set(err, -ENOTSUP, "weft-vmm cannot save a machine, so there are no templates of it");
}

static int64_t instant(const struct hv_machine *m)
{
	return of(m)->instant_us;
}

static void detach(struct hv_machine *m)
{
	destroy(of(m));
}

const struct hv_backend hv_weft_vmm = {
	.name = "weft-vmm",
	.start = start,
	.adopt = adopt,
	.stop = machine_stop,
	.set_carrier = set_carrier,
	.pause = pause_,
	.resume = resume,
	.save = save,
	.fingerprint = fingerprint,
	.instant = instant,
	.pid = machine_pid,
	.accel = machine_accel,
	.detach = detach,
};
