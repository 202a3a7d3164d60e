/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/hv/weft_vmm_guest.h"

#include "base/file.h"

#include <dirent.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char kernel[PATH_MAX + 32];

void guest(struct one *b, const char *payload)
{
	char self[PATH_MAX] = "";

	assert_true(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	snprintf(kernel, sizeof(kernel), "%s/payloads/%s", dirname(dirname(self)), payload);
	b->conf.kernel = kernel;
}

int set_up(void **state)
{
	one_set_up(state);
	one_place(*state, "r1");
	guest(*state, "loop");
	return 0;
}

bool said(const struct one *b, const char *text)
{
	char path[200];
	struct buf log = { 0 };
	bool yes;

	snprintf(path, sizeof(path), "%s/console.log", b->dir);
	assert_int_equal(file_read(path, 1 << 20, &log, NULL), 0);
	buf_u8(&log, 0);
	yes = strstr((const char *)log.data, text);
	buf_free(&log);
	return yes;
}

void assert_filtered(pid_t pid)
{
	char path[64], status[96];
	struct dirent *e;
	unsigned count = 0;
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	tasks = opendir(path);
	assert_non_null(tasks);
	while ((e = readdir(tasks))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(status, sizeof(status), "task/%.20s/status", e->d_name);
		assert_non_null(strstr(of_process(pid, status), "\nSeccomp:\t2\n"));
		count++;
	}
	closedir(tasks);
	assert_true(count >= 2);
}

bool weft_vmm_works(void)
{
	if (geteuid() != 0 || access("/dev/kvm", R_OK | W_OK) < 0) {
		print_message("skipped: it needs root and /dev/kvm\n");
		return false;
	}
	signal(SIGPIPE, SIG_IGN); /* as weftd: a machine may be gone before it is told something */
	assert_int_equal(hv_use("weft-vmm", NULL), 0);
	return true;
}
