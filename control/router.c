/* SPDX-License-Identifier: Apache-2.0 */
#include "control/router.h"

#include "base/file.h"
#include "base/log.h"
#include "control/netns.h"
#include "control/port.h"
#include "control/router_priv.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* After a guest's restart its routers's old routes stay this long after its daemons are up. */
#define ROUTER_HOLD_MS 10000
#define ROUTER_ROUTES_MAX 2000000u
#define ROUTER_BACKOFF_MAX_S 30

static struct weftd *daemon_of(const struct router *r)
{
	return r->node->vnet->daemon;
}

static const struct topology_node *spec(const struct router *r)
{
	return r->node->spec;
}

static void relay_path(const struct router *r, unsigned i, char path[160])
{
	snprintf(path, 160, "%s/p/%u", daemon_of(r)->run, r->node->ports[i].id);
}

static void nic_path(const struct router *r, unsigned i, char path[160])
{
	snprintf(path, 160, "%s/nic%u", r->dir, i);
}

static uid_t guest_uid(const struct router *r)
{
	return WEFTD_UID_GUESTS + r->node->id;
}

/* A directory for one vhost-user socket: the engine makes it there, this guest alone gets in. */
static void vhost_dir(const struct router *r, unsigned i, char path[160])
{
	snprintf(path, 160, "%s/v/%u", daemon_of(r)->run, r->node->ports[i].id);
}

static void vhost_path(const struct router *r, unsigned i, char path[160])
{
	snprintf(path, 160, "%s/v/%u/sock", daemon_of(r)->run, r->node->ports[i].id);
}

static int make_vhost_dirs(const struct router *r, struct err *err)
{
	for (unsigned i = 0; spec(r)->vhost_user && i < spec(r)->port_count; i++) {
		char dir[160];

		vhost_dir(r, i, dir);
		/* The set-group-id bit gives the socket the guest's group. */
		if ((mkdir(dir, 0) < 0 && errno != EEXIST) ||
		    chown(dir, WEFTD_UID_ENGINE, guest_uid(r)) < 0 || chmod(dir, 02750) < 0)
			return err_sys(err, -errno, "%s", dir);
	}
	return 0;
}

void router_engine_died(struct router *r)
{
	char path[160];

	for (unsigned i = 0; spec(r)->vhost_user && i < spec(r)->port_count; i++) {
		vhost_path(r, i, path);
		unlink(path); /* stale: DPDK would refuse it */
	}
}

bool router_port_up(const struct router *r, unsigned port)
{
	return !r->ports[port].known || r->ports[port].up;
}

void router_send_port(struct router *r, unsigned i)
{
	struct dp_port rec = port_record(&r->node->ports[i], r->node);
	struct router_port *p = &r->ports[i];

	if (r->stopping) /* the engine has been told that the node is gone */
		return;
	if (spec(r)->vhost_user) {
		char path[160];

		rec.backing = DP_BACK_DEV;
		vhost_path(r, i, path);
		snprintf(rec.dev, sizeof(rec.dev), "net_vhost%u,iface=%.90s", r->node->ports[i].id, path);
	} else {
		rec.backing = DP_BACK_DGRAM;
		rec.flags |= p->fd >= 0 ? DP_PORT_HAS_FD : 0;
	}
	if (p->known) {
		rec.fib = router_fib(r, p->table);
		rec.flags |= (p->fwd4 ? 0 : DP_PORT_NO_IP4) | (p->fwd6 ? 0 : DP_PORT_NO_IP6) |
			     (p->up ? 0 : DP_PORT_DOWN);
	} else {
		rec.flags |= DP_PORT_KEEP;
	}
	engine_send(daemon_of(r)->engine, DP_PORT_SET, &rec, sizeof(rec), p->fd);
}

void router_send_node(struct router *r)
{
	struct dp_node rec = {
		.id = r->node->id, .vnet = r->node->vnet->id, .kind = DP_NODE_ROUTER
	};

	if (r->stopping)
		return;
	snprintf(rec.name, sizeof(rec.name), "%s", spec(r)->name);
	if (r->node_known)
		rec.flags = (r->punt_ip4 ? DP_NODE_PUNT_IP4 : 0) | (r->punt_ip6 ? DP_NODE_PUNT_IP6 : 0);
	else
		rec.flags = DP_NODE_KEEP;
	engine_send(daemon_of(r)->engine, DP_NODE_SET, &rec, sizeof(rec), -1);
}

