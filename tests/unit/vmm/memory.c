/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/vmm/memory_priv.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MIB = 1 << 20, HUGE_PAGE = 2 * MIB };

/* Whatever else is mapped, what is at a multiple of 2 MiB for the guest is so for us. */
static void lies_as_the_guest_sees_it(void **state)
{
	struct memory m[8];

	for (unsigned i = 0; i < 8; i++) {
		assert_int_equal(memory_create(&m[i], (16 + i) * MIB, i % 2 ? MEMORY_SHARED : MEMORY_OWN, NULL),
				 0);
		assert_int_equal((uintptr_t)m[i].host % HUGE_PAGE, 0);
		assert_int_equal(memory_is_shared(&m[i]), i % 2);
		m[i].host[m[i].size - 1] = 1;
	}
	for (unsigned i = 0; i < 8; i++)
		memory_destroy(&m[i]);
}

/* Whole pages, and nothing beside them. */
static void gives_back(void **state)
{
	for (unsigned shared = 0; shared < 2; shared++) {
		struct memory m;

		assert_int_equal(memory_create(&m, 16 * MIB, shared ? MEMORY_SHARED : MEMORY_OWN, NULL), 0);
		memset(m.host, 1, 4 * 4096);
		memory_give_back(&m, m.host + 4095, 2 * 4096);
		assert_int_equal(m.host[4095], 1);
		assert_int_equal(m.host[4096], 0);
		assert_int_equal(m.host[2 * 4096 - 1], 0);
		assert_int_equal(m.host[2 * 4096], 1);
		memory_destroy(&m);
	}
}

static unsigned long huge(const char *key)
{
	FILE *f = fopen("/proc/meminfo", "r");
	unsigned long value = 0;
	char line[128];

	while (f && fgets(line, sizeof(line), f))
		if (strncmp(line, key, strlen(key)) == 0)
			value = strtoul(line + strlen(key), NULL, 10);
	fclose(f);
	return value;
}

static unsigned long huge_pages(void)
{
	return huge("Hugepagesize:") == 2048 ? huge("HugePages_Free:") - huge("HugePages_Rsvd:") : 0;
}

/* They are taken when it is made, and none is lost while it is used. */
static void huge_pages_are_kept(void **state)
{
	struct memory m;

	if (huge_pages() < 16)
		skip();
	assert_int_equal(memory_create(&m, 16 * MIB, MEMORY_SHARED_HUGE, NULL), 0);
	assert_true(memory_is_shared(&m));
	assert_int_equal((uintptr_t)m.host % HUGE_PAGE, 0);
	memset(m.host, 1, m.size);
	memory_give_back(&m, m.host, m.size);
	assert_int_equal(m.host[m.size - 1], 1);
	memory_destroy(&m);
}

static void too_few_huge_pages_are_an_error(void **state)
{
	uint64_t all = (uint64_t)(huge("HugePages_Total:") + 1) * HUGE_PAGE;
	struct err err = { "" };
	struct memory m;

	assert_int_equal(memory_create(&m, 17 * MIB, MEMORY_SHARED_HUGE, &err), -EINVAL);
	memory_destroy(&m);
	if (huge("Hugepagesize:") != 2048)
		skip();
	assert_int_equal(memory_create(&m, all, MEMORY_SHARED_HUGE, &err), -ENOMEM);
	assert_non_null(strstr(err.text, "huge pages of 2 MiB are not free"));
	memory_destroy(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lies_as_the_guest_sees_it),
		cmocka_unit_test(gives_back),
		cmocka_unit_test(huge_pages_are_kept),
		cmocka_unit_test(too_few_huge_pages_are_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
