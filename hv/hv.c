/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/hv.h"

#include "hv/qemu_priv.h"
#include "hv/record_priv.h"

#include <errno.h>
#include <string.h>

/* The first is what new machines get; adopting looks a machine's own one up. */
static const struct hv_backend *const backends[] = { &hv_qemu };

enum { BACKEND_COUNT = sizeof(backends) / sizeof(backends[0]) };

int hv_start(struct event_base *base, const struct hv_conf *conf, hv_event_cb cb, void *arg,
	     struct hv_machine **out, struct err *err)
{
	return backends[0]->start(base, conf, cb, arg, out, err);
}

int hv_adopt(struct event_base *base, const char *dir, const char *from, hv_event_cb cb, void *arg,
	     struct hv_machine **out, struct err *err)
{
	struct hv_record rec;
	int code = hv_record_read(dir, &rec, err);

	if (code)
		return code;
	for (unsigned i = 0; i < BACKEND_COUNT; i++)
		if (strcmp(backends[i]->name, rec.backend) == 0)
			return backends[i]->adopt(base, dir, from, cb, arg, out, err);
	return err_set(err, -EBADMSG, "%s: machine of an unknown backend", dir);
}

void hv_stop(struct hv_machine *m)
{
	m->backend->stop(m);
}

int hv_set_carrier(struct hv_machine *m, unsigned nic, bool up)
{
	return m->backend->set_carrier(m, nic, up);
}

int hv_pause(struct hv_machine *m)
{
	return m->backend->pause(m);
}

int hv_resume(struct hv_machine *m)
{
	return m->backend->resume(m);
}

int64_t hv_instant(const struct hv_machine *m)
{
	return m->backend->instant(m);
}

int hv_save(struct hv_machine *m, const char *dir, bool as_template, struct err *err)
{
	return m->backend->save(m, dir, as_template, err);
}

int hv_fingerprint(const struct hv_conf *conf, struct buf *out, struct err *err)
{
	return backends[0]->fingerprint(conf, out, err);
}

pid_t hv_pid(const struct hv_machine *m)
{
	return m->backend->pid(m);
}

const char *hv_accel(const struct hv_machine *m)
{
	return m->backend->accel(m);
}

void hv_detach(struct hv_machine *m)
{
	m->backend->detach(m);
}
