/* SPDX-License-Identifier: Apache-2.0 */
#include "control/host.h"

#include "base/file.h"
#include "base/log.h"
#include "control/engine.h"
#include "control/host_mark.h"
#include "control/host_watch.h"
#include "control/netns.h"
#include "control/port.h"
#include "control/taps_held.h"
#include "control/vnet_news.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct tap {
	int fd;	   /* -1: not open here (the engine may have it) */
	int index; /* of the interface, as long as it is the one that was made; 0: not known */
};

struct host {
	struct node *node;
	char netns[HOST_NETNS_MAX];
	char mark[256]; /* a file: the namespace it names is ours; "done": its exec lines have run */
	struct tap taps[TOPOLOGY_PORTS_MAX]; /* per port */
	struct host_watch *watch;
	unsigned exec_next;
	struct command *running;
	bool ready;
	struct buf said; /* the running exec line's output, for its error */
	char error[512];
	char gone[128]; /* what somebody has deleted, or empty */
};

/* Whom a tenant's host runs as: by its node's id, as guests. */
static uid_t host_uid(uint32_t node)
{
	return WEFTD_UID_GUESTS + node;
}

static const struct topology_node *spec(const struct host *h)
{
	return h->node->spec;
}

static void run_next(struct host *h);

static void on_exec_output(void *arg, int stream, const void *bytes, size_t len)
{
	struct host *h = arg;

	if (h->said.len + len < 4096)
		buf_put(&h->said, bytes, len);
}

/* The last line that is not empty: where programs say what is wrong. */
static const char *last_line(struct buf *b)
{
	char *text, *nl;

	buf_u8(b, 0);
	if (b->bad)
		return "";
	text = (char *)b->data;
	while ((nl = strrchr(text, '\n')) && !nl[1])
		*nl = 0;
	return nl ? nl + 1 : text;
}

static void on_exec_done(void *arg, int status)
{
	struct host *h = arg;

	h->running = NULL;
	if (status && !h->error[0])
		snprintf(h->error, sizeof(h->error), "exec '%s': exit status %d: %s",
			 spec(h)->exec.items[h->exec_next - 1], status, last_line(&h->said));
	run_next(h);
	vnet_news(h->node->vnet);
}

static void run_next(struct host *h)
{
	const char *argv[] = { "/bin/sh", "-c", NULL, NULL };
	struct command_conf conf = {
		.argv = argv, .output = on_exec_output, .done = on_exec_done, .arg = h
	};
	struct err err;

	buf_reset(&h->said);
	if (h->exec_next == spec(h)->exec.count) {
		h->ready = true;
		if (host_mark_write(h->mark, h->netns, true, spec(h), &err) < 0)
			log_warn("%s: %s", h->netns, err.text);
		return;
	}
	argv[2] = spec(h)->exec.items[h->exec_next++];
	if (host_exec(h, &conf, &h->running, &err) < 0) {
		snprintf(h->error, sizeof(h->error), "exec '%s': %.300s", argv[2], err.text);
		h->ready = true;
	}
}

static int open_tap(struct host *h, unsigned i, struct err *err)
{
	const struct topology_port *p = &spec(h)->ports[i];
	struct tap *tap = &h->taps[i];

	if (tap->fd >= 0)
		return 0;
	tap->fd = netns_tap(h->netns, p->name, p->mac, p->mtu, err);
	if (tap->fd < 0)
		return tap->fd;
	/* A tap has carrier whenever somebody opens it. */
	if (!vnet_carrier(h->node->vnet, &h->node->ports[i]))
		host_set_carrier(h, i, false);
	return 0;
}

/* Restarting makes it anew: the interface alone would not have what was configured on it. */
static void on_changed(void *arg)
{
	struct host *h = arg;

	h->gone[0] = 0;
	for (unsigned i = 0; i < spec(h)->port_count && !h->gone[0]; i++) {
		const char *name = spec(h)->ports[i].name;

		if (h->taps[i].index && host_watch_index(h->watch, name) != h->taps[i].index)
			snprintf(h->gone, sizeof(h->gone), "somebody has deleted or renamed its interface "
				 "%s; weft restart makes the host anew", name);
	}
	vnet_news(h->node->vnet);
}

