/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/vmm/memory_priv.h"

#include "base/memfd.h"
#include "hv/vmm/layout_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAGE = 4096, HUGE_PAGE = 2 << 20 };

/* KVM maps a huge page as one only if it lies alike in the guest's memory and in ours: at a multiple of
 * its size. What is reserved around the memory goes back. */
static uint8_t *map_aligned(const struct memory *m, int how)
{
	int kept = m->huge ? 0 : MAP_NORESERVE; /* huge pages must be there, or a touch is the end */
	uint8_t *room = mmap(NULL, m->size + HUGE_PAGE, PROT_NONE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	size_t before = -(uintptr_t)room % HUGE_PAGE;
	uint8_t *at;

	if (room == MAP_FAILED)
		return room;
	at = mmap(room + before, m->size, PROT_READ | PROT_WRITE, how | kept | MAP_FIXED, m->fd, 0);
	if (before)
		munmap(room, before);
	munmap(room + before + m->size, HUGE_PAGE - before);
	return at;
}

static int map(struct memory *m, int how, struct err *err)
{
	uint64_t low = m->size < LOW_MEMORY_END ? m->size : LOW_MEMORY_END;
	uint8_t *at = map_aligned(m, how);

	if (at == MAP_FAILED && m->huge && errno == ENOMEM)
		return err_set(err, -ENOMEM, "memory: %llu huge pages of 2 MiB are not free; "
			       "/proc/sys/vm/nr_hugepages says how many there are",
			       (unsigned long long)m->size / HUGE_PAGE);
	if (at == MAP_FAILED)
		return err_sys(err, -errno, "memory of %llu bytes", (unsigned long long)m->size);
	madvise(at, m->size, MADV_DONTDUMP);
	if (how & MAP_ANONYMOUS) /* a fault for 512 pages; without them it is slower and works */
		madvise(at, m->size, MADV_HUGEPAGE);
	m->host = at;
	m->ranges.range[m->ranges.count++] = (struct guest_range){ 0, low, m->host };
	if (m->size > low)
		m->ranges.range[m->ranges.count++] =
			(struct guest_range){ HIGH_MEMORY, m->size - low, m->host + low };
	return 0;
}

int memory_create(struct memory *m, uint64_t size, enum memory_kind kind, struct err *err)
{
	*m = (struct memory){ .fd = -1, .size = size, .huge = kind == MEMORY_SHARED_HUGE };
	if (kind == MEMORY_OWN)
		return map(m, MAP_PRIVATE | MAP_ANONYMOUS, err);
	if (m->huge && size % HUGE_PAGE)
		return err_set(err, -EINVAL, "memory of huge pages is a multiple of 2 MiB");
	m->fd = memfd_create("guest", MFD_CLOEXEC | MFD_ALLOW_SEALING |
			     (m->huge ? MFD_HUGETLB | MFD_HUGE_2MB : 0));
	if (m->fd < 0)
		return err_sys(err, -errno, "memory");
	if (ftruncate(m->fd, (off_t)size) < 0 ||
	    fcntl(m->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return err_sys(err, -errno, "memory of %llu bytes", (unsigned long long)size);
	return map(m, MAP_SHARED, err);
}

int memory_create_from(struct memory *m, uint64_t size, int ram, struct err *err)
{
	struct stat st;

	*m = (struct memory){ .fd = -1, .size = size, .copy = true };
	if (fstat(ram, &st) < 0)
		return err_sys(err, -errno, "the saved memory");
	if ((uint64_t)st.st_size != size)
		return err_set(err, -EBADMSG, "the saved memory has %lld bytes, not %llu",
			       (long long)st.st_size, (unsigned long long)size);
	m->fd = memfd_is_sealed(ram) ? fcntl(ram, F_DUPFD_CLOEXEC, 3) :
				       memfd_sealed_copy("guest", ram, st.st_size);
	return m->fd < 0 ? err_sys(err, -errno, "the saved memory") : map(m, MAP_PRIVATE, err);
}

void memory_give_back(struct memory *m, void *at, size_t len)
{
	uintptr_t from = ((uintptr_t)at + PAGE - 1) & ~(uintptr_t)(PAGE - 1);
	uintptr_t end = ((uintptr_t)at + len) & ~(uintptr_t)(PAGE - 1);

	if (from < end && !m->huge) /* what is shared has to leave the file */
		madvise((void *)from, end - from, memory_is_shared(m) ? MADV_REMOVE : MADV_DONTNEED);
}

void memory_destroy(struct memory *m)
{
	if (m->host)
		munmap(m->host, m->size);
	if (m->fd >= 0)
		close(m->fd);
	*m = (struct memory){ .fd = -1 };
}
