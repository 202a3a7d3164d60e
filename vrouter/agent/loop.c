/* SPDX-License-Identifier: Apache-2.0 */
#include "vrouter/agent/agent_priv.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { SOURCES_MAX = 256 };

static int epoll_fd;
static struct source *sources[SOURCES_MAX];
static bool paused;

int loop_init(void)
{
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	return epoll_fd < 0 ? -errno : 0;
}

static void update(struct source *s)
{
	struct epoll_event ev = { .events = s->events, .data.ptr = s };
	bool want = s->fd >= 0 && !s->idle && !(paused && s->output);

	if (want == s->added)
		return;
	epoll_ctl(epoll_fd, want ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, s->fd, &ev);
	s->added = want;
}

void source_open(struct source *s, int fd, uint32_t events, bool output,
		 void (*ready)(struct source *s, uint32_t events))
{
	*s = (struct source){ .fd = fd, .ready = ready, .events = events, .output = output };
	for (unsigned i = 0; i < SOURCES_MAX; i++) {
		if (sources[i] && sources[i] != s)
			continue;
		sources[i] = s;
		update(s);
		return;
	}
}

void source_idle(struct source *s, bool idle)
{
	s->idle = idle;
	update(s);
}

void source_close(struct source *s)
{
	if (s->fd < 0)
		return;
	for (unsigned i = 0; i < SOURCES_MAX; i++)
		if (sources[i] == s)
			sources[i] = NULL;
	if (s->added)
		epoll_ctl(epoll_fd, EPOLL_CTL_DEL, s->fd, NULL);
	close(s->fd);
	s->fd = -1;
	s->added = false;
}

void loop_pause_output(bool pause)
{
	if (paused == pause)
		return;
	paused = pause;
	for (unsigned i = 0; i < SOURCES_MAX; i++)
		if (sources[i])
			update(sources[i]);
}

/* One event at a time: what is ready may close any other source. */
void loop_run(void)
{
	struct epoll_event ev;

	for (;;) {
		if (epoll_wait(epoll_fd, &ev, 1, -1) == 1) {
			struct source *s = ev.data.ptr;

			s->ready(s, ev.events);
		}
	}
}
