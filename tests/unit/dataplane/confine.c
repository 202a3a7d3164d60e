/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/confine_priv.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <pthread.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/prctl.h>
#include <unistd.h>

static void *thread(void *arg)
{
	*(int *)arg = 1;
	return NULL;
}

/* What an intruder would want fails; what an engine needs works. */
static void gives_up_and_keeps(void **state)
{
	char *argv[] = { "/bin/true", NULL };
	struct err err;
	pthread_t t;
	int ran = 0;

	assert_int_equal(confine(0, 0, &err), 0);
	assert_int_equal(execv(argv[0], argv), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(fork(), -1);
	assert_int_equal(ptrace(PTRACE_TRACEME, 0, NULL, NULL), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(mount("none", "/tmp", "tmpfs", 0, NULL), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
	assert_int_equal(pthread_create(&t, NULL, thread, &ran), 0);
	pthread_join(t, NULL);
	assert_int_equal(ran, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(gives_up_and_keeps) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
