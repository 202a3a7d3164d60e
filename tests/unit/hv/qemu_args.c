/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/machine_priv.h"
#include "hv/qemu_priv.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <string.h>

static const struct hv_nic nics[] = {
	{ .mac = { 2, 0, 0, 0, 0, 1 }, .mtu = 1500, .peer = "/run/p,1", .local = "/run/r1/e1" },
	{ .mac = { 2, 0, 0, 0, 0, 2 }, .mtu = 9000, .peer = "/run/v", .vhost_user = true },
};

static struct hv_conf conf_of(unsigned nic_count)
{
	return (struct hv_conf){ .name = "red/r1", .dir = "/run/r1", .uid = 5, .kernel = "/k",
				 .initrd = "/i", .cmdline = "a=b,c", .memory_mib = 160, .cpus = 1,
				 .nic_count = nic_count, .nics = nics };
}

static bool has(const struct args *a, const char *text)
{
	for (unsigned i = 0; i < a->count; i++)
		if (strstr(a->argv[i], text))
			return true;
	return false;
}

static void relay_keeps_memory_private(void **state)
{
	struct hv_conf conf = conf_of(1);
	struct args a;

	assert_int_equal(qemu_args_build(&conf, false, false, &a), 0);
	assert_true(has(&a, "tcg,thread=single,tb-size=32"));
	assert_true(has(&a, "dgram,id=n0,local.type=unix,local.path=/run/r1/e1,"
			    "remote.type=unix,remote.path=/run/p,,1"));
	assert_true(has(&a, "mac=02:00:00:00:00:01,addr=3.0,multifunction=on,romfile=,"));
	assert_true(has(&a, "a=b,c"));
	assert_false(has(&a, "a=b,,c"));
	assert_true(has(&a, "memory-backend-ram,id=ram,size=160M"));
	assert_false(has(&a, "memfd"));
	assert_false(has(&a, "-incoming"));
	assert_false(has(&a, "-S"));
	assert_false(has(&a, "host_mtu"));
	args_free(&a);
}

static void vhost_user_shares_memory(void **state)
{
	struct hv_conf conf = conf_of(2);
	struct args a;

	assert_int_equal(qemu_args_build(&conf, false, false, &a), 0);
	assert_true(has(&a, "memory-backend-memfd,id=ram,size=160M,share=on"));
	assert_true(has(&a, ",memory-backend=ram"));
	assert_true(has(&a, "host_mtu=9000,vectors=0"));
	args_free(&a);
	assert_int_equal(qemu_args_build(&conf, true, false, &a), 0);
	assert_false(has(&a, "vectors=0"));
	assert_false(has(&a, "tcg"));
	args_free(&a);
}

static void vhost_user_has_pairs_and_huge_pages(void **state)
{
	struct hv_nic nic = nics[1];
	struct hv_conf conf = conf_of(1);
	struct err err;
	struct args a;

	nic.pairs = 4;
	conf.nics = &nic;
	conf.huge_pages = true;
	assert_int_equal(machine_check(&conf, &err), 0);
	assert_int_equal(qemu_args_build(&conf, true, false, &a), 0);
	assert_true(has(&a, "size=160M,share=on,hugetlb=on,hugetlbsize=2M"));
	assert_true(has(&a, "vhost-user,id=n0,chardev=v0,queues=4"));
	assert_true(has(&a, "host_mtu=9000,mq=on,vectors=10"));
	args_free(&a);
	assert_int_equal(qemu_args_build(&conf, false, false, &a), 0);
	assert_true(has(&a, "host_mtu=9000,mq=on,vectors=0"));
	args_free(&a);
	conf.memory_mib = 161;
	assert_int_equal(machine_check(&conf, &err), -EINVAL);
	conf.memory_mib = 160;
	nic.pairs = 9;
	assert_int_equal(machine_check(&conf, &err), -EINVAL);
	conf.nics = nics; /* a relay */
	assert_int_equal(machine_check(&conf, &err), -EINVAL);
}

static void a_saved_machine_is_loaded(void **state)
{
	struct hv_conf conf = conf_of(1);
	struct args a;
	struct err err;

	conf.from = "/saved";
	conf.paused = true;
	assert_int_equal(qemu_args_build(&conf, false, true, &a), 0);
	assert_true(has(&a, "memory-backend-file,id=ram,size=160M,mem-path=/fd/4,share=off"));
	assert_true(has(&a, "fd:3"));
	assert_true(has(&a, "-S"));
	assert_true(has(&a, "/kernel"));
	assert_false(has(&a, "/initrd"));
	args_free(&a);
	assert_int_equal(machine_check(&conf, &err), 0);
	conf.nic_count = 2;
	assert_int_equal(machine_check(&conf, &err), -EINVAL);
	assert_non_null(strstr(err.text, "vhost-user"));
}

static void what_cannot_be_a_machine_is_refused(void **state)
{
	struct hv_nic far = nics[0];
	struct hv_conf conf = conf_of(1);
	struct err err;

	assert_int_equal(machine_check(&conf, &err), 0);
	conf.uid = 0;
	assert_int_equal(machine_check(&conf, &err), -EINVAL);
	conf.uid = 5;
	far.local = "/run/r1/../r2/e1";
	conf.nics = &far;
	assert_int_equal(machine_check(&conf, &err), -EINVAL);
}

static void a_nic_for_management_comes_first(void **state)
{
	struct hv_conf conf = conf_of(1);
	struct args a;

	conf.manage = true;
	assert_int_equal(qemu_args_build(&conf, false, false, &a), 0);
	assert_true(has(&a, "user,id=manage,ipv6=off,net=169.254.251.0/24,host=169.254.251.2"));
	assert_true(has(&a, "mac=02:00:00:00:00:02,addr=3.0,multifunction=on,"));
	assert_true(has(&a, "mac=02:00:00:00:00:01,addr=3.1,romfile=,"));
	args_free(&a);
	conf.manage = false;
	assert_int_equal(qemu_args_build(&conf, false, false, &a), 0);
	assert_false(has(&a, "user,"));
	args_free(&a);
}

static void only_vmx_and_svm_count(void **state)
{
	assert_true(qemu_cpu_has_vm("x\nflags\t\t: fpu vmx sse\nvmx flags: y\n"));
	assert_true(qemu_cpu_has_vm("x\nflags\t\t: fpu svm"));
	assert_false(qemu_cpu_has_vm("x\nflags\t\t: fpu svm_lock sse\nbugs: svm\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(relay_keeps_memory_private),
		cmocka_unit_test(vhost_user_shares_memory),
		cmocka_unit_test(vhost_user_has_pairs_and_huge_pages),
		cmocka_unit_test(a_saved_machine_is_loaded),
		cmocka_unit_test(what_cannot_be_a_machine_is_refused),
		cmocka_unit_test(a_nic_for_management_comes_first),
		cmocka_unit_test(only_vmx_and_svm_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
