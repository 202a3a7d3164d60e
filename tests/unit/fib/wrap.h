/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_FIB_WRAP_H
#define TESTS_UNIT_FIB_WRAP_H

/* Allocations that fail when told to. The linker (--wrap) has the library call these functions in
 * place of the real ones. */

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>

static bool armed, for_good;
static unsigned calls, fail_at;

static bool fails(void)
{
	unsigned n = calls;

	if (!armed)
		return false;
	calls++;
	if (n != fail_at && !(for_good && n > fail_at))
		return false;
	errno = ENOMEM;
	return true;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__real_aligned_alloc(size_t align, size_t size);
void *__real_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t off);
int __real_mprotect(void *addr, size_t len, int prot);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_aligned_alloc(size_t align, size_t size);
void *__wrap_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t off);
int __wrap_mprotect(void *addr, size_t len, int prot);

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	return fails() ? NULL : __real_realloc(p, size);
}

void *__wrap_aligned_alloc(size_t align, size_t size)
{
	return fails() ? NULL : __real_aligned_alloc(align, size);
}

void *__wrap_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t off)
{
	return fails() ? MAP_FAILED : __real_mmap(addr, len, prot, flags, fd, off);
}

int __wrap_mprotect(void *addr, size_t len, int prot)
{
	return fails() ? -1 : __real_mprotect(addr, len, prot);
}

static void arm(unsigned n, bool good)
{
	calls = 0;
	fail_at = n;
	for_good = good;
	armed = true;
}

/* Did the failure come to pass? */
static bool disarm(void)
{
	armed = false;
	return calls > fail_at;
}

#endif