static void watch(struct host *h)
{
	struct err err;

	if (host_watch_create(h->node->vnet->daemon->base, h->netns, on_changed, h, &h->watch, &err) < 0)
		log_warn("%s", err.text);
}

/* And all that runs in it. What has made itself another namespace is in none that could be looked for. */
static int end_namespace(const char *netns, uint32_t node, struct err *err)
{
	if (netns_is_confined(netns))
		netns_kill_user(host_uid(node));
	return netns_destroy(netns, err);
}

static int make(struct host *h, struct err *err)
{
	int code;

	if (access(h->mark, F_OK) < 0 && netns_exists(h->netns))
		return err_set(err, -EEXIST, "namespace %s exists and is not this weftd's; if nobody "
			       "needs it: ip netns del %s", h->netns, h->netns);
	code = host_mark_write(h->mark, h->netns, false, spec(h), err);
	if (!code)
		code = end_namespace(h->netns, h->node->id, err); /* what a weftd killed halfway has left */
	if (!code)
		code = netns_create(h->netns, h->node->vnet->owner ? host_uid(h->node->id) : 0, err);
	for (unsigned i = 0; !code && i < spec(h)->port_count; i++)
		code = open_tap(h, i, err);
	return code;
}

static void remove_tap(struct host *h, const char *ifname)
{
	struct err err;

	if (netns_tap_del(h->netns, ifname, &err) < 0)
		log_warn("%s", err.text);
}

static void change_tap(struct host *h, const struct topology_port *p)
{
	struct err err;

	if (netns_tap_change(h->netns, p->name, p->mac, p->mtu, &err) < 0)
		log_warn("%s", err.text);
}

static void take_over_tap(struct host *h, const char *ifname)
{
	const struct topology_port *p = topology_port(spec(h), ifname);

	if (p)
		change_tap(h, p);
	else
		remove_tap(h, ifname);
}

/* Goes on with the host of a weftd of before, which may have been killed while ports came and went. */
static bool take_over(struct host *h, struct err *err)
{
	struct host_mark m;

	host_mark_read(h->mark, &m);
	if (!m.done || strcmp(m.name, h->netns) != 0 || !netns_exists(h->netns))
		return false;
	for (unsigned i = 0; i < m.tap_count; i++)
		take_over_tap(h, m.taps[i]);
	if (host_mark_write(h->mark, h->netns, true, spec(h), err) < 0)
		log_warn("%s: %s", h->netns, err->text);
	return true;
}

int host_create(struct node *node, struct host **out, struct err *err)
{
	struct host *h = calloc(1, sizeof(*h));
	int code = 0;

	if (!h)
		return err_sys(err, -ENOMEM, "%s", node->spec->name);
	h->node = node;
	snprintf(h->netns, sizeof(h->netns), "weft-%s-%s", node->vnet->topology->name, spec(h)->name);
	snprintf(h->mark, sizeof(h->mark), "%s/h/%u", node->vnet->daemon->run, node->id);
	for (unsigned i = 0; i < TOPOLOGY_PORTS_MAX; i++)
		h->taps[i].fd = -1;
	if (take_over(h, err)) {
		h->ready = true;
	} else {
		code = make(h, err);
		if (code) {
			host_destroy(h);
			return code;
		}
		run_next(h);
	}
	watch(h);
	*out = h;
	return 0;
}

/* What it runs itself, and what of its namespace is held here. */
static void let_go(struct host *h)
{
	if (h->running)
		command_cancel(h->running);
	h->running = NULL;
	host_watch_destroy(h->watch);
	h->watch = NULL;
	for (unsigned i = 0; i < TOPOLOGY_PORTS_MAX; i++) {
		if (h->taps[i].fd >= 0)
			close(h->taps[i].fd);
		h->taps[i] = (struct tap){ .fd = -1 };
	}
}

void host_restart(struct host *h)
{
	struct err err;

	let_go(h);
	h->error[0] = h->gone[0] = 0;
	h->exec_next = 0;
	h->ready = false;
	if (make(h, &err) < 0) {
		snprintf(h->error, sizeof(h->error), "%.500s", err.text);
	} else {
		watch(h);
		run_next(h);
	}
	vnet_news(h->node->vnet);
}