void router_program(struct router *r)
{
	router_send_node(r);
	for (unsigned i = 0; i < r->fib_count; i++)
		router_sink.fib_set(r, r->fibs[i].table);
	for (unsigned i = 0; i < spec(r)->port_count; i++)
		router_send_port(r, i);
}

void router_program_routes(struct router *r)
{
	/* Before the first dump there is nothing to say that the engine may not know better. */
	if (r->told && !r->stopping)
		intake_replay(vrouter_intake(r->guest));
}

/* Connects the relays that are not; false while a machine has not made its sockets yet. */
static bool connect_relays(struct router *r)
{
	bool all = true;

	if (spec(r)->vhost_user)
		return true;
	for (unsigned i = 0; i < spec(r)->port_count; i++) {
		char here[160], there[160];
		struct err err;

		if (r->ports[i].fd >= 0)
			continue;
		relay_path(r, i, here);
		nic_path(r, i, there);
		r->ports[i].fd = relay_socket(here, guest_uid(r), there, &err);
		if (r->ports[i].fd >= 0) {
			router_send_port(r, i);
			continue;
		}
		all = false;
		if (r->ports[i].fd != -EAGAIN)
			log_warn("%s: %s", spec(r)->name, err.text);
	}
	return all;
}

static void close_relays(struct router *r)
{
	for (unsigned i = 0; i < spec(r)->port_count; i++) {
		if (r->ports[i].fd >= 0)
			close(r->ports[i].fd);
		r->ports[i].fd = -1;
	}
}

static void retry_in(struct router *r, unsigned ms)
{
	struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000 };

	event_add(r->retry, &tv);
}

/* What a later weftd shall say of this guest. */
static void remember(struct router *r)
{
	struct vnet *v = r->node->vnet;
	struct err err;

	if (store_guest_put(v->daemon->store, v->id, spec(r)->name, &r->past, &err) < 0)
		log_warn("%s: %s", spec(r)->name, err.text);
}

/* A file that says that the exec lines have run in this guest: a new weftd does not repeat them. */
static void exec_mark(const struct router *r, char path[160])
{
	snprintf(path, 160, "%s/exec.done", r->dir);
}

/* How long to wait before the next start, by the ends in a row. */
static unsigned backoff_ms(struct router *r)
{
	unsigned s = r->failures < 5 ? 1u << r->failures : ROUTER_BACKOFF_MAX_S;

	return r->failures++ ? s * 1000 : 0;
}

static void start(struct router *r)
{
	char mark[160];
	struct err err;

	exec_mark(r, mark);
	unlink(mark);
	remember(r);
	if (vrouter_start(r->guest, &err) < 0) {
		if (strcmp(r->error, err.text) != 0)
			log_error("%s/%s: %s", r->node->vnet->topology->name, spec(r)->name, err.text);
		snprintf(r->error, sizeof(r->error), "%.500s", err.text);
		retry_in(r, backoff_ms(r) + 1000);
		return;
	}
	r->error[0] = 0;
	/* Links may have changed since the guest was described. */
	for (unsigned i = 0; i < spec(r)->port_count; i++)
		vrouter_set_carrier(r->guest, i, vnet_carrier(r->node->vnet, &r->node->ports[i]));
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
	struct router *r = arg;

	if (r->stopping)
		return;
	if (router_stopped(r))
		start(r);
	else if (!connect_relays(r))
		retry_in(r, 50);
}

static void run_next(struct router *r);

static void on_exec_output(void *arg, int stream, const void *bytes, size_t len)
{
	struct router *r = arg;

	snprintf(r->exec_said, sizeof(r->exec_said), "%.*s", (int)(len < 200 ? len : 200),
		 (const char *)bytes);
}

static void on_exec_done(void *arg, int status)
{
	struct router *r = arg;

	r->exec_running = false;
	if (status == -ECONNRESET) /* the guest ended: from the start again when it is back */
		return;
	if (status && !r->error[0])
		snprintf(r->error, sizeof(r->error), "exec '%s': exit status %d: %s",
			 spec(r)->exec.items[r->exec_next - 1], status, r->exec_said);
	run_next(r);
}

