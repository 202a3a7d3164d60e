/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/control/daemon.h"

#include "base/file.h"
#include "control/events.h"
#include "tests/unit/test.h"

#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void daemon_start(struct daemon *w)
{
	struct engine_conf conf = { .program = "/nonexistent", .socket = w->dp, .log = "/dev/null" };
	struct err err;

	TAILQ_INIT(&w->d.vnets);
	w->d.run = w->d.state = w->dir;
	w->d.images = "- {match: \"*\", host: true}\n";
	w->d.base = conf.base = event_base_new();
	assert_int_equal(store_open(w->db, &w->d.store, &err), 0);
	conf.store = w->d.store;
	assert_int_equal(events_create(7, &w->d.events, &err), 0);
	assert_int_equal(engine_create(&conf, &w->d.engine, &err), 0);
	assert_int_equal(api_create(&w->d, &w->api, &err), 0);
}

void daemon_stop(struct daemon *w)
{
	event_base_loopexit(w->d.base, NULL);
	event_base_dispatch(w->d.base);
	while (!TAILQ_EMPTY(&w->d.vnets))
		vnet_detach(TAILQ_FIRST(&w->d.vnets));
	engine_destroy(w->d.engine);
	api_destroy(w->api);
	events_destroy(w->d.events);
	store_close(w->d.store);
	event_base_free(w->d.base);
}

static int dial(const char *socket_path, const char *headers, const char *method, const char *path,
		const char *body)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(addr.sun_path, socket_path);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	dprintf(fd, "%s %s HTTP/1.1\r\nHost: weft\r\nConnection: close\r\n%sContent-Length: %zu\r\n\r\n%s",
		method, path, headers, strlen(body), body);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

int daemon_dial(struct daemon *w, const char *method, const char *path, const char *body)
{
	return dial(w->socket, "", method, path, body);
}

int daemon_dial_as(struct daemon *w, const char *token, const char *method, const char *path,
		   const char *body)
{
	char header[256] = "";

	if (token)
		snprintf(header, sizeof(header), "Authorization: Bearer %s\r\n", token);
	return dial(w->users, header, method, path, body);
}

int daemon_hear(struct daemon *w, int fd, const char *until)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	size_t len = 0;
	int status = 0;

	w->said[0] = 0;
	for (int i = 0; i < 4000 && !(until && strstr(w->said, until)); i++) {
		ssize_t n;

		event_base_loop(w->d.base, EVLOOP_NONBLOCK);
		if (poll(&p, 1, 5) <= 0)
			continue;
		n = read(fd, w->said + len, sizeof(w->said) - 1 - len);
		if (n <= 0)
			break;
		len += (size_t)n;
		w->said[len] = 0;
	}
	sscanf(w->said, "HTTP/1.1 %d", &status);
	return status;
}

int daemon_call(struct daemon *w, const char *method, const char *path, const char *body)
{
	int fd = daemon_dial(w, method, path, body), status = daemon_hear(w, fd, NULL);

	close(fd);
	return status;
}

int daemon_call_as(struct daemon *w, const char *token, const char *method, const char *path,
		   const char *body)
{
	int fd = daemon_dial_as(w, token, method, path, body), status = daemon_hear(w, fd, NULL);

	close(fd);
	return status;
}

int daemon_setup(void **state)
{
	static const char *const dirs[] = { "g", "h", "p", "v" };
	struct daemon *w = calloc(1, sizeof(*w));
	char path[128];

	strcpy(w->dir, "/tmp/weft-world-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->db, sizeof(w->db), "%s/db", w->dir);
	snprintf(w->dp, sizeof(w->dp), "%s/dp.sock", w->dir);
	snprintf(w->socket, sizeof(w->socket), "%s/weftd.sock", w->dir);
	snprintf(w->inner, sizeof(w->inner), "%s/inner.sock", w->dir);
	snprintf(w->users, sizeof(w->users), "%s/users.sock", w->dir);
	snprintf(w->name, sizeof(w->name), "world%d", getpid());
	for (unsigned i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s/%s", w->dir, dirs[i]);
		assert_int_equal(file_mkdirs(path, 0755, NULL), 0);
	}
	daemon_start(w);
	*state = w;
	return 0;
}

int daemon_teardown(void **state)
{
	struct daemon *w = *state;

	daemon_stop(w);
	file_remove_tree(w->dir, NULL);
	free(w);
	return 0;
}

