/* SPDX-License-Identifier: Apache-2.0 */
#include "control/host.h"

#include "base/file.h"
#include "base/log.h"
#include "control/engine.h"
#include "control/netns.h"
#include "control/port.h"
#include "control/vnet_news.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HOST_NETNS_MAX (2 * TOPOLOGY_NAME_MAX + 8)

struct host {
	struct node *node;
	char netns[HOST_NETNS_MAX];
	char mark[256]; /* a file: the namespace it names is ours; "done": its exec lines have run */
	int *fds;	/* per port; -1: not open here (the engine may have it) */
	unsigned exec_next;
	struct command *running;
	bool ready;
	struct buf said; /* the running exec line's output, for its error */
	char error[512];
};

static const struct topology_node *spec(const struct host *h)
{
	return h->node->spec;
}

/* "NAMESPACE\n", and "done\n" when its exec lines have run. */
static int write_mark(const struct host *h, bool done, struct err *err)
{
	char text[sizeof(h->netns) + 8];
	int n = snprintf(text, sizeof(text), "%s\n%s", h->netns, done ? "done\n" : "");

	return file_write(h->mark, text, (size_t)n, 0644, err);
}

/* What a mark says: the name of a namespace of ours, or an empty one; whether it is done. */
static void read_mark(const char *path, char name[HOST_NETNS_MAX], bool *done)
{
	struct buf b = { 0 };
	char *text, *nl;

	name[0] = 0;
	*done = false;
	if (file_read(path, 256, &b, NULL) < 0)
		goto out;
	buf_u8(&b, 0);
	text = b.bad ? NULL : (char *)b.data;
	nl = text ? strchr(text, '\n') : NULL;
	if (!nl || nl - text >= HOST_NETNS_MAX)
		goto out;
	*nl = 0;
	if (!strncmp(text, "weft-", 5) && !strchr(text, '/')) {
		strcpy(name, text);
		*done = !strcmp(nl + 1, "done\n");
	}
out:
	buf_free(&b);
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
		if (write_mark(h, true, &err) < 0)
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

	if (h->fds[i] >= 0)
		return 0;
	h->fds[i] = netns_tap(h->netns, p->name, p->mac, p->mtu, err);
	if (h->fds[i] < 0)
		return h->fds[i];
	/* A tap has carrier whenever somebody opens it. */
	if (!vnet_carrier(h->node->vnet, &h->node->ports[i]))
		host_set_carrier(h, i, false);
	return 0;
}

static int make(struct host *h, struct err *err)
{
	int code;

	if (access(h->mark, F_OK) < 0 && netns_exists(h->netns))
		return err_set(err, -EEXIST, "namespace %s exists and is not this weftd's; if nobody "
			       "needs it: ip netns del %s", h->netns, h->netns);
	code = write_mark(h, false, err);
	if (!code)
		code = netns_destroy(h->netns, err); /* what a weftd killed halfway has left */
	if (!code)
		code = netns_create(h->netns, err);
	for (unsigned i = 0; !code && i < spec(h)->port_count; i++)
		code = open_tap(h, i, err);
	return code;
}

static bool is_done(const struct host *h)
{
	char name[HOST_NETNS_MAX];
	bool done;

	read_mark(h->mark, name, &done);
	return done && !strcmp(name, h->netns);
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
	h->fds = malloc((spec(h)->port_count + 1) * sizeof(*h->fds));
	if (!h->fds) {
		host_detach(h);
		return err_sys(err, -ENOMEM, "%s", node->spec->name);
	}
	for (unsigned i = 0; i < spec(h)->port_count; i++)
		h->fds[i] = -1;
	if (is_done(h) && netns_exists(h->netns)) {
		h->ready = true;
	} else {
		code = make(h, err);
		if (code) {
			host_destroy(h);
			return code;
		}
		run_next(h);
	}
	*out = h;
	return 0;
}

void host_detach(struct host *h)
{
	if (h->running)
		command_cancel(h->running);
	for (unsigned i = 0; h->fds && i < spec(h)->port_count; i++)
		if (h->fds[i] >= 0)
			close(h->fds[i]);
	free(h->fds);
	buf_free(&h->said);
	free(h);
}

void host_destroy(struct host *h)
{
	/* First what it runs itself, so that nothing enters the namespace as it goes. */
	if (h->running)
		command_cancel(h->running);
	h->running = NULL;
	host_end_marked(h->mark);
	host_detach(h);
}

void host_end_marked(const char *path)
{
	char name[HOST_NETNS_MAX];
	struct err err;
	bool done;

	/* Without the mark the namespace is somebody else's. */
	read_mark(path, name, &done);
	if (name[0] && netns_destroy(name, &err) < 0) {
		log_warn("%s", err.text); /* the mark stays, for the next try */
		return;
	}
	unlink(path);
}

void host_program(struct host *h)
{
	for (unsigned i = 0; i < spec(h)->port_count; i++) {
		struct dp_port rec = port_record(&h->node->ports[i], h->node);
		struct err err;

		rec.backing = DP_BACK_TAP;
		int code = open_tap(h, i, &err);

		/* Busy: the engine went on with it while weftd was away. */
		if (code && code != -EBUSY && strcmp(h->error, err.text) != 0) {
			snprintf(h->error, sizeof(h->error), "%.500s", err.text);
			log_warn("%s: %s", h->netns, h->error);
		}
		if (h->fds[i] >= 0)
			rec.flags |= DP_PORT_HAS_FD;
		engine_send(h->node->vnet->daemon->engine, DP_PORT_SET, &rec, sizeof(rec), h->fds[i]);
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
	return h->error[0] ? h->error : NULL;
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
	conf->env = env;
	code = command_start(conf, out, err);
	free(env);
	return code;
}
