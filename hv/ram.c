/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/ram_priv.h"

#include "base/memfd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <unistd.h>

struct ram {
	LIST_ENTRY(ram) link;
	unsigned refs;
	int file; /* kept open, so that its inode's number cannot come to name another file */
	int memfd;
	dev_t dev;
	ino_t ino;
};

static LIST_HEAD(, ram) all = LIST_HEAD_INITIALIZER(all);

static struct ram *find(const struct stat *st)
{
	struct ram *r;

	LIST_FOREACH(r, &all, link)
		if (r->dev == st->st_dev && r->ino == st->st_ino)
			return r;
	return NULL;
}

int ram_get(int file, uint64_t bytes, struct ram **out, struct err *err)
{
	struct stat st;
	struct ram *r;
	int code;

	if (fstat(file, &st) < 0)
		return err_sys(err, -errno, "a saved machine's memory");
	if ((uint64_t)st.st_size != bytes)
		return err_set(err, -EBADMSG, "a saved machine's memory has %lld bytes, not %llu",
			       (long long)st.st_size, (unsigned long long)bytes);
	r = find(&st);
	if (r) {
		r->refs++;
		*out = r;
		return 0;
	}
	r = calloc(1, sizeof(*r));
	if (!r)
		return err_sys(err, -ENOMEM, "a saved machine's memory");
	*r = (struct ram){ .refs = 1, .dev = st.st_dev, .ino = st.st_ino };
	r->file = fcntl(file, F_DUPFD_CLOEXEC, 3);
	r->memfd = code = r->file < 0 ? -errno : memfd_sealed_copy("weft-ram", file, st.st_size);
	if (code < 0) {
		if (r->file >= 0)
			close(r->file);
		free(r);
		return err_sys(err, code, "loading a saved machine's memory");
	}
	LIST_INSERT_HEAD(&all, r, link);
	*out = r;
	return 0;
}

void ram_put(struct ram *ram)
{
	if (!ram || --ram->refs)
		return;
	LIST_REMOVE(ram, link);
	close(ram->memfd);
	close(ram->file);
	free(ram);
}

int ram_fd(const struct ram *ram)
{
	return ram->memfd;
}
