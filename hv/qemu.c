/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The QEMU backend: a machine is a jailed qemu-system-x86_64 (jail.c), watched by pidfd (proc.c)
 * and spoken to by QMP (qmp.c). Everything needed to find it again is in DIR (record.c). Saved
 * machines: saved.c is what they look like, qemu_save.c writes them, ram.c shares their memory.
 */
#include "hv/qemu_machine_priv.h"

#include "hv/machine_dir_priv.h"
#include "hv/qemu_priv.h"
#include "hv/ram_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static struct qemu *of(const struct hv_machine *m)
{
	return (struct qemu *)m;
}

static bool describe_end(const struct machine *m, char *out, size_t size)
{
	static const char *const ends[][2] = { { "guest-panic", "guest panicked" },
					       { "guest-reset", "guest rebooted" },
					       { "guest-shutdown", "guest powered off" } };
	const char *shutdown = ((const struct qemu *)m)->shutdown;

	for (unsigned i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (strcmp(shutdown, ends[i][0]) == 0)
			return snprintf(out, size, "%s", ends[i][1]) > 0;
	return shutdown[0] && snprintf(out, size, "ended by %s", shutdown) > 0;
}

static void destroy(struct qemu *q)
{
	control_fini(q);
	machine_fini(&q->m);
	ram_put(q->ram);
	saved_close(&q->base_ram);
	free(q);
}

static struct qemu *create(struct event_base *base, const char *dir, hv_event_cb cb, void *arg)
{
	static const struct machine_ops ops = { control_process_ended, describe_end };
	struct qemu *q = calloc(1, sizeof(*q));
	int code;

	if (!q)
		return NULL;
	code = machine_init(&q->m, &hv_qemu, &ops, base, dir, cb, arg);
	q->base_ram = -1;
	if (control_init(q) < 0 || code) {
		destroy(q);
		return NULL;
	}
	return q;
}

static int qemu_start(struct event_base *base, const struct hv_conf *conf, hv_event_cb cb, void *arg,
		      struct hv_machine **out, struct err *err)
{
	struct qemu *q;
	int code = machine_check(conf, err);

	if (!code)
		code = machine_may_start(conf, err);
	if (code)
		return code;
	q = create(base, conf->dir, cb, arg);
	if (!q)
		return err_sys(err, -ENOMEM, "%s", conf->name);
	machine_fill_record(&q->m, conf);
	/* New NICs are up by themselves, saved ones as they were. */
	for (unsigned i = 0; i < conf->nic_count; i++)
		q->carrier[i] = !conf->nics[i].carrier ? CARRIER_DOWN :
				conf->from ? CARRIER_UP : CARRIER_ASIS;
	code = qemu_launch(q, conf, err);
	if (!code)
		code = machine_began(&q->m, conf, err);
	if (code) {
		machine_dir_clean(conf->dir, &q->m.rec);
		destroy(q);
		return code;
	}
	control_connect(q);
	*out = &q->m.m;
	return 0;
}

/* The memory that it started from, if `from` holds that. Without, it is saved whole. */
static void find_base(struct qemu *q, const char *from)
{
	struct saved s;

	if (!from || !q->m.rec.from[0] || saved_read(from, &s, NULL) < 0 ||
	    strcmp(s.id, q->m.rec.from) != 0 || s.memory_mib != q->m.rec.memory_mib)
		return;
	q->base_ram = saved_open(from, "ram", NULL);
	if (q->base_ram < 0)
		q->base_ram = -1;
}

static int qemu_adopt(struct event_base *base, const char *dir, const char *from, hv_event_cb cb,
		      void *arg, struct hv_machine **out, struct err *err)
{
	struct hv_record rec;
	struct qemu *q;
	int code = machine_find(dir, &rec, err);

	if (code)
		return code;
	q = create(base, dir, cb, arg);
	if (!q)
		return err_sys(err, -ENOMEM, "%s", dir);
	code = machine_adopt(&q->m, &rec, err);
	if (code) {
		destroy(q);
		return code;
	}
	find_base(q, from);
	control_connect(q);
	*out = &q->m.m;
	return 0;
}

static int qemu_set_carrier(struct hv_machine *m, unsigned nic, bool up)
{
	struct qemu *q = of(m);

	if (nic >= q->m.rec.nic_count)
		return -EINVAL;
	q->carrier[nic] = up ? CARRIER_UP : CARRIER_DOWN;
	control_carrier(q, nic);
	return 0;
}

static int qemu_pause(struct hv_machine *m)
{
	return control_wish(of(m), WISH_PAUSE, NULL, false);
}

static int qemu_resume(struct hv_machine *m)
{
	return control_wish(of(m), WISH_RESUME, NULL, false);
}

static int64_t qemu_instant(const struct hv_machine *m)
{
	return of(m)->instant;
}

static int qemu_save(struct hv_machine *m, const char *dir, bool as_template, struct err *err)
{
	struct qemu *q = of(m);
	struct stat st;

	for (unsigned i = 0; i < q->m.rec.nic_count; i++)
		if (!q->m.rec.sockets[i][0])
			return err_set(err, -ENOTSUP, "NIC %u is attached by vhost-user, which cannot be "
				       "saved", i);
	if (control_saves(q))
		return err_set(err, -EBUSY, "%s: it is being saved already", q->m.dir);
	if (strlen(dir) >= PATH_MAX)
		return err_sys(err, -ENAMETOOLONG, "%s", dir);
	if (lstat(dir, &st) == 0)
		return err_sys(err, -EEXIST, "%s", dir);
	if (control_wish(q, WISH_SAVE, dir, as_template) < 0)
		return err_sys(err, -ENOMEM, "%s", dir);
	return 0;
}

static void qemu_detach(struct hv_machine *m)
{
	destroy(of(m));
}

const struct hv_backend hv_qemu = {
	.name = "qemu",
	.start = qemu_start,
	.adopt = qemu_adopt,
	.stop = machine_stop,
	.set_carrier = qemu_set_carrier,
	.pause = qemu_pause,
	.resume = qemu_resume,
	.save = qemu_save,
	.fingerprint = qemu_fingerprint,
	.instant = qemu_instant,
	.pid = machine_pid,
	.accel = machine_accel,
	.detach = qemu_detach,
};
