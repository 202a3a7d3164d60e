/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/control/world_lab.h"

#include "base/file.h"
#include "control/api.h"
#include "control/engine.h"
#include "control/netns.h"

#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

void world_start(struct world *w)
{
	struct engine_conf conf = { .program = "/nonexistent", .socket = w->dp, .log = "/dev/null" };
	struct err err;

	TAILQ_INIT(&w->d.vnets);
	w->d.run = w->d.state = w->dir;
	w->d.images = "- {match: \"*\", host: true}\n";
	w->d.base = conf.base = event_base_new();
	assert_int_equal(store_open(w->db, &w->d.store, &err), 0);
	conf.store = w->d.store;
	assert_int_equal(engine_create(&conf, &w->d.engine, &err), 0);
	assert_int_equal(api_create(&w->d, w->socket, &w->api, &err), 0);
}

void world_stop(struct world *w)
{
	event_base_loopexit(w->d.base, NULL);
	event_base_dispatch(w->d.base);
	while (!TAILQ_EMPTY(&w->d.vnets))
		vnet_detach(TAILQ_FIRST(&w->d.vnets));
	engine_destroy(w->d.engine);
	api_destroy(w->api);
	store_close(w->d.store);
	event_base_free(w->d.base);
}

int world_dial(struct world *w, const char *method, const char *path, const char *body)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(addr.sun_path, w->socket);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	dprintf(fd, "%s %s HTTP/1.1\r\nHost: weft\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n%s",
		method, path, strlen(body), body);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

int world_hear(struct world *w, int fd, const char *until)
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

int world_call(struct world *w, const char *method, const char *path, const char *body)
{
	int fd = world_dial(w, method, path, body), status = world_hear(w, fd, NULL);

	close(fd);
	return status;
}

int world_vnet(struct world *w, const char *method, const char *rest, const char *body)
{
	char path[128];

	snprintf(path, sizeof(path), "/v1/vnets/%s%s", w->name, rest);
	return world_call(w, method, path, body);
}

ino_t world_ns(struct world *w, const char *host)
{
	char name[64], path[128];
	struct stat st;

	snprintf(name, sizeof(name), "weft-%s-%s", w->name, host);
	snprintf(path, sizeof(path), "/run/netns/%s", name);
	return netns_exists(name) && stat(path, &st) == 0 ? st.st_ino : 0;
}

void world_await(struct world *w, const char *text)
{
	time_t end = time(NULL) + 60;

	do
		assert_int_equal(world_vnet(w, "GET", "", ""), 200);
	while (!strstr(w->said, text) && time(NULL) < end);
	assert_non_null(strstr(w->said, text));
}

void world_await_ready(struct world *w)
{
	world_await(w, "\"state\":\"running\"");
}

void world_restore(void *arg, const struct store_vnet *s)
{
	struct world *w = arg;
	struct err err;

	assert_int_equal(vnet_restore(&w->d, s->id, s->name, s->file, s->topology, s->files, &err), 0);
}

int world_setup(void **state)
{
	static const char *const dirs[] = { "g", "h", "p", "v" };
	struct world *w = calloc(1, sizeof(*w));
	char path[128];

	strcpy(w->dir, "/tmp/weft-world-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->db, sizeof(w->db), "%s/db", w->dir);
	snprintf(w->dp, sizeof(w->dp), "%s/dp.sock", w->dir);
	snprintf(w->socket, sizeof(w->socket), "%s/weftd.sock", w->dir);
	snprintf(w->name, sizeof(w->name), "world%d", getpid());
	for (unsigned i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "%s/%s", w->dir, dirs[i]);
		assert_int_equal(file_mkdirs(path, 0755, NULL), 0);
	}
	world_start(w);
	*state = w;
	return 0;
}

int world_teardown(void **state)
{
	struct world *w = *state;

	world_stop(w);
	file_remove_tree(w->dir, NULL);
	free(w);
	return 0;
}

