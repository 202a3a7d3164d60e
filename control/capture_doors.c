/* SPDX-License-Identifier: Apache-2.0 */
/* The sockets that clients of captures come by. */
#include "control/capture_priv.h"

#include "base/sock.h"
#include "control/capture.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	CLIENTS_MAX = 64,    /* of each socket */
	CLIENTS_OF_UID = 16, /* of the users' */
	PATIENCE_S = 10,     /* for a client to say what it wants */
	ANSWER_MAX = 1 << 20,
};

static bool is_too_many(const struct capture_door *door, const struct capture *like)
{
	const struct capture *c;
	unsigned n = 0;

	TAILQ_FOREACH (c, &door->all->list, entry)
		n += c->door == door && c->uid == like->uid;
	return door == &door->all->users && n > CLIENTS_OF_UID;
}

static void on_acceptable(evutil_socket_t fd, short what, void *arg)
{
	const struct timeval patience = { .tv_sec = PATIENCE_S };
	struct capture_door *door = arg;
	struct captures *all = door->all;
	struct capture *c;
	int sock = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), size = ANSWER_MAX;
	struct ucred peer = { .uid = 0 };
	socklen_t len = sizeof(peer);

	if (sock < 0)
		return;
	c = door->count < CLIENTS_MAX ? calloc(1, sizeof(*c)) : NULL;
	if (!c || getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0) {
		free(c);
		close(sock);
		return;
	}
	*c = (struct capture){ .all = all, .door = door, .uid = peer.uid, .sock = sock, .tape = -1 };
	TAILQ_INSERT_TAIL(&all->list, c, entry);
	door->count++;
	setsockopt(sock, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	c->readable = event_new(all->daemon->base, sock, EV_READ | EV_PERSIST, capture_readable, c);
	if (is_too_many(door, c) || !c->readable || event_add(c->readable, &patience) < 0)
		capture_free(c);
}

static int door_open(struct captures *all, struct capture_door *door, const char *name, mode_t mode,
		     struct err *err)
{
	char path[SOCK_PATH_MAX + 32];
	int code;

	snprintf(path, sizeof(path), "%.*s/%s", SOCK_PATH_MAX, all->daemon->run, name);
	door->all = all;
	code = sock_address(&door->address, path, err);
	if (code)
		return code;
	unlink(path);
	door->sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (door->sock < 0 ||
	    bind(door->sock, (struct sockaddr *)&door->address, sizeof(door->address)) < 0 ||
	    chmod(path, mode) < 0 || listen(door->sock, CLIENTS_MAX) < 0)
		return err_sys(err, -errno, "%s", path);
	door->acceptable = event_new(all->daemon->base, door->sock, EV_READ | EV_PERSIST, on_acceptable, door);
	if (!door->acceptable || event_add(door->acceptable, NULL) < 0)
		return err_sys(err, -ENOMEM, "%s", path);
	return 0;
}

static void door_close(struct capture_door *door)
{
	if (door->acceptable)
		event_free(door->acceptable);
	if (door->sock >= 0) {
		close(door->sock);
		unlink(door->address.sun_path);
	}
}

int captures_create(struct weftd *d, struct captures **out, struct err *err)
{
	struct captures *all = calloc(1, sizeof(*all));
	int code;

	if (!all)
		return err_sys(err, -ENOMEM, "%s", d->run);
	TAILQ_INIT(&all->list);
	all->daemon = d;
	all->operator.sock = all->users.sock = -1;
	code = door_open(all, &all->operator, "capture.sock", 0660, err);
	if (!code)
		code = door_open(all, &all->users, "users-capture.sock", 0666, err);
	if (code) {
		captures_destroy(all);
		return code;
	}
	*out = all;
	return 0;
}

void captures_destroy(struct captures *all)
{
	struct capture *c;

	if (!all)
		return;
	while ((c = TAILQ_FIRST(&all->list)))
		capture_free(c);
	door_close(&all->operator);
	door_close(&all->users);
	free(all);
}