static void run_next(struct router *r)
{
	const char *argv[] = { "/bin/sh", "-c", NULL, NULL };
	struct vrouter_exec_conf conf = {
		.argv = argv, .output = on_exec_output, .done = on_exec_done, .arg = r
	};
	struct vrouter_exec *x;
	struct err err;

	if (r->exec_next == spec(r)->exec.count) {
		char mark[160];

		exec_mark(r, mark);
		file_write(mark, "", 0, 0644, NULL);
		r->exec_done = true;
		return;
	}
	r->exec_said[0] = 0;
	argv[2] = spec(r)->exec.items[r->exec_next++];
	r->exec_running = router_exec(r, &conf, &x, &err) == 0;
	if (!r->exec_running)
		snprintf(r->error, sizeof(r->error), "exec '%s': %.400s", argv[2], err.text);
}

/* Out of the guest's own callback, because the router may be freed. */
static void on_ended(evutil_socket_t fd, short what, void *arg)
{
	struct router *r = arg;

	vnet_node_ended(r->node);
}

static void ended(struct router *r)
{
	close_relays(r);
	r->exec_done = false;
	r->past.boot_ms = 0;
	r->past.restarts++;
	if (r->stopping) {
		event_active(r->gone, 0, 0);
	} else if (r->restarting) {
		r->restarting = false;
		retry_in(r, 0);
	} else {
		retry_in(r, backoff_ms(r));
	}
}

static void ready(struct router *r)
{
	struct vrouter_info info;
	char mark[160];

	vrouter_info(r->guest, &info);
	if (info.boot_ms) {
		r->past.boot_ms = info.boot_ms;
		remember(r);
	}
	r->failures = 0;
	exec_mark(r, mark);
	if (access(mark, F_OK) == 0)
		r->exec_done = true;
	if (r->exec_running || r->exec_done)
		return;
	r->exec_next = 0;
	run_next(r);
}

static void on_state(struct vrouter *guest, enum vrouter_state state, void *arg)
{
	struct router *r = arg;

	if (r->stopping && state != VROUTER_STOPPED && state != VROUTER_FAILED)
		return; /* told late */
	switch (state) {
	case VROUTER_BOOTING:
	case VROUTER_AGENT:
		retry_in(r, 0);
		break;
	case VROUTER_READY:
		ready(r);
		break;
	case VROUTER_STOPPED:
	case VROUTER_FAILED:
		ended(r);
		break;
	}
}

static int create_guest(struct router *r, struct err *err)
{
	const struct topology_node *n = spec(r);
	struct hv_nic nics[TOPOLOGY_PORTS_MAX];
	struct image_nic image_nics[TOPOLOGY_PORTS_MAX];
	char local[TOPOLOGY_PORTS_MAX][160], peer[TOPOLOGY_PORTS_MAX][160];
	struct image_file *files = calloc(n->file_count + 1, sizeof(*files));
	char name[2 * TOPOLOGY_NAME_MAX + 2];
	struct vrouter_conf conf = {
		.name = name, .dir = r->dir, .uid = guest_uid(r), .image = &r->image,
		.memory_mib = n->memory_mib ? n->memory_mib : r->image.memory_mib,
		.cpus = n->cpus ? n->cpus : 1,
		.guest = { .hostname = n->name, .nic_count = n->port_count, .nics = image_nics,
			   .file_count = n->file_count, .files = files, .env_count = n->env.count,
			   .env = (const char *const *)n->env.items },
		.nics = nics,
		.nh_base = (daemon_of(r)->epoch & 0xfff) << 20,
		.max_routes = ROUTER_ROUTES_MAX,
		.sink = &router_sink, .sink_arg = r,
		.hold_ms = ROUTER_HOLD_MS,
	};
	int code;

	if (!files)
		return err_sys(err, -ENOMEM, "%s", n->name);
	snprintf(name, sizeof(name), "%s/%s", r->node->vnet->topology->name, n->name);
	for (unsigned i = 0; i < n->file_count; i++)
		files[i] = (struct image_file){ .path = n->files[i].target, .mode = n->files[i].mode,
						.bytes = n->files[i].bytes, .len = n->files[i].len };
	for (unsigned i = 0; i < n->port_count; i++) {
		const struct topology_port *p = &n->ports[i];

		if (n->vhost_user)
			vhost_path(r, i, peer[i]);
		else
			relay_path(r, i, peer[i]);
		nic_path(r, i, local[i]);
		nics[i] = (struct hv_nic){ .mtu = p->mtu, .vhost_user = n->vhost_user,
					   .carrier = vnet_carrier(r->node->vnet, &r->node->ports[i]),
					   .peer = peer[i], .local = local[i] };
		memcpy(nics[i].mac, p->mac, 6);
		image_nics[i] = (struct image_nic){ .mtu = p->mtu, .name = p->name };
		memcpy(image_nics[i].mac, p->mac, 6);
	}
	code = vrouter_create(daemon_of(r)->base, &conf, on_state, r, &r->guest, err);
	free(files);
	return code;
}

