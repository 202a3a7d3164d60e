/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"
#include "hv/ram_priv.h"
#include "tests/unit/hv/bed.h"

#include <dirent.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static void machines_start_from_a_template(void **state)
{
	struct bed *b = *state;
	uint8_t *was = make_template(b), byte = 99;
	struct stat ram = stat_of(b, "t/ram");

	assert_int_equal(ram.st_size, MEMORY);
	assert_in_range(ram.st_blocks * 512, 8192, MEMORY / 4);
	assert_in_range(stat_of(b, "t/state").st_size, 10000, 2 << 20);
	assert_int_equal(stat_of(b, "t").st_mode & 0777, 0700);
	assert_no_leftovers(b, b->top);
	b->a.conf.nic_count = b->b.conf.nic_count = 1; /* which the template had not */
	start(&b->a, below(b, "t"), true);
	assert_memory(&b->a, was);
	assert_int_equal(file_remove_tree(below(b, "t"), NULL), 0);
	hv_resume(b->a.m);
	await(&b->a, HV_RESUMED);
	peek(&b->a, 22 << 20, &byte, 1, true);
	pause_guest(&b->a);
	free(was);
}

/* The jail's /fd is the machine's own descriptors, and there only where it needs them. */
static void descriptors_are_named_in_the_jail(void **state)
{
	struct bed *b = *state;
	char path[80], to[64] = "", *end;
	struct stat st, want;
	DIR *d;

	free(make_template(b));
	start(&b->a, NULL, true);
	snprintf(path, sizeof(path), "/proc/%d/root/fd", (int)hv_pid(b->a.m));
	assert_int_not_equal(access(path, F_OK), 0);
	start(&b->b, below(b, "t"), true);
	snprintf(path, sizeof(path), "/proc/%d/root/fd/4", (int)hv_pid(b->b.m));
	assert_true(readlink(path, to, sizeof(to) - 1) > 0);
	assert_memory_equal(to, "/memfd:weft-ram", 15);
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)hv_pid(b->b.m));
	assert_int_equal(stat(path, &want), 0);
	snprintf(path, sizeof(path), "/proc/%d/root/fd", (int)hv_pid(b->b.m));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_ino, want.st_ino);
	d = opendir(path); /* and none of ours */
	for (struct dirent *e; (e = readdir(d));) {
		char link[PATH_MAX], file[PATH_MAX] = "";

		if (strtol(e->d_name, &end, 10) < 3 || *end)
			continue;
		snprintf(link, sizeof(link), "%s/%s", path, e->d_name);
		if (readlink(link, file, sizeof(file) - 1) > 0 && file[0] == '/' &&
		    strncmp(file, "/memfd:weft-ram", 15) != 0 && !strstr(file, "/t/state") &&
		    !strstr(file, "/b,1/"))
			fail_msg("%s is open", file);
	}
	closedir(d);
}

static void clones_do_not_see_each_other(void **state)
{
	struct bed *b = *state;
	uint8_t *was = make_template(b), byte = 99, other;

	start(&b->a, below(b, "t"), true);
	start(&b->b, below(b, "t"), false);
	busy_firmware();
	pause_guest(&b->b);
	peek(&b->b, 20 << 20, &byte, 1, true);
	peek(&b->a, 20 << 20, &other, 1, false);
	assert_int_equal(other, 7);
	assert_memory(&b->a, was);
	free(was);
}

static void pause_and_resume_answer_each_time(void **state)
{
	struct bed *b = *state;
	struct err err = { "" };
	int64_t paused, now = (int64_t)time(NULL) * 1000000;

	b->a.conf.paused = false;
	assert_int_equal(hv_start(b->base, &b->a.conf, seen, &b->a, &b->a.m, &err), 0);
	assert_int_equal(hv_instant(b->a.m), 0);
	for (unsigned i = 0; i < 2; i++) { /* before it is up */
		hv_pause(b->a.m);
		hv_resume(b->a.m);
	}
	hv_pause(b->a.m);
	hv_pause(b->a.m);
	await(&b->a, HV_RUNNING);
	for (unsigned i = 0; i < 2; i++)
		await(&b->a, HV_RESUMED);
	for (unsigned i = 0; i < 4; i++)
		await(&b->a, HV_PAUSED);
	paused = hv_instant(b->a.m);
	assert_in_range(paused, now - 1000000, now + 60000000);
	pause_guest(&b->a); /* it stands already */
	assert_int_equal(hv_instant(b->a.m), paused);
	hv_resume(b->a.m);
	await(&b->a, HV_RESUMED);
	assert_true(hv_instant(b->a.m) > paused);
	/* Nothing is written of one that runs. */
	assert_int_equal(hv_save(b->a.m, below(b, "d"), false, &err), 0);
	await(&b->a, HV_NOT_SAVED);
	assert_non_null(strstr(b->a.reason, "not paused"));
	assert_int_equal(stat_of(b, "d").st_ino, 0);
	pause_guest(&b->a);
	assert_int_equal(hv_save(b->a.m, below(b, "d"), false, &err), 0);
	assert_int_equal(hv_save(b->a.m, below(b, "e"), false, &err), -EBUSY);
	await(&b->a, HV_SAVED);
	/* QEMU sends once a pause. */
	assert_int_equal(hv_save(b->a.m, below(b, "e"), false, &err), 0);
	await(&b->a, HV_NOT_SAVED);
	assert_non_null(strstr(b->a.reason, "previous migration"));
	hv_resume(b->a.m);
	await(&b->a, HV_RESUMED);
	pause_guest(&b->a);
	save(&b->a, below(b, "e"), false);
	assert_no_leftovers(b, b->top);
	assert_int_equal(hv_save(b->a.m, b->top, false, &err), -EEXIST);
}