void host_detach(struct host *h)
{
	let_go(h);
	buf_free(&h->said);
	free(h);
}

void host_destroy(struct host *h)
{
	let_go(h); /* first, so that nothing enters the namespace as it goes */
	host_end_marked(h->mark);
	host_detach(h);
}

void host_end_marked(const char *path)
{
	struct host_mark m;
	struct err err;

	/* Without the mark the namespace is somebody else's. */
	host_mark_read(path, &m);
	if (m.name[0] &&
	    end_namespace(m.name, (uint32_t)strtoul(strrchr(path, '/') + 1, NULL, 10), &err) < 0) {
		log_warn("%s", err.text); /* the mark stays, for the next try */
		return;
	}
	unlink(path);
}

void host_change(struct host *h, const struct topology_node *was)
{
	struct tap taps[TOPOLOGY_PORTS_MAX];
	struct err err;

	for (unsigned i = 0; i < TOPOLOGY_PORTS_MAX; i++)
		taps[i] = (struct tap){ .fd = -1 };
	for (unsigned i = 0; i < was->port_count; i++) {
		const struct topology_port *old = &was->ports[i], *p = topology_port(spec(h), old->name);

		if (!p) {
			if (h->taps[i].fd >= 0)
				close(h->taps[i].fd);
			remove_tap(h, old->name);
			continue;
		}
		taps[p - spec(h)->ports] = h->taps[i];
		if (!topology_same_port(old, p))
			change_tap(h, p);
	}
	memcpy(h->taps, taps, sizeof(h->taps));
	if (host_mark_write(h->mark, h->netns, h->ready, spec(h), &err) < 0)
		log_warn("%s: %s", h->netns, err.text);
}

void host_program(struct host *h)
{
	struct weftd *daemon = h->node->vnet->daemon;

	for (unsigned i = 0; i < spec(h)->port_count; i++) {
		struct dp_port rec = port_record(&h->node->ports[i], h->node);
		struct err err;
		int code = open_tap(h, i, &err);

		rec.backing = DP_BACK_TAP;
		if (code == -EBUSY) {
			/* The engine has gone on with it while weftd was away; the next one will want it. */
			h->taps[i].fd = taps_held_take(daemon->engine_taps, h->netns, rec.name);
		} else if (code && strcmp(h->error, err.text) != 0) {
			snprintf(h->error, sizeof(h->error), "%.500s", err.text);
			log_warn("%s: %s", h->netns, h->error);
		}
		if (!code)
			rec.flags |= DP_PORT_HAS_FD;
		if (h->watch && !h->taps[i].index)
			h->taps[i].index = host_watch_index(h->watch, rec.name);
		engine_send(daemon->engine, DP_PORT_SET, &rec, sizeof(rec), code ? -1 : h->taps[i].fd);
	}
}

void host_set_carrier(struct host *h, unsigned port, bool up)
{
	struct err err;

	if (netns_tap_carrier(h->netns, spec(h)->ports[port].name, up, &err) < 0)
		log_warn("%s: %s", h->netns, err.text);
}

const char *host_error(const struct host *h)
{
	if (h->error[0])
		return h->error;
	if (h->gone[0])
		return h->gone;
	return netns_exists(h->netns) ? NULL : "somebody has deleted its namespace; weft restart makes the "
					       "host anew";
}

bool host_ready(const struct host *h)
{
	return h->ready;
}

int host_exec(struct host *h, struct command_conf *conf, struct command **out, struct err *err)
{
	unsigned n = spec(h)->env.count;
	const char **env = calloc(n + 1, sizeof(*env));
	int code;

	if (!env)
		return err_sys(err, -ENOMEM, "%s", h->netns);
	for (unsigned i = 0; i < n; i++)
		env[i] = spec(h)->env.items[i];
	conf->base = h->node->vnet->daemon->base;
	conf->netns = h->netns;
	conf->hostname = spec(h)->name;
	conf->confined = h->node->vnet->owner != 0;
	conf->env = env;
	code = command_start(conf, out, err);
	free(env);
	return code;
}
