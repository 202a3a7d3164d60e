/* SPDX-License-Identifier: Apache-2.0 */
#include "vrouter/agent/agent_priv.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#define READY_DIR  "/run/weft"
#define READY_NAME "ready"

static struct source inotify = { .fd = -1 };
static bool announced;

bool ready_now(void)
{
	return access(READY_DIR "/" READY_NAME, F_OK) == 0;
}

static void ready_changed(struct source *s, uint32_t events)
{
	char part[4096];

	while (read(s->fd, part, sizeof(part)) > 0)
		;
	if (announced || !ready_now())
		return;
	announced = true;
	port_send(AGENT_READY, 0, NULL, 0);
	source_close(s);
}

void ready_init(void)
{
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	if (fd < 0)
		return;
	inotify_add_watch(fd, READY_DIR, IN_CREATE | IN_MOVED_TO);
	source_open(&inotify, fd, EPOLLIN, false, ready_changed);
	ready_changed(&inotify, 0);
}

int main(int argc, char **argv)
{
	int code;

	if ((argc == 2 || argc == 3) && !strcmp(argv[1], "nics"))
		return nics_main(argc == 3 ? argv[2] : "/etc/weft/nics");
	if (argc > 2 && !strcmp(argv[1], "vty"))
		return vty_main(argv + 2);
	if (argc == 2 && !strcmp(argv[1], "dump"))
		return routes_main();
	signal(SIGPIPE, SIG_IGN);
	code = loop_init();
	if (!code) {
		exec_init();
		code = port_open();
	}
	if (code) {
		fprintf(stderr, "weft-agent: no port " AGENT_PORT_NAME ": %s\n", strerror(-code));
		return 1;
	}
	ready_init();
	loop_run();
}
