/* SPDX-License-Identifier: Apache-2.0 */
/* What page tables say of a guest's memory, and tables that lie. */
#include "tests/unit/test.h"

#include "hv/vmm/core_priv.h"

#include <string.h>

enum { RAM = 1 << 20, PAGE = 4096, PRESENT = 1, LARGE = 0x80, MAX = 64 };

static uint64_t ram[RAM / 8];
static const struct guest_mem mem = { 1, { { 0x100000, RAM, (uint8_t *)ram } } };
static struct core_run run[MAX];

/* Entry i of the table at page `table` of the memory. */
static void set(unsigned table, unsigned i, uint64_t value)
{
	ram[table * (PAGE / 8) + i] = value;
}

static uint64_t page(unsigned n)
{
	return 0x100000 + (uint64_t)n * PAGE;
}

static int clear(void **state)
{
	memset(ram, 0, sizeof(ram));
	return 0;
}

static void small_and_large(void **state)
{
	set(0, 256, page(1) | PRESENT); /* 0xffff8000... */
	set(1, 1, page(2) | PRESENT);
	set(2, 0, page(3) | PRESENT);
	set(3, 5, page(7) | PRESENT);
	set(3, 6, page(8) | PRESENT);
	set(3, 7, page(20) | PRESENT);
	set(2, 3, 0 | LARGE | PRESENT); /* the first 2 MiB, of which half is memory */
	assert_int_equal(core_walk(&mem, page(0), run, MAX), 3);
	assert_int_equal(run[0].at, 0xffff800040005000ull);
	assert_int_equal(run[0].gpa, page(7));
	assert_int_equal(run[0].len, 2 * PAGE);
	assert_int_equal(run[1].at, 0xffff800040007000ull);
	assert_int_equal(run[1].gpa, page(20));
	assert_int_equal(run[2].at, 0xffff800040700000ull);
	assert_int_equal(run[2].gpa, 0x100000);
	assert_int_equal(run[2].len, RAM);
	assert_int_equal(core_walk(&mem, page(0), run, 2), 2);
}

/* All entries of a table name the table: it is over soon, and nothing outside the memory is
 * named. */
static void in_circles(void **state)
{
	unsigned n;

	for (unsigned i = 0; i < PAGE / 8; i++)
		set(0, i, page(0) | PRESENT);
	n = core_walk(&mem, page(0), run, MAX);
	assert_int_equal(n, MAX);
	for (unsigned i = 0; i < n; i++)
		assert_true(run[i].gpa >= 0x100000 && run[i].gpa + run[i].len <= 0x100000 + RAM);
	for (unsigned i = 0; i < PAGE / 8; i++)
		set(1, i, (1ull << 45) | LARGE | PRESENT); /* nowhere, by too many tables */
	for (unsigned i = 0; i < PAGE / 8; i++)
		set(0, i, page(i % 2) | PRESENT);
	core_walk(&mem, page(0), run, MAX);
	assert_int_equal(core_walk(&mem, ~0ull, run, MAX), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(small_and_large, clear),
		cmocka_unit_test_setup(in_circles, clear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
