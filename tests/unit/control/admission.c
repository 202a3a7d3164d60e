/* SPDX-License-Identifier: Apache-2.0 */
/* The sums of admission, and how they are said. */
#include "control/admission.h"
#include "tests/unit/test.h"

#include <errno.h>

static void come(struct admission *a, unsigned count, unsigned mib)
{
	while (count--)
		admission_add(a, mib);
}

/* A machine with memory for anything, and CPUs. */
static struct admission large(void)
{
	return (struct admission){ .vnet = "red", .total_mib = 1 << 20, .free_mib = 1 << 20, .cpus = 1000 };
}

static void memory_is_summed(void **state)
{
	struct admission a = { .vnet = "red", .cpus = 64, .total_mib = 23962, .free_mib = 6246,
			       .promised_mib = 1229 };
	struct err err;

	come(&a, 117, 70);
	come(&a, 2, 235);
	admission_add(&a, 70);
	assert_int_equal(admission_judge(&a, &err), -ENOSPC);
	assert_string_equal(err.text,
			    "red needs 8.5 GiB for 120 routers (118 x 70 MiB + 2 x 235 MiB); 6.1 GiB of "
			    "23.4 GiB are free, 1.2 GiB of them promised to routers that still start and "
			    "1.2 GiB kept for the machine: take routers away, or give the machine memory");
	assert_int_equal(admission_judge(&a, NULL), -ENOSPC);
}

static void memory_fits_to_the_last_mib(void **state)
{
	struct admission a = { .vnet = "red", .cpus = 64, .total_mib = 1000, .free_mib = 370,
			       .promised_mib = 110 };
	struct err err;

	come(&a, 3, 70); /* + 110 promised + 50 kept */
	assert_int_equal(admission_judge(&a, &err), 0);
	a.free_mib--;
	assert_int_equal(admission_judge(&a, &err), -ENOSPC);
	a.free_mib++;
	a.promised_mib++;
	assert_int_equal(admission_judge(&a, &err), -ENOSPC);
}

static void many_kinds_are_not_all_said(void **state)
{
	struct admission a = { .vnet = "red", .cpus = 64, .total_mib = 2048, .free_mib = 1000 };
	struct err err;

	for (unsigned i = 0; i < 6; i++)
		admission_add(&a, 300 + i);
	assert_int_equal(admission_judge(&a, &err), -ENOSPC);
	assert_string_equal(err.text,
			    "red needs 1.8 GiB for 6 routers (1 x 300 MiB + 1 x 301 MiB + 1 x 302 MiB + 1 x "
			    "303 MiB + ...); 1000 MiB of 2.0 GiB are free, 0 MiB of them promised to routers "
			    "that still start and 102 MiB kept for the machine: take routers away, or give "
			    "the machine memory");
}

static void all_routers_share_the_cpus(void **state)
{
	struct admission a = large();
	struct err err;

	a.cpus = 2;
	a.staying = 40;
	come(&a, 98, 70); /* 138 x 1.3 % = 1.794 of 1.8 cores */
	assert_int_equal(admission_judge(&a, &err), 0);
	a.staying++;
	assert_int_equal(admission_judge(&a, &err), -ENOSPC);
	assert_string_equal(err.text,
			    "red brings 98 routers, beside 41 that run: each keeps 1.3 % of a core busy (TCG), "
			    "which makes 1.8 cores of the 1.8 that 2 CPUs have for routers: take routers away, "
			    "or give the machine CPUs");
	a.kvm = true;
	assert_int_equal(admission_judge(&a, &err), 0);
	a.staying = 503;
	assert_int_equal(admission_judge(&a, &err), -ENOSPC);
}

static void huge_pages_are_counted(void **state)
{
	struct admission a = large();
	struct err err;

	admission_add(&a, 75);
	a.huge_need = a.huge_free = 80;
	assert_int_equal(admission_judge(&a, &err), 0);
	a.huge_free += 9;
	a.huge_promised = 10; /* to routers that have not started */
	assert_int_equal(admission_judge(&a, &err), -ENOSPC);
	assert_string_equal(err.text,
			    "red needs 80 huge pages of 2 MiB for the memory of its routers; 79 are free: set "
			    "more aside (sysctl vm.nr_hugepages), or take hugepages away");
}

static void guarantees_leave_a_tenth(void **state)
{
	struct admission a = large();
	struct err err;

	a.workers = 1;
	a.guarantee = 250;
	a.guaranteed = 650;
	assert_int_equal(admission_judge(&a, &err), 0);
	a.guaranteed++;
	assert_int_equal(admission_judge(&a, &err), -ENOSPC);
	assert_string_equal(err.text,
			    "red asks for a guarantee of 0.250 cores; 0.249 cores are left of the 0.900 "
			    "cores that may be guaranteed with 1 forwarding, others have 0.651 cores: lower "
			    "the guarantee, or take another vnet's away");
	a.workers = 2;
	assert_int_equal(admission_judge(&a, &err), 0);
	a.guarantee = 1800 - 651;
	assert_int_equal(admission_judge(&a, &err), 0);
	a.guarantee++;
	assert_int_equal(admission_judge(&a, &err), -ENOSPC);
	a.guaranteed = 5000; /* an engine that has fewer cores than the one before */
	a.guarantee = 1;
	assert_int_equal(admission_judge(&a, &err), -ENOSPC);
	a.guarantee = 0;
	assert_int_equal(admission_judge(&a, &err), 0);
}

static void what_brings_nothing_is_never_refused(void **state)
{
	struct admission a = { .vnet = "red", .cpus = 1, .total_mib = 1000, .promised_mib = 5000,
			       .staying = 1000 };

	assert_int_equal(admission_judge(&a, NULL), 0);
}

static void sums_do_not_wrap(void **state)
{
	struct admission a = large();

	a.total_mib = a.free_mib = 24000;
	come(&a, 1024, 16384 + 75);
	assert_int_equal(admission_judge(&a, NULL), -ENOSPC);
	a = large();
	for (unsigned i = 0; i < ADMISSION_KINDS_MAX + 5; i++)
		admission_add(&a, i);
	assert_int_equal(a.kind_count, ADMISSION_KINDS_MAX);
	assert_int_equal(admission_judge(&a, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_summed),
		cmocka_unit_test(memory_fits_to_the_last_mib),
		cmocka_unit_test(many_kinds_are_not_all_said),
		cmocka_unit_test(all_routers_share_the_cpus),
		cmocka_unit_test(huge_pages_are_counted),
		cmocka_unit_test(guarantees_leave_a_tenth),
		cmocka_unit_test(what_brings_nothing_is_never_refused),
		cmocka_unit_test(sums_do_not_wrap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
