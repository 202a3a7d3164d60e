/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/record_priv.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RECORD_MAX = 16384 };

static json_t *pack(const struct hv_record *rec)
{
	json_t *sockets = json_array();

	for (unsigned i = 0; i < rec->nic_count; i++)
		json_array_append_new(sockets, json_string(rec->sockets[i]));
	return json_pack("{s:s, s:s, s:I, s:I, s:i, s:i, s:s, s:o}", "backend", rec->backend,
			 "accel", rec->accel, "pid", (json_int_t)rec->pid, "start_time",
			 (json_int_t)rec->start_time, "memory_mib", (int)rec->memory_mib, "cpus",
			 (int)rec->cpus, "from", rec->from, "nics", sockets);
}

int hv_json_write(const char *dir, const char *name, json_t *o, struct err *err)
{
	char path[PATH_MAX], *text = o ? json_dumps(o, JSON_INDENT(2)) : NULL;
	int code;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	json_decref(o);
	if (!text)
		return err_sys(err, -ENOMEM, "%s", path);
	code = file_write(path, text, strlen(text), 0600, err);
	free(text);
	return code;
}

int hv_record_write(const char *dir, const struct hv_record *rec, struct err *err)
{
	return hv_json_write(dir, "machine.json", pack(rec), err);
}

/* A link, a pipe or a device in a directory of somebody else's is not a record. */
static int open_record(const char *path)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return -EBADMSG;
	}
	return fd;
}

static int parse_sockets(const json_t *nics, struct hv_record *out)
{
	size_t i;
	json_t *item;

	if (json_array_size(nics) > HV_PORTS_MAX)
		return -EBADMSG;
	out->nic_count = (unsigned)json_array_size(nics);
	json_array_foreach(nics, i, item) {
		const char *name = json_string_value(item);

		if (!name || strlen(name) >= SOCK_PATH_MAX || strchr(name, '/'))
			return -EBADMSG;
		strcpy(out->sockets[i], name);
	}
	return 0;
}

static int parse(const char *text, size_t len, struct hv_record *out)
{
	json_t *o = json_loadb(text, len, 0, NULL), *nics;
	const char *backend, *accel, *from;
	json_int_t pid, start;
	int memory, cpus;

	if (json_unpack(o, "{s:s, s:s, s:I, s:I, s:i, s:i, s:s, s:o}", "backend", &backend, "accel",
			&accel, "pid", &pid, "start_time", &start, "memory_mib", &memory, "cpus", &cpus,
			"from", &from, "nics", &nics) < 0 ||
	    pid < 2 || pid > INT_MAX || start <= 0 || memory <= 0 || memory > HV_MEMORY_MAX_MIB ||
	    cpus <= 0 || parse_sockets(nics, out) < 0) {
		json_decref(o);
		return -EBADMSG;
	}
	snprintf(out->backend, sizeof(out->backend), "%s", backend);
	snprintf(out->accel, sizeof(out->accel), "%s", accel);
	snprintf(out->from, sizeof(out->from), "%s", from);
	out->memory_mib = (unsigned)memory;
	out->cpus = (unsigned)cpus;
	out->pid = (pid_t)pid;
	out->start_time = (uint64_t)start;
	json_decref(o);
	return 0;
}

int hv_record_read(const char *dir, struct hv_record *out, struct err *err)
{
	char path[PATH_MAX], text[RECORD_MAX];
	struct stat st;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/machine.json", dir);
	fd = open_record(path);
	if (fd < 0)
		return err_sys(err, fd, "%s", path);
	n = read(fd, text, sizeof(text));
	close(fd);
	if (n < 0 || parse(text, (size_t)n, out) < 0)
		return err_set(err, -EBADMSG, "%s: not a machine's record", path);
	if (stat(dir, &st) < 0)
		return err_sys(err, -errno, "%s", dir);
	out->owner = st.st_uid;
	return 0;
}

void hv_record_remove(const char *dir)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/machine.json", dir);
	unlink(path);
}