int router_create(struct node *node, struct router **out, struct err *err)
{
	struct router *r = calloc(1, sizeof(*r));
	char store[512];
	int code = -ENOMEM;

	if (!r)
		return err_sys(err, -ENOMEM, "%s", node->spec->name);
	r->node = node;
	snprintf(r->dir, sizeof(r->dir), "%s/g/%u", node->vnet->daemon->run, node->id);
	snprintf(store, sizeof(store), "%s/images", node->vnet->daemon->state);
	r->ports = calloc(node->spec->port_count + 1, sizeof(*r->ports));
	r->retry = event_new(node->vnet->daemon->base, -1, 0, on_retry, r);
	r->gone = event_new(node->vnet->daemon->base, -1, 0, on_ended, r);
	if (!r->ports || !r->retry || !r->gone) {
		err_sys(err, -ENOMEM, "%s", node->spec->name);
		goto fail;
	}
	for (unsigned i = 0; i < node->spec->port_count; i++)
		r->ports[i].fd = -1;
	code = image_find(store, node->spec->guest_image, &r->image, err);
	if (!code)
		code = make_vhost_dirs(r, err);
	if (!code)
		code = create_guest(r, err);
	if (code)
		goto fail;
	r->past = store_guest_get(node->vnet->daemon->store, node->vnet->id, spec(r)->name);
	code = vrouter_adopt(r->guest, err);
	if (code) {
		r->past = (struct store_guest){ 0 };
		start(r);
	} else {
		retry_in(r, 0);
	}
	*out = r;
	return 0;
fail:
	router_destroy(r);
	return code;
}

void router_destroy(struct router *r)
{
	bool stopped = r->stopping;
	struct err err;
	char path[160];

	close_relays(r);
	for (unsigned i = 0; stopped && i < spec(r)->port_count; i++) {
		relay_path(r, i, path);
		unlink(path);
		vhost_dir(r, i, path);
		if (spec(r)->vhost_user)
			file_remove_tree(path, NULL);
	}
	r->stopping = true; /* commands end now, and nothing is to follow from it */
	vrouter_destroy(r->guest);
	if (stopped && file_remove_tree(r->dir, &err) < 0)
		log_warn("%s", err.text);
	if (r->retry)
		event_free(r->retry);
	if (r->gone)
		event_free(r->gone);
	free(r->fibs);
	free(r->ports);
	free(r);
}

bool router_stopped(const struct router *r)
{
	struct vrouter_info info;

	vrouter_info(r->guest, &info);
	return info.state == VROUTER_STOPPED || info.state == VROUTER_FAILED;
}

void router_stop(struct router *r)
{
	r->stopping = true;
	event_del(r->retry);
	if (!router_stopped(r))
		vrouter_stop(r->guest);
}

void router_restart(struct router *r)
{
	if (router_stopped(r)) {
		retry_in(r, 0);
		return;
	}
	r->restarting = true;
	vrouter_stop(r->guest);
}

void router_set_carrier(struct router *r, unsigned port, bool up)
{
	vrouter_set_carrier(r->guest, port, up);
}

int router_exec(struct router *r, struct vrouter_exec_conf *conf, struct vrouter_exec **out,
		struct err *err)
{
	unsigned n = spec(r)->env.count;
	const char **env = calloc(n + 1, sizeof(*env));
	int code;

	if (!env)
		return err_sys(err, -ENOMEM, "%s", spec(r)->name);
	for (unsigned i = 0; i < n; i++)
		env[i] = spec(r)->env.items[i];
	conf->env = env;
	code = vrouter_exec(r->guest, conf, out, err);
	free(env);
	return code;
}

struct store_guest router_past(const struct router *r)
{
	return r->past;
}

struct vrouter *router_vrouter(struct router *r)
{
	return r->guest;
}

const char *router_error(const struct router *r)
{
	return r->error[0] ? r->error : NULL;
}

bool router_ready(const struct router *r)
{
	struct vrouter_info info;

	vrouter_info(r->guest, &info);
	return info.state == VROUTER_READY && r->exec_done;
}
