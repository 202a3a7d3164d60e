/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that write files: to descriptors that came with them, or by a path for people. */
#include "hv/vmm/control_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int control_file(const json_t *args, unsigned i)
{
	const json_t *fd = json_array_get(json_object_get(args, "files"), i);

	return fd ? (int)json_integer_value(fd) : -ENOENT;
}

static int create(const char *dir, const char *name, char path[PATH_MAX], struct err *err)
{
	int fd;

	if (snprintf(path, PATH_MAX, "%s/%s", dir, name) >= PATH_MAX)
		return err_sys(err, -ENAMETOOLONG, "%s", dir);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return fd < 0 ? err_sys(err, -errno, "%s", path) : fd;
}

/* A new directory; nothing is left of it after an error. */
static int save_to(struct vmm *m, const char *dir, struct err *err)
{
	char state_path[PATH_MAX], ram_path[PATH_MAX];
	int state, ram = -1, code;

	if (mkdir(dir, 0700) < 0)
		return err_sys(err, -errno, "%s", dir);
	state = code = create(dir, "state", state_path, err);
	if (state >= 0)
		ram = code = create(dir, "ram", ram_path, err);
	if (ram >= 0)
		code = vmm_save(m, state, ram, err);
	if (code < 0 && ram >= 0)
		unlink(ram_path);
	if (code < 0 && state >= 0)
		unlink(state_path);
	if (ram >= 0)
		close(ram);
	if (state >= 0)
		close(state);
	if (code < 0)
		rmdir(dir);
	return code;
}

json_t *control_save(struct vmm *m, const json_t *args, struct err *err)
{
	const char *dir = json_string_value(json_object_get(args, "dir"));
	int state = control_file(args, 0), code;

	if (dir)
		code = save_to(m, dir, err);
	else if (state >= 0)
		code = vmm_save(m, state, control_file(args, 1), err);
	else
		code = err_set(err, -EINVAL, "save needs \"dir\", or descriptors of one or two "
			       "files");
	return code < 0 ? NULL : json_object();
}

json_t *control_dump(struct vmm *m, const json_t *args, struct err *err)
{
	const char *path = json_string_value(json_object_get(args, "file"));
	int fd = control_file(args, 0), code;

	if (!path && fd < 0) {
		err_set(err, -EINVAL, "dump needs \"file\", or a descriptor");
		return NULL;
	}
	if (!path)
		return vmm_dump(m, fd, err) < 0 ? NULL : json_object();
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0) {
		err_sys(err, -errno, "%s", path);
		return NULL;
	}
	code = vmm_dump(m, fd, err);
	close(fd);
	if (code < 0)
		unlink(path);
	return code < 0 ? NULL : json_object();
}
