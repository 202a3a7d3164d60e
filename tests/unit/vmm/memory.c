/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/vmm/memory_priv.h"
#include "tests/unit/test.h"

#include <string.h>

enum { MIB = 1 << 20, HUGE_PAGE = 2 * MIB };

/* Whatever else is mapped, what is at a multiple of 2 MiB for the guest is so for us. */
static void lies_as_the_guest_sees_it(void **state)
{
	struct memory m[8];

	for (unsigned i = 0; i < 8; i++) {
		assert_int_equal(memory_create(&m[i], (16 + i) * MIB, i % 2, NULL), 0);
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

		assert_int_equal(memory_create(&m, 16 * MIB, shared, NULL), 0);
		memset(m.host, 1, 4 * 4096);
		memory_give_back(&m, m.host + 4095, 2 * 4096);
		assert_int_equal(m.host[4095], 1);
		assert_int_equal(m.host[4096], 0);
		assert_int_equal(m.host[2 * 4096 - 1], 0);
		assert_int_equal(m.host[2 * 4096], 1);
		memory_destroy(&m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lies_as_the_guest_sees_it),
		cmocka_unit_test(gives_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
