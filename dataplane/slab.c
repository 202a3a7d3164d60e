/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/slab_priv.h"

#include <errno.h>
#include <rte_common.h>
#include <string.h>
#include <sys/mman.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, bytes)   ((void)(at), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(at, bytes) ((void)(at), (void)(bytes))
#endif

enum { HUGE_PAGE = 2 << 20 };

int slab_init(struct slab *s, size_t size, uint32_t count)
{
	size_t bytes = size * count + HUGE_PAGE;
	void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (map == MAP_FAILED)
		return -ENOMEM;
	*s = (struct slab){ .map = map, .bytes = bytes, .size = size };
	s->base = RTE_PTR_ALIGN_CEIL(s->map, HUGE_PAGE);
	madvise(s->base, size * count, MADV_HUGEPAGE); /* a wish */
	ASAN_POISON_MEMORY_REGION(s->base, size * count);
	return 0;
}

void slab_fini(struct slab *s)
{
	if (!s->map)
		return;
	ASAN_UNPOISON_MEMORY_REGION(s->map, s->bytes);
	munmap(s->map, s->bytes);
}

void *slab_take(struct slab *s, uint32_t slot)
{
	void *object = s->base + slot * s->size;

	ASAN_UNPOISON_MEMORY_REGION(object, s->size);
	memset(object, 0, s->size);
	return object;
}

void slab_leave(struct slab *s, void *object)
{
	ASAN_POISON_MEMORY_REGION(object, s->size);
}
