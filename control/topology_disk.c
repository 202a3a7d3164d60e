/* SPDX-License-Identifier: Apache-2.0 */
/* The file system as a source of a topology's files. */
#include "control/topology_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX 8

int topology_read_disk(void *arg, const char *path, void **bytes, size_t *len, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), rc = 0;
	struct stat st;
	ssize_t n = 0;
	char *data;

	if (fd < 0)
		return err_sys(err, -errno, "%.300s", path);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		rc = err_set(err, -EINVAL, "%.300s is not a regular file", path);
		goto out;
	}
	if (st.st_size > TOPOLOGY_FILE_MAX) {
		rc = err_set(err, -EFBIG, "%.300s is larger than %u MiB", path, TOPOLOGY_FILE_MAX >> 20);
		goto out;
	}
	data = malloc((size_t)st.st_size + 1);
	if (!data) {
		rc = err_set(err, -ENOMEM, "%.300s: out of memory", path);
		goto out;
	}
	*len = 0;
	while (*len < (size_t)st.st_size &&
	       (n = read(fd, data + *len, (size_t)st.st_size - *len)) > 0)
		*len += (size_t)n;
	if (n < 0) {
		rc = err_sys(err, -errno, "%.300s", path);
		free(data);
		goto out;
	}
	*bytes = data;
out:
	close(fd);
	return rc;
}

static int append(struct topology_string_list *names, const char *name)
{
	char **items = realloc(names->items, (names->count + 1) * sizeof(items[0]));

	if (!items)
		return -ENOMEM;
	names->items = items;
	items[names->count] = strdup(name);
	return items[names->count] ? (names->count++, 0) : -ENOMEM;
}

/* What lies in root/below; below is "" or ends in a slash. */
static int list_below(const char *root, const char *below, unsigned depth,
		      struct topology_string_list *names, struct err *err)
{
	char path[4096], name[1024];
	struct dirent *e;
	int rc = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "%.3000s/%s", root, below);
	dir = opendir(path);
	if (!dir)
		return err_sys(err, -errno, "%.300s", path);
	while (!rc && (e = readdir(dir))) {
		struct stat st;

		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		if (snprintf(name, sizeof(name), "%s%s", below, e->d_name) >= (int)sizeof(name) - 1)
			rc = err_set(err, -ENAMETOOLONG, "%.300s: a path below is too long", root);
		else if (fstatat(dirfd(dir), e->d_name, &st, 0) < 0)
			rc = err_sys(err, -errno, "%.300s/%.300s", root, name);
		else if (S_ISREG(st.st_mode) && names->count == TOPOLOGY_FILES_MAX)
			rc = err_set(err, -E2BIG, "%.300s holds more than %d files", root, TOPOLOGY_FILES_MAX);
		else if (S_ISREG(st.st_mode) && append(names, name))
			rc = err_set(err, -ENOMEM, "%.300s: out of memory", root);
		else if (S_ISDIR(st.st_mode) && depth == DEPTH_MAX)
			rc = err_set(err, -ELOOP, "%.300s is more than %d directories deep", root, DEPTH_MAX);
		else if (S_ISDIR(st.st_mode))
			rc = list_below(root, strcat(name, "/"), depth + 1, names, err);
	}
	closedir(dir);
	return rc;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int topology_list_disk(void *arg, const char *path, struct topology_string_list *names,
		       struct err *err)
{
	struct stat st;
	int rc;

	if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode))
		return -ENOTDIR; /* the reader says what is wrong with it, if anything is */
	rc = list_below(path, "", 0, names, err);
	if (names->count)
		qsort(names->items, names->count, sizeof(names->items[0]), compare);
	return rc;
}
