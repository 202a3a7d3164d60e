/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest without an agent. Zebra says its routes by FPM (fpm.c), over a NIC that the machine has for
 * it before the others; neighbours and addresses of its own are seen in its ARP and ND (snooped.c);
 * its links are taken to be in the order of the NICs. That zebra connects is all that says that it is
 * ready.
 *
 * The intake hears of neighbours while the guest that it mirrors is the one that runs: after another
 * one was started, when that one's routes begin to come.
 */
#include "vrouter/fpm_priv.h"
#include "vrouter/fpm_tell_priv.h"
#include "vrouter/vrouter_priv.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <unistd.h>

enum { AGE_S = 10, LISTEN_MS = 200 };

struct vrouter_fpm {
	struct vrouter *v;
	struct fpm *fpm;
	struct snooped *snooped;
	struct event *age, *listen;
	bool current; /* the intake mirrors the guest that runs */
};

static void on_neighbour(void *arg, unsigned nic, const struct snooped_addr *a, const uint8_t *mac)
{
	struct vrouter_fpm *f = arg;

	if (!f->current)
		return;
	fpm_tell_neighbour(f->v->intake, INTAKE_FPM_PORTS + nic, a, mac);
	fpm_touch(f->fpm);
}

static void on_own(void *arg, unsigned nic, const struct snooped_addr *a, bool has)
{
	struct vrouter_fpm *f = arg;

	if (!f->current)
		return;
	fpm_tell_own(f->v->intake, INTAKE_FPM_PORTS + nic, a, has);
	fpm_touch(f->fpm);
}

static void on_up(void *arg)
{
	struct vrouter_fpm *f = arg;

	f->current = true;
	vrouter_answers(f->v);
	f->v->conf->fpm_is(f->v->conf->sink_arg, true, NULL);
}

static void on_tell(void *arg)
{
	struct vrouter_fpm *f = arg;

	for (unsigned i = 0; i < HV_PORTS_MAX; i++) {
		struct intake_port port;

		vrouter_intake_port(f->v->conf, i, &port);
		fpm_tell_link(f->v->intake, INTAKE_FPM_PORTS + i, &port);
	}
	snooped_tell(f->snooped);
}

static void on_synced(void *arg)
{
	struct vrouter_fpm *f = arg;

	f->v->synced = true;
}

static void on_down(void *arg, const char *why)
{
	struct vrouter_fpm *f = arg;

	f->v->conf->fpm_is(f->v->conf->sink_arg, false, why);
}

static void on_age(evutil_socket_t fd, short what, void *arg)
{
	struct vrouter_fpm *f = arg;

	snooped_age(f->snooped, clock_ms());
}

/* Its machine runs: a socket in that one's network. */
static void on_listen(evutil_socket_t unused, short what, void *arg)
{
	static const struct timeval again = { .tv_usec = LISTEN_MS * 1000 };
	struct vrouter_fpm *f = arg;
	struct vrouter *v = f->v;
	struct err err;
	int fd = v->machine ? hv_listen(v->machine, FPM_PORT, &err) : -ENOENT;

	if (fd >= 0 && fpm_listen(f->fpm, fd, v->started_ms && !v->restarted) == 0)
		return;
	if (fd >= 0)
		close(fd);
	if (fd != -EAGAIN && v->machine)
		log_warn("%s: %s", v->conf->name, fd < 0 ? err.text : "out of memory");
	if (v->machine)
		event_add(f->listen, &again);
}

int vrouter_fpm_create(struct vrouter *v)
{
	static const struct fpm_ops ops = { on_up, on_tell, on_synced, on_down };
	static const struct snooped_ops seen = { on_neighbour, on_own };
	static const struct timeval period = { .tv_sec = AGE_S };
	struct vrouter_fpm *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	v->fpm = f;
	f->v = v;
	f->age = event_new(v->base, -1, EV_PERSIST, on_age, f);
	f->listen = evtimer_new(v->base, on_listen, f);
	if (!f->age || !f->listen || event_add(f->age, &period) < 0 ||
	    fpm_create(v->base, v->intake, &ops, f, &f->fpm) < 0 ||
	    snooped_create(&seen, f, &f->snooped) < 0)
		return -ENOMEM; /* vrouter_fpm_destroy() follows */
	return 0;
}

void vrouter_fpm_destroy(struct vrouter *v)
{
	struct vrouter_fpm *f = v->fpm;

	if (!f)
		return;
	fpm_destroy(f->fpm);
	snooped_destroy(f->snooped);
	if (f->age)
		event_free(f->age);
	if (f->listen)
		event_free(f->listen);
	free(f);
	v->fpm = NULL;
}

void vrouter_fpm_begin(struct vrouter *v)
{
	event_active(v->fpm->listen, 0, 0);
}

void vrouter_fpm_end(struct vrouter *v)
{
	v->fpm->current = false;
	event_del(v->fpm->listen);
	fpm_close(v->fpm->fpm);
	snooped_reset(v->fpm->snooped);
}

bool vrouter_fpm_is_up(const struct vrouter *v)
{
	return fpm_is_up(v->fpm->fpm);
}

void vrouter_fpm_carrier(struct vrouter *v, unsigned nic, bool up)
{
	if (!up)
		snooped_port_down(v->fpm->snooped, nic);
}

void vrouter_snooped(struct vrouter *v, unsigned nic, bool sent, const void *frame, size_t len, uint64_t ms)
{
	struct intake_port port;

	if (!v->fpm || !v->machine || nic >= HV_PORTS_MAX)
		return;
	vrouter_intake_port(v->conf, nic, &port);
	if (port.mtu)
		snooped_frame(v->fpm->snooped, nic, port.mac, sent, frame, len, ms);
}

void vrouter_snoop_missed(struct vrouter *v)
{
	if (v->fpm)
		snooped_missed(v->fpm->snooped);
}