static void another_size_is_refused(void **state)
{
	struct bed *b = *state;
	struct err err = { "" };

	free(make_template(b));
	b->a.conf.from = below(b, "t");
	b->a.conf.memory_mib = 48;
	assert_int_equal(hv_start(b->base, &b->a.conf, seen, &b->a, &b->a.m, &err), -EINVAL);
	b->a.conf.memory_mib = MEMORY_MIB;
	assert_int_equal(truncate(below(b, "t/ram"), 4096), 0);
	assert_int_equal(hv_start(b->base, &b->a.conf, seen, &b->a, &b->a.m, &err), -EBADMSG);
	b->a.conf.from = below(b, "none");
	assert_int_equal(hv_start(b->base, &b->a.conf, seen, &b->a, &b->a.m, &err), -ENOENT);
}

static void shared_memory_is_sealed(void **state)
{
	struct bed *b = *state;
	struct ram *one, *two;
	struct stat st;
	struct err err;
	int fd = open(below(b, "ram"), O_RDWR | O_CREAT, 0600), path_fd;
	char path[64], byte = 0;

	assert_int_equal(ftruncate(fd, MEMORY), 0);
	assert_int_equal(pwrite(fd, "x", 1, 5 << 20), 1);
	assert_int_equal(ram_get(fd, MEMORY, &one, &err), 0);
	assert_int_equal(ram_get(fd, MEMORY, &two, &err), 0);
	assert_ptr_equal(one, two);
	assert_int_equal(fstat(ram_fd(one), &st), 0);
	assert_true(st.st_blocks * 512 <= 4 * PAGE);
	assert_int_equal(pread(ram_fd(one), &byte, 1, 5 << 20), 1);
	assert_int_equal(byte, 'x');
	snprintf(path, sizeof(path), "/proc/self/fd/%d", ram_fd(one));
	path_fd = open(path, O_RDWR);
	assert_true(path_fd >= 0);
	assert_int_equal(pwrite(path_fd, "y", 1, 0), -1);
	assert_ptr_equal(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, path_fd, 0), MAP_FAILED);
	assert_int_equal(ftruncate(path_fd, 0), -1);
	close(path_fd);
	ram_put(one);
	assert_int_equal(fcntl(ram_fd(two), F_GET_SEALS),
			 F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	ram_put(two);
	close(fd);
}

static void only_what_matters_is_in_the_fingerprint(void **state)
{
	struct bed *b = *state;
	struct buf one = { 0 }, two = { 0 }, three = { 0 };
	struct err err;

	b->b.conf.nic_count = 1;
	b->b.conf.from = "/t";
	b->b.conf.paused = true;
	b->b.conf.initrd = "/i";
	assert_int_equal(hv_fingerprint(&b->a.conf, &one, &err), 0);
	assert_int_equal(hv_fingerprint(&b->b.conf, &two, &err), 0);
	assert_int_equal(one.len, two.len);
	assert_memory_equal(one.data, two.data, one.len);
	b->b.conf.kernel = "/k";
	b->b.conf.cmdline = "quiet";
	assert_int_equal(hv_fingerprint(&b->b.conf, &three, &err), 0);
	buf_u8(&three, 0);
	assert_non_null(strstr((char *)three.data, "\nquiet\n"));
	buf_free(&one);
	buf_free(&two);
	buf_free(&three);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_BED(machines_start_from_a_template),
		WITH_BED(descriptors_are_named_in_the_jail),
		WITH_BED(clones_do_not_see_each_other),
		WITH_BED(pause_and_resume_answer_each_time),
		WITH_BED(another_size_is_refused),
		WITH_BED(shared_memory_is_sealed),
		WITH_BED(only_what_matters_is_in_the_fingerprint),
	};

	return bed_possible() ? cmocka_run_group_tests(tests, NULL, NULL) : 77;
}
