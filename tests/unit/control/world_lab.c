/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/control/world_lab.h"

#include "control/netns.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

int world_vnet(struct daemon *w, const char *method, const char *rest, const char *body)
{
	char path[128];

	snprintf(path, sizeof(path), "/v1/vnets/%s%s", w->name, rest);
	return daemon_call(w, method, path, body);
}

ino_t world_ns(struct daemon *w, const char *host)
{
	char name[64], path[128];
	struct stat st;

	snprintf(name, sizeof(name), "weft-%s-%s", w->name, host);
	snprintf(path, sizeof(path), "/run/netns/%s", name);
	return netns_exists(name) && stat(path, &st) == 0 ? st.st_ino : 0;
}

void world_await(struct daemon *w, const char *text)
{
	time_t end = time(NULL) + 60;

	do
		assert_int_equal(world_vnet(w, "GET", "", ""), 200);
	while (!strstr(w->said, text) && time(NULL) < end);
	assert_non_null(strstr(w->said, text));
}

void world_await_ready(struct daemon *w)
{
	time_t end = time(NULL) + 60;

	do
		world_await(w, "\"risen\":true");
	while ((strstr(w->said, "\"risen\":false") || strstr(w->said, "\"state\":\"booting\"") ||
		strstr(w->said, "\"state\":\"waiting\"")) && time(NULL) < end);
	assert_null(strstr(w->said, "\"state\":\"running\""));
	assert_non_null(strstr(w->said, "\"engine\":\"it "));
}

void world_restore(void *arg, const struct store_vnet *s)
{
	struct daemon *w = arg;
	struct err err;

	assert_int_equal(vnet_restore(&w->d, s->id, s->name, s->file, s->topology, s->files, &err), 0);
}
