/* SPDX-License-Identifier: Apache-2.0 */
#include "control/host_watch.h"

#include "control/netns.h"

#include <errno.h>
#include <event2/event.h>
#include <linux/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define PAUSE_MS 100 /* programs may make interfaces as fast as they like */

struct host_watch {
	int sock; /* of rtnetlink, in the namespace */
	struct event *readable, *due;
	void (*changed)(void *arg);
	void *arg;
};

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval pause = { .tv_usec = PAUSE_MS * 1000 };
	struct host_watch *w = arg;

	event_add(w->due, &pause);
}

/* What the messages say is read from the interfaces themselves: some may be lost. */
static void on_due(evutil_socket_t fd, short what, void *arg)
{
	struct host_watch *w = arg;
	char bytes[8192];

	while (recv(w->sock, bytes, sizeof(bytes), MSG_DONTWAIT) > 0 || errno == ENOBUFS)
		;
	event_add(w->readable, NULL);
	w->changed(w->arg);
}

int host_watch_create(struct event_base *base, const char *netns, void (*changed)(void *arg), void *arg,
		      struct host_watch **out, struct err *err)
{
	struct host_watch *w = calloc(1, sizeof(*w));

	if (!w)
		return err_sys(err, -ENOMEM, "namespace %s", netns);
	*w = (struct host_watch){ .changed = changed, .arg = arg };
	w->sock = netns_link_news(netns, err);
	if (w->sock < 0) {
		int code = w->sock;

		free(w);
		return code;
	}
	w->readable = event_new(base, w->sock, EV_READ, on_readable, w);
	w->due = evtimer_new(base, on_due, w);
	if (!w->readable || !w->due || event_add(w->readable, NULL) < 0) {
		host_watch_destroy(w);
		return err_sys(err, -ENOMEM, "namespace %s", netns);
	}
	*out = w;
	return 0;
}

void host_watch_destroy(struct host_watch *w)
{
	if (!w)
		return;
	if (w->readable)
		event_free(w->readable);
	if (w->due)
		event_free(w->due);
	close(w->sock);
	free(w);
}

int host_watch_index(const struct host_watch *w, const char *ifname)
{
	struct ifreq ifr = { 0 };

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", ifname);
	return ioctl(w->sock, SIOCGIFINDEX, &ifr) < 0 ? 0 : ifr.ifr_ifindex;
}
