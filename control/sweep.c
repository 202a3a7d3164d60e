/* SPDX-License-Identifier: Apache-2.0 */
#include "control/sweep.h"

#include "base/file.h"
#include "base/log.h"
#include "control/host.h"
#include "control/store.h"
#include "control/weftd.h"
#include "hv/hv.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A machine that nobody knows, until it has ended. */
struct orphan {
	struct hv_machine *machine;
	char dir[160];
};

static void remove_tree(const char *path)
{
	struct err err;

	if (file_remove_tree(path, &err) < 0)
		log_warn("%s", err.text);
}

static void on_machine(struct hv_machine *m, enum hv_event ev, const char *reason, void *arg)
{
	struct orphan *o = arg;

	if (ev != HV_STOPPED)
		return;
	hv_detach(m);
	remove_tree(o->dir);
	free(o);
}

void sweep_guest(struct weftd *d, const char *dir)
{
	struct orphan *o = calloc(1, sizeof(*o));
	struct err err;
	int code;

	if (!o)
		return;
	snprintf(o->dir, sizeof(o->dir), "%s", dir);
	code = hv_adopt(d->base, dir, NULL, on_machine, o, &o->machine, &err);
	if (!code) {
		log_info("%s: ending a guest of no vnet", dir);
		hv_stop(o->machine);
		return;
	}
	free(o);
	if (code == -ENOENT)
		remove_tree(dir);
	else
		log_warn("%s: is of no vnet and stays: %s", dir, err.text);
}

static void end_host(struct weftd *d, const char *path)
{
	log_info("%s: ending a host of no vnet", path);
	host_end_marked(path);
}

static void end_files(struct weftd *d, const char *path)
{
	remove_tree(path);
}

/* Calls end for each entry of under/what whose id the store does not know. */
static void sweep_dir(struct weftd *d, const char *under, const char *what, enum store_kind kind,
		      void (*end)(struct weftd *d, const char *path))
{
	char path[PATH_MAX];
	struct dirent *e;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/%s", under, what);
	dir = opendir(path);
	while (dir && (e = readdir(dir))) {
		char *rest;
		unsigned long id = strtoul(e->d_name, &rest, 10);

		if (*rest || !id || id > UINT32_MAX || store_id_has(d->store, kind, (uint32_t)id))
			continue;
		snprintf(path, sizeof(path), "%s/%s/%lu", under, what, id);
		end(d, path);
	}
	if (dir)
		closedir(dir);
}

void sweep(struct weftd *d)
{
	struct err err;

	if (store_vnet_forget_ending(d->store, &err) < 0) {
		log_error("%s", err.text);
		return;
	}
	sweep_dir(d, d->run, "g", STORE_NODE, sweep_guest);
	sweep_dir(d, d->run, "h", STORE_NODE, end_host);
	sweep_dir(d, d->run, "p", STORE_NODE, end_files);
	sweep_dir(d, d->run, "v", STORE_PORT, end_files);
	sweep_dir(d, d->state, "asleep", STORE_NODE, end_files);
}

void sweep_asleep(struct weftd *d)
{
	char path[PATH_MAX];
	struct dirent *e;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/asleep", d->state);
	dir = opendir(path);
	while (dir && (e = readdir(dir))) {
		char *rest;
		unsigned long id = strtoul(e->d_name, &rest, 10);

		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..") ||
		    (!*rest && id && id <= UINT32_MAX && store_node_hibernates(d->store, (uint32_t)id)))
			continue;
		snprintf(path, sizeof(path), "%s/asleep/%s", d->state, e->d_name);
		remove_tree(path);
	}
	if (dir)
		closedir(dir);
}
