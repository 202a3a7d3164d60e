/* SPDX-License-Identifier: Apache-2.0 */
/* weft-dp: the process. The control thread runs here; docs/engine.md tells the rest. */
#include "base/log.h"
#include "dataplane/api_priv.h"
#include "dataplane/confine_priv.h"
#include "dataplane/device_priv.h"
#include "dataplane/eal_priv.h"
#include "dataplane/engine_priv.h"

#include <errno.h>
#include <event2/event.h>
#include <getopt.h>
#include <pwd.h>
#include <rte_eal.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct options {
	const char *socket, *user;
	unsigned buffers, workers;
	bool busy_poll;
	struct eal_conf eal;
};

static const char usage[] =
	"usage: weft-dp --socket PATH [options]\n"
	"Forwards for all vrouters, as told over the socket (dataplane/api.h). Ends on SIGTERM.\n"
	"\n"
	"  --socket PATH   Unix SOCK_SEQPACKET socket to serve\n"
	"  --user USER     become this user (name or uid) after the socket is bound\n"
	"  --memory MIB    packet memory, 192 or more (default 256)\n"
	"  --workers N     threads that forward, 1 (default) to 8; devices and guests are spread over them\n"
	"  --busy-poll     never sleep: less delay for a core each that is always busy\n"
	"  --buffers N     packet buffers of 2 KiB, 4096 or more (default 32768)\n"
	"  --no-huge       ordinary pages, even when huge pages are free\n"
	"  --pci ADDRESS   let DPDK have this PCI device, of 8 at most (default: PCI is left alone)\n"
	"  --help          this text\n"
	"\n"
	"example:\n"
	"  echo 160 > /proc/sys/vm/nr_hugepages\n"
	"  weft-dp --socket /run/weft/dp.sock --user weft-dp\n";

static int parse_options(int argc, char **argv, struct options *opt)
{
	static const struct option longs[] = {
		{ "socket", required_argument, NULL, 's' }, { "user", required_argument, NULL, 'u' },
		{ "memory", required_argument, NULL, 'm' }, { "no-huge", no_argument, NULL, 'n' },
		{ "workers", required_argument, NULL, 'w' },
		{ "busy-poll", no_argument, NULL, 'y' },
		{ "pci", required_argument, NULL, 'p' },    { "buffers", required_argument, NULL, 'b' },
		{ "help", no_argument, NULL, 'h' },	      { 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 's':
			opt->socket = optarg;
			break;
		case 'u':
			opt->user = optarg;
			break;
		case 'm':
			opt->eal.memory_mib = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'b':
			opt->buffers = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'w':
			opt->workers = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'y':
			opt->busy_poll = true;
			break;
		case 'n':
			opt->eal.no_huge = true;
			break;
		case 'p':
			if (opt->eal.pci_count == DP_PCI_MAX)
				return -EINVAL;
			opt->eal.pci[opt->eal.pci_count++] = optarg;
			break;
		case 'h':
			fputs(usage, stdout);
			exit(0);
		default:
			return -EINVAL;
		}
	}
	if (!opt->socket || optind != argc || opt->eal.memory_mib < 192 ||
	    opt->eal.memory_mib > 65536 || opt->buffers < 4096 || opt->buffers > 1 << 22 ||
	    opt->workers < 1 || opt->workers > WORKERS_MAX)
		return -EINVAL;
	return 0;
}

static int find_user(const char *name, uid_t *uid, gid_t *gid, struct err *err)
{
	struct passwd *pw;
	char *end;
	unsigned long number;

	if (!name)
		return 0;
	number = strtoul(name, &end, 10);
	pw = *end ? getpwnam(name) : getpwuid((uid_t)number);
	if (!pw && *end)
		return err_set(err, -ENOENT, "--user %s: there is no such user", name);
	*uid = pw ? pw->pw_uid : (uid_t)number;
	*gid = pw ? pw->pw_gid : (gid_t)number;
	return 0;
}

static void on_signal(evutil_socket_t fd, short what, void *arg)
{
	log_info("ends: signal %d", (int)fd);
	event_base_loopbreak(arg);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	device_watch(arg);
}

/* Serves until a signal. */
static int serve(struct engine *e, int fd, struct err *err)
{
	struct event_base *base = event_base_new();
	struct event *term = evsignal_new(base, SIGTERM, on_signal, base);
	struct event *intr = evsignal_new(base, SIGINT, on_signal, base);
	struct event *tick = event_new(base, -1, EV_PERSIST, on_tick, e);
	const struct timeval second = { 1, 0 };
	struct api *api;
	int rc = api_create(e, base, fd, &api, err);

	if (!rc && (event_add(term, NULL) < 0 || event_add(intr, NULL) < 0 ||
		    event_add(tick, &second) < 0))
		rc = err_set(err, -ENOMEM, "out of memory");
	if (!rc)
		log_info("ready");
	if (!rc)
		event_base_dispatch(base);
	event_free(term);
	event_free(intr);
	event_free(tick);
	api_destroy(api);
	event_base_free(base);
	return rc;
}

static int run(const struct options *opt, struct err *err)
{
	struct engine *e;
	uid_t uid = 0;
	gid_t gid = 0;
	bool huge;
	int fd, rc = find_user(opt->user, &uid, &gid, err);

	if (!rc)
		rc = api_bind(opt->socket, &fd, err);
	if (rc)
		return rc;
	rc = confine(uid, gid, err);
	if (!rc)
		rc = eal_start(&opt->eal, &huge, err);
	if (rc)
		goto unbind;
	rc = engine_create(opt->workers, opt->buffers, &e, err);
	if (rc)
		goto eal;
	e->hugepages = huge;
	e->busy_poll = opt->busy_poll;
	rc = engine_start(e, err);
	if (rc)
		goto engine;
	rc = serve(e, fd, err);
	engine_stop(e);
engine:
	engine_destroy(e);
eal:
	rte_eal_cleanup();
unbind:
	unlink(opt->socket);
	return rc;
}

int main(int argc, char **argv)
{
	struct options opt = { .workers = 1, .buffers = ENGINE_BUFFERS, .eal = { .memory_mib = 256 } };
	struct err err = { "" };

	if (parse_options(argc, argv, &opt) < 0) {
		fputs(usage, stderr);
		return 2;
	}
	log_init("weft-dp", LOG_LEVEL_INFO);
	signal(SIGPIPE, SIG_IGN);
	umask(0007); /* vhost-user sockets are for the group of the directory they are made in */
	if (run(&opt, &err) < 0) {
		log_error("%s", err.text);
		return 1;
	}
	return 0;
}
