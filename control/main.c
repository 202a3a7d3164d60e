/* SPDX-License-Identifier: Apache-2.0 */
/* weftd: keeps the world as the store says it shall be. */
#include "base/file.h"
#include "base/log.h"
#include "control/api.h"
#include "control/capture.h"
#include "control/engine.h"
#include "control/events.h"
#include "control/health.h"
#include "control/metrics_port.h"
#include "control/physical.h"
#include "control/start_queue.h"
#include "control/store.h"
#include "control/sweep.h"
#include "control/templates.h"
#include "control/vnet.h"
#include "control/weftd_engine.h"
#include "hv/hv.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/thread.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

static const char help[] =
	"Usage: weftd [--verbose]\n"
	"\n"
	"Owns the vnets of this machine: starts and watches their guests, hosts and the forwarding\n"
	"engine, and serves the API that `weft` speaks. Needs root. `weft deploy` starts it when it\n"
	"does not run. It ends on SIGTERM and leaves everything running; the next one takes over.\n"
	"\n"
	"  -v, --verbose  log more\n"
	"  -h, --help     this text\n"
	"  -V, --version  the version\n"
	"\n"
	"Environment:\n"
	"  WEFT_RUN    sockets and guests' directories [/run/weft]\n"
	"  WEFT_STATE  database, images, logs [/var/lib/weft]\n"
	"  WEFT_SHARE  installed configuration (images.yml)\n"
	"  WEFT_MACHINE  weft-vmm or qemu: what runs new guests [weft-vmm where there is KVM]\n"
	"  WEFT_PORTS  what physical ports there are [/etc/weft/ports.yml]\n"
	"  WEFT_METRICS  ADDRESS:PORT of this machine (127.0.0.1:9551) where Prometheus may fetch\n"
	"                /metrics, and anybody on this machine [nowhere]\n"
	"\n"
	"Example: WEFT_RUN=/run/weft-test weftd --verbose\n";

struct program {
	struct weftd daemon;
	struct api *api;
	struct metrics_port *metrics;
	char engine_path[PATH_MAX], engine_socket[128], engine_log[PATH_MAX];
	struct buf images;
	int lock;
};

static const char *setting(const char *name, const char *otherwise)
{
	const char *value = getenv(name);

	return value && value[0] ? value : otherwise;
}

/* Also one of an earlier version, which had it for everybody to see. */
static int make_dir(const char *path, mode_t mode, struct err *err)
{
	int code = file_mkdirs(path, 0755, err); /* what is above it, too */

	return !code && chmod(path, mode) < 0 ? err_sys(err, -errno, "%s", path) : code;
}

/* Directories, and the lock that keeps a second weftd away. */
static int prepare_dirs(struct program *p, struct err *err)
{
	static const char *const run_dirs[] = { "", "/g", "/p", "/h", "/t", "/v" };
	char path[PATH_MAX];
	int code = 0;

	for (unsigned i = 0; !code && i < sizeof(run_dirs) / sizeof(run_dirs[0]); i++) {
		snprintf(path, sizeof(path), "%s%s", p->daemon.run, run_dirs[i]);
		code = make_dir(path, i ? 0711 : 0755, err);
	}
	snprintf(path, sizeof(path), "%s/log", p->daemon.state);
	if (!code)
		code = make_dir(path, 0750, err);
	if (code)
		return code;
	snprintf(path, sizeof(path), "%s/weftd.lock", p->daemon.run);
	p->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (p->lock < 0)
		return err_sys(err, -errno, "%s", path);
	if (flock(p->lock, LOCK_EX | LOCK_NB) < 0)
		return err_set(err, -EBUSY, "%s: another weftd runs", path);
	return 0;
}

/* The engine of this installation, and what images.yml says. */
static int find_files(struct program *p, struct err *err)
{
	const char *share = setting("WEFT_SHARE", NULL);
	char path[PATH_MAX];
	int code = file_beside(p->engine_path, "weft-dp", err);

	if (!code && share)
		snprintf(path, sizeof(path), "%s/images.yml", share);
	else if (!code)
		code = file_beside(path, "../share/weft/images.yml", err);
	if (!code)
		code = file_read(path, 1u << 20, &p->images, err);
	buf_u8(&p->images, 0);
	p->daemon.images = (const char *)p->images.data;
	return code;
}

static void restore_vnet(void *arg, const struct store_vnet *s)
{
	struct err err;

	if (vnet_restore(arg, s->id, s->name, s->file, s->topology, s->files, &err) < 0)
		log_error("vnet %s cannot be restored: %s", s->name, err.text);
}

static void on_engine_stopped(void *arg)
{
	struct weftd *d = arg;

	event_base_loopexit(d->base, NULL);
}

/* The last word of `weft destroy --all`: leave nothing behind. */
static void on_shutdown(struct weftd *d)
{
	struct err err;

	d->ending = true;
	/* Vnets that could not be restored, too. */
	if (store_vnet_end(d->store, NULL, &err) < 0)
		log_error("%s", err.text);
	sweep(d);
	engine_stop(d->engine, on_engine_stopped, d);
}

static void on_signal(evutil_socket_t sig, short what, void *arg)
{
	event_base_loopexit(arg, NULL);
}

/* Removes the run directory if nothing of anybody is in it. */
static void remove_dirs(struct program *p)
{
	static const char *const names[] = { "/g", "/p", "/h", "/t", "/v", "/slices.bpf.o", "/weftd.lock",
					     "" };
	char path[PATH_MAX];

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s%s", p->daemon.run, names[i]);
		remove(path);
	}
}

/* A router has a descriptor for each port here and in the engine, and some more: hundreds of routers
 * do not fit the usual 1024. */
