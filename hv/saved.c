/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/saved_priv.h"

#include "base/file.h"
#include "hv/record_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SAVED_JSON_MAX = 4096 };

int saved_new_id(char id[SAVED_ID_SIZE])
{
	uint8_t bytes[(SAVED_ID_SIZE - 1) / 2];

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		return -EIO;
	for (unsigned i = 0; i < sizeof(bytes); i++)
		snprintf(id + 2 * i, 3, "%02x", bytes[i]);
	return 0;
}

int saved_write(const char *dir, const struct saved *s, struct err *err)
{
	return hv_json_write(dir, "saved.json",
			     json_pack("{s:s, s:s, s:i, s:i}", "id", s->id, "backend", s->backend,
				       "memory_mib", (int)s->memory_mib, "cpus", (int)s->cpus), err);
}

static int parse(const struct buf *text, struct saved *out)
{
	json_t *o = json_loadb((const char *)text->data, text->len, 0, NULL);
	const char *id, *backend;
	int memory, cpus, code = -EBADMSG;

	if (json_unpack(o, "{s:s, s:s, s:i, s:i}", "id", &id, "backend", &backend, "memory_mib",
			&memory, "cpus", &cpus) == 0 &&
	    strlen(id) < sizeof(out->id) && strlen(backend) < sizeof(out->backend) && memory > 0 &&
	    cpus > 0) {
		*out = (struct saved){ .memory_mib = (unsigned)memory, .cpus = (unsigned)cpus };
		strcpy(out->id, id);
		strcpy(out->backend, backend);
		code = 0;
	}
	json_decref(o);
	return code;
}

int saved_read(const char *dir, struct saved *out, struct err *err)
{
	char path[PATH_MAX];
	struct buf text = { 0 };
	int code;

	snprintf(path, sizeof(path), "%s/saved.json", dir);
	code = file_read(path, SAVED_JSON_MAX, &text, err);
	if (!code && parse(&text, out) < 0)
		code = err_set(err, -EBADMSG, "%s: not a saved machine", path);
	buf_free(&text);
	return code;
}

int saved_open(const char *dir, const char *name, struct err *err)
{
	char path[PATH_MAX];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, -errno, "%s", path);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return err_set(err, -EBADMSG, "%s: not a file", path);
	}
	return fd;
}

void saved_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}
