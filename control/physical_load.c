/* SPDX-License-Identifier: Apache-2.0 */
/* The table of physical ports, from the operator's file. */
#include "control/physical_priv.h"

#include "base/file.h"
#include "base/log.h"
#include "control/vnet_news.h"
#include "control/vnet_priv.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX (1u << 20)

/* From now on these are the ports. */
static void take(struct physical *ph, struct ports_yml *yml)
{
	memset(ph->ports, 0, sizeof(ph->ports));
	ph->yml = *yml;
	ph->error[0] = 0;
	for (unsigned i = 0; i < ph->yml.count; i++) {
		struct physical_port *p = &ph->ports[i];

		p->conf = &ph->yml.ports[i];
		p->driver = p->conf->driver;
		if (p->conf->interface[0])
			physical_link_get(p->conf->interface, &p->link);
		physical_serve(ph, p);
	}
}

/* No file: no ports. */
static int load(struct physical *ph, struct ports_yml *yml, struct err *err)
{
	struct buf text = { 0 };
	int code = access(ph->path, F_OK) < 0 && errno == ENOENT ? -ENOENT : 0;

	*yml = (struct ports_yml){ 0 };
	if (code)
		return 0;
	code = file_read(ph->path, FILE_MAX, &text, err);
	if (!code)
		code = ports_yml_load(ph->path, (const char *)text.data, text.len, yml, err);
	buf_free(&text);
	return code;
}

static void spread_all(struct physical *ph)
{
	struct vnet *v;

	TAILQ_FOREACH (v, &ph->daemon->vnets, entry) {
		struct node *n = physical_node(v);

		if (!n)
			continue;
		vnet_program_node(n);
		for (unsigned i = 0; i < n->spec->port_count; i++)
			vnet_update_carriers(v, &v->links[n->spec->ports[i].link]);
		vnet_news(v);
	}
}

/* Goes on with what was known of the port; whether it is served as it was. */
static bool goes_on(struct physical_port *p, const struct physical_port *was, unsigned count)
{
	bool same = false;

	for (unsigned i = 0; i < count; i++) {
		same |= !strcmp(was[i].device, p->device) && was[i].link.index == p->link.index;
		if (strcmp(was[i].conf->name, p->conf->name) != 0)
			continue;
		p->told = was[i].told;
		p->told_driver = was[i].told_driver;
	}
	return same;
}

int physical_reload(struct physical *ph, struct err *err)
{
	char device[PORTS_MAX][sizeof(ph->ports[0].device)];
	struct ports_yml old = ph->yml, yml;
	struct physical_port was[PORTS_MAX];
	int code = load(ph, &yml, err);

	if (code)
		return code;
	memcpy(was, ph->ports, sizeof(was));
	take(ph, &yml);
	/* What is served as before goes on; what is not is let go of before anything is taken. */
	for (unsigned i = 0; i < ph->yml.count; i++) {
		memcpy(device[i], ph->ports[i].device, sizeof(device[i]));
		if (!goes_on(&ph->ports[i], was, old.count))
			ph->ports[i].device[0] = 0;
	}
	spread_all(ph);
	for (unsigned i = 0; i < ph->yml.count; i++) {
		memcpy(ph->ports[i].device, device[i], sizeof(device[i]));
		physical_tell(ph, &ph->ports[i]);
	}
	spread_all(ph);
	ports_yml_free(&old);
	return 0;
}

/* The engine, which is nobody, is given a copy that it can read, of a name that fits. */
static void copy_program(struct physical *ph, const char *from)
{
	struct buf program = { 0 };
	struct err err;

	snprintf(ph->program, sizeof(ph->program), "%s/slices.bpf.o", ph->daemon->run);
	if (file_read(from, FILE_MAX, &program, &err) < 0 ||
	    file_write(ph->program, program.data, program.len, 0644, &err) < 0) {
		log_warn("no AF_XDP: %s", err.text);
		ph->program[0] = 0;
	}
	buf_free(&program);
}

int physical_create(struct weftd *d, const char *path, struct physical **out, struct err *err)
{
	struct physical *ph = calloc(1, sizeof(*ph));
	struct ports_yml yml;
	char program[PATH_MAX];
	const char *share = getenv("WEFT_SHARE");
	int code = 0;

	if (!ph)
		return err_sys(err, -ENOMEM, "%s", path);
	libbpf_set_print(NULL);
	ph->daemon = d;
	snprintf(ph->path, sizeof(ph->path), "%s", path);
	if (share && share[0])
		snprintf(program, sizeof(program), "%.4000s/slices.bpf.o", share);
	else
		code = file_beside(program, "../share/weft/slices.bpf.o", err);
	ph->links = code ? -1 : physical_links_open();
	if (!code && ph->links < 0)
		code = err_sys(err, ph->links, "rtnetlink");
	ph->links_changed = event_new(d->base, ph->links, EV_READ | EV_PERSIST, physical_on_links, ph);
	ph->slices_changed = evtimer_new(d->base, physical_on_slices, ph);
	if (!code && (!ph->links_changed || !ph->slices_changed || event_add(ph->links_changed, NULL) < 0))
		code = err_sys(err, -ENOMEM, "%s", path);
	if (code) {
		physical_destroy(ph);
		return code;
	}
	copy_program(ph, program);
	if (load(ph, &yml, err) == 0) {
		take(ph, &yml);
	} else {
		snprintf(ph->error, sizeof(ph->error), "%s", err->text);
		log_error("no physical ports: %s", ph->error);
	}
	for (unsigned i = 0; i < ph->yml.count; i++)
		physical_tell(ph, &ph->ports[i]);
	*out = ph;
	return 0;
}

void physical_destroy(struct physical *ph)
{
	if (!ph)
		return;
	if (ph->links_changed)
		event_free(ph->links_changed);
	if (ph->slices_changed)
		event_free(ph->slices_changed);
	if (ph->links >= 0)
		close(ph->links);
	ports_yml_free(&ph->yml);
	free(ph);
}
