/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/hv.h"

#include "hv/qemu_priv.h"
#include "hv/record_priv.h"
#include "hv/saved_priv.h"
#include "hv/weft_vmm_priv.h"

#include <errno.h>
#include <string.h>

static const struct hv_backend *const backends[] = { &hv_weft_vmm, &hv_qemu };

enum { BACKEND_COUNT = sizeof(backends) / sizeof(backends[0]) };

static const struct hv_backend *wanted; /* hv_use() */

static const struct hv_backend *find(const char *name)
{
	for (unsigned i = 0; i < BACKEND_COUNT; i++)
		if (strcmp(backends[i]->name, name) == 0)
			return backends[i];
	return NULL;
}

int hv_use(const char *name, struct err *err)
{
	wanted = name ? find(name) : NULL;
	return name && !wanted ? err_set(err, -EINVAL, "machines are of weft-vmm or qemu, not of \"%s\"",
					 name) : 0;
}

/* A saved machine goes on in what saved it. */
static const struct hv_backend *choose(const struct hv_conf *conf)
{
	const struct hv_backend *saver = NULL;
	struct saved saved;

	if (conf->from && saved_read(conf->from, &saved, NULL) == 0)
		saver = find(saved.backend);
	if (saver || wanted)
		return saver ? saver : wanted;
	return hv_can_use_kvm() && weft_vmm_can(conf, NULL) == 0 ? &hv_weft_vmm : &hv_qemu;
}

int hv_start(struct event_base *base, const struct hv_conf *conf, hv_event_cb cb, void *arg,
	     struct hv_machine **out, struct err *err)
{
	return choose(conf)->start(base, conf, cb, arg, out, err);
}

int hv_adopt(struct event_base *base, const char *dir, const char *from, hv_event_cb cb, void *arg,
	     struct hv_machine **out, struct err *err)
{
	struct hv_record rec;
	const struct hv_backend *backend;
	int code = hv_record_read(dir, &rec, err);

	if (code)
		return code;
	backend = find(rec.backend);
	if (!backend)
		return err_set(err, -EBADMSG, "%s: machine of an unknown backend", dir);
	return backend->adopt(base, dir, from, cb, arg, out, err);
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
	return choose(conf)->fingerprint(conf, out, err);
}

pid_t hv_pid(const struct hv_machine *m)
{
	return m->backend->pid(m);
}

const char *hv_name(const struct hv_machine *m)
{
	return m->backend->name;
}

const char *hv_accel(const struct hv_machine *m)
{
	return m->backend->accel(m);
}

void hv_detach(struct hv_machine *m)
{
	m->backend->detach(m);
}
