/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/vmm/memory_priv.h"

#include "hv/vmm/layout_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

int memory_create(struct memory *m, uint64_t size, struct err *err)
{
	uint64_t low = size < LOW_MEMORY_END ? size : LOW_MEMORY_END;
	void *at;
	int code;

	*m = (struct memory){ .size = size };
	m->fd = memfd_create("guest", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (m->fd < 0)
		return err_sys(err, -errno, "memory");
	if (ftruncate(m->fd, (off_t)size) < 0 ||
	    fcntl(m->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		goto fail;
	at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, m->fd, 0);
	if (at == MAP_FAILED)
		goto fail;
	madvise(at, size, MADV_DONTDUMP);
	m->host = at;
	m->ranges.range[m->ranges.count++] = (struct guest_range){ 0, low, m->host };
	if (size > low)
		m->ranges.range[m->ranges.count++] =
			(struct guest_range){ HIGH_MEMORY, size - low, m->host + low };
	return 0;
fail:
	code = err_sys(err, -errno, "memory of %llu bytes", (unsigned long long)size);
	close(m->fd);
	m->fd = -1;
	return code;
}

void memory_destroy(struct memory *m)
{
	if (m->host)
		munmap(m->host, m->size);
	if (m->fd >= 0)
		close(m->fd);
	*m = (struct memory){ .fd = -1 };
}
