/* SPDX-License-Identifier: Apache-2.0 */
/* What machines of all backends have to do with saved ones. */
#include "hv/machine_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

int machine_open_saved(struct machine *m, const struct hv_conf *conf, int *state, struct err *err)
{
	struct saved s;
	int code = saved_read(conf->from, &s, err);

	if (code)
		return code;
	if (strcmp(s.backend, m->m.backend->name) != 0 || s.memory_mib != conf->memory_mib ||
	    s.cpus != conf->cpus)
		return err_set(err, -EINVAL, "%s: %s was saved by %s with %u MiB and %u CPUs",
			       conf->name, conf->from, s.backend, s.memory_mib, s.cpus);
	if (s.id[0]) {
		m->base_ram = code = saved_open(conf->from, "ram", err);
		if (code < 0)
			return code;
		code = ram_get(m->base_ram, (uint64_t)s.memory_mib << 20, &m->ram, err);
		if (code)
			return err_prefix(err, code, "%s", conf->from);
		snprintf(m->rec.from, sizeof(m->rec.from), "%s", s.id);
	}
	*state = saved_open(conf->from, "state", err);
	return *state < 0 ? *state : 0;
}

void machine_find_base(struct machine *m, const char *from)
{
	struct saved s;

	if (!from || !m->rec.from[0] || saved_read(from, &s, NULL) < 0 ||
	    strcmp(s.id, m->rec.from) != 0 || s.memory_mib != m->rec.memory_mib)
		return;
	m->base_ram = saved_open(from, "ram", NULL);
}

int machine_may_save(const struct machine *m, const char *dir, struct err *err)
{
	struct stat st;

	for (unsigned i = 0; i < m->rec.nic_count; i++)
		if (!m->rec.sockets[i][0])
			return err_set(err, -ENOTSUP, "NIC %u is attached by vhost-user, which "
				       "cannot be saved", i);
	if (machine_saves(m))
		return err_set(err, -EBUSY, "%s: it is being saved already", m->dir);
	if (strlen(dir) >= PATH_MAX)
		return err_sys(err, -ENAMETOOLONG, "%s", dir);
	if (lstat(dir, &st) == 0)
		return err_sys(err, -EEXIST, "%s", dir);
	return 0;
}

int machine_save(struct machine *m, const struct wish *w, int source, save_take take,
		 save_done_cb done, struct save **out, struct err *err)
{
	struct save_conf conf = { .dir = w->dir, .machine = m->dir, .pid = m->rec.pid,
				  .uid = m->rec.owner, .as_template = w->as_template,
				  .base = m->base_ram, .source = source, .take = take };

	snprintf(conf.saved.backend, sizeof(conf.saved.backend), "%s", m->rec.backend);
	snprintf(conf.saved.id, sizeof(conf.saved.id), "%s", m->rec.from);
	conf.saved.memory_mib = m->rec.memory_mib;
	conf.saved.cpus = m->rec.cpus;
	return save_start(m->base, &conf, done, m, out, err);
}