static void raise_descriptors(void)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim) < 0)
		return;
	lim.rlim_cur = lim.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &lim) < 0)
		log_warn("the limit of descriptors stays as it is: %s", strerror(errno));
}

static int setup(struct program *p, struct err *err)
{
	struct weftd *d = &p->daemon;
	struct engine_conf engine = { .program = p->engine_path, .socket = p->engine_socket,
				      .log = p->engine_log, .uid = WEFTD_UID_ENGINE,
				      .up = weftd_engine_up, .refused = weftd_engine_refused,
				      .died = weftd_engine_died, .pci = physical_pci, .arg = d };
	char path[PATH_MAX];
	int code;

	d->run = setting("WEFT_RUN", "/run/weft");
	d->state = setting("WEFT_STATE", "/var/lib/weft");
	d->on_shutdown = on_shutdown;
	TAILQ_INIT(&d->vnets);
	raise_descriptors();
	code = hv_use(setting("WEFT_MACHINE", NULL), err);
	if (code)
		return err_prefix(err, code, "WEFT_MACHINE");
	if (strlen(d->run) > 64)
		return err_set(err, -ENAMETOOLONG, "WEFT_RUN: longer than 64 characters");
	code = prepare_dirs(p, err);
	if (!code)
		code = find_files(p, err);
	snprintf(path, sizeof(path), "%s/weft.db", d->state);
	if (!code)
		code = store_open(path, &d->store, err);
	if (code)
		return code;
	d->epoch = (uint32_t)store_number(d->store, "epoch") + 1;
	code = store_number_set(d->store, "epoch", d->epoch, err);
	if (!code)
		code = events_create(d->epoch, &d->events, err);
	if (code)
		return code;
	events_add(d->events, &(struct event_record){ .type = "weftd", .state = "started",
							.why = "version " WEFT_VERSION });
	d->base = engine.base = event_base_new();
	if (!d->base)
		return err_sys(err, -ENOMEM, "weftd");
	if (setting("WEFT_METRICS", NULL))
		code = metrics_port_create(d, setting("WEFT_METRICS", NULL), &p->metrics, err);
	if (code)
		return code;
	code = health_create(d, &d->health, err);
	if (code)
		return code;
	engine.store = d->store;
	snprintf(p->engine_socket, sizeof(p->engine_socket), "%s/dp.sock", d->run);
	snprintf(p->engine_log, sizeof(p->engine_log), "%s/log/weft-dp.log", d->state);
	sweep(d);
	sweep_asleep(d);
	code = engine_create(&engine, &d->engine, err);
	if (!code)
		code = start_queue_create(d->base, start_queue_width(sysconf(_SC_NPROCESSORS_ONLN)),
					  &d->starts, err);
	if (!code)
		code = templates_create(d, &d->templates, err);
	if (!code)
		code = physical_create(d, setting("WEFT_PORTS", "/etc/weft/ports.yml"), &d->physical, err);
	if (!code)
		code = store_vnet_each(d->store, restore_vnet, d, err);
	if (!code && !TAILQ_EMPTY(&d->vnets))
		engine_start(d->engine);
	if (!code)
		code = captures_create(d, &d->captures, err);
	return code ? code : api_create(d, &p->api, err);
}

static int run(struct program *p, struct err *err)
{
	struct event *signals[2];
	struct vnet *v;
	bool empty;
	int code = setup(p, err);

	if (code)
		return code;
	signal(SIGPIPE, SIG_IGN);
	signals[0] = evsignal_new(p->daemon.base, SIGTERM, on_signal, p->daemon.base);
	signals[1] = evsignal_new(p->daemon.base, SIGINT, on_signal, p->daemon.base);
	event_add(signals[0], NULL);
	event_add(signals[1], NULL);
	log_info("version %s, API at %s/weftd.sock", WEFT_VERSION, p->daemon.run);
	sd_notify(0, "READY=1");
	event_base_dispatch(p->daemon.base);
	empty = TAILQ_EMPTY(&p->daemon.vnets) && !engine_pid(p->daemon.engine);
	while ((v = TAILQ_FIRST(&p->daemon.vnets)))
		vnet_detach(v);
	templates_destroy(p->daemon.templates);
	start_queue_destroy(p->daemon.starts);
	engine_destroy(p->daemon.engine);
	physical_destroy(p->daemon.physical);
	captures_destroy(p->daemon.captures); /* behind the engine, which some wait for */
	metrics_port_destroy(p->metrics);
	api_destroy(p->api); /* last: what waited above for an end has answered its request by now */
	health_destroy(p->daemon.health);
	events_destroy(p->daemon.events);
	store_close(p->daemon.store);
	if (empty)
		remove_dirs(p);
	event_free(signals[0]);
	event_free(signals[1]);
	event_base_free(p->daemon.base);
	buf_free(&p->images);
	log_info("ended");
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "verbose", no_argument, NULL, 'v' },
						 { "help", no_argument, NULL, 'h' },
						 { "version", no_argument, NULL, 'V' },
						 { 0 } };
	static struct program program;
	enum log_level level = LOG_LEVEL_INFO;
	struct err err;
	int c;

	while ((c = getopt_long(argc, argv, "vhV", options, NULL)) != -1) {
		switch (c) {
		case 'v':
			level = LOG_LEVEL_DEBUG;
			break;
		case 'h':
			fputs(help, stdout);
			return 0;
		case 'V':
			puts("weftd " WEFT_VERSION);
			return 0;
		default:
			fputs("Try 'weftd --help'.\n", stderr);
			return 2;
		}
	}
	log_init("weftd", level);
	umask(022);
	if (run(&program, &err) < 0) {
		log_error("%s", err.text);
		return 1;
	}
	return 0;
}
